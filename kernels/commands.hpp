// The host's workers: threads that do launches, gathered one behind the other in a block of words.
// A launch is [handler, its words in all, arguments...]; a word is 8 bytes: a pointer, an integer or a real number.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

union Word {
    void* pointer;
    long long whole;
    double real;
};

template <typename T>
static T argument(Word word) {
    if constexpr (std::is_pointer_v<T>)
        return (T)word.pointer;
    else if constexpr (std::is_floating_point_v<T>)
        return (T)word.real;
    else
        return (T)word.whole;
}

template <typename... T, std::size_t... I>
static void call(void (*kernel)(T...), const Word* words, std::index_sequence<I...>) {
    kernel(argument<T>(words[I])...);
}

template <typename... T>
static void call(void (*kernel)(T...), const Word* words) {
    call(kernel, words, std::index_sequence_for<T...>());
}

// The handler of a kernel.
#define COMMAND(kernel) \
    extern "C" void command_##kernel(const Word* words) { call(kernel, words); }

// The handler of a function of another library that takes one pointer: its address, then the pointer.
extern "C" void command_foreign(const Word* words) { ((void (*)(void*))words[0].pointer)(words[1].pointer); }

extern "C" void do_commands(const Word* at, long long words) {
    for (const Word* end = at + words; at < end; at += at[1].whole)
        ((void (*)(const Word*))at[0].pointer)(at + 2);
}

// A thread that does what it is given, in that order. Whoever waits watches for a while before it sleeps: the next work is
// often near, and to wake a thread takes longer than a small kernel.
class Worker {
  public:
    Worker() : thread([this] { serve(); }) {}

    ~Worker() {
        give(nullptr, 0);
        thread.join();
    }

    // Nothing at all ends the thread.
    void give(const Word* at, long long words) {
        std::lock_guard<std::mutex> hold(mutex);
        queue.emplace_back(at, at + words);
        open++;
        changed.notify_all();
    }

    void finish() {
        await([this] { return open == 0; });
    }

  private:
    void serve() {
        for (;;) {
            await([this] { return open > 0; });
            std::vector<Word> words;
            {
                std::lock_guard<std::mutex> hold(mutex);
                words.swap(queue.front());
                queue.pop_front();
            }
            if (words.empty())
                return;
            do_commands(words.data(), (long long)words.size());
            std::lock_guard<std::mutex> hold(mutex);
            open--;
            changed.notify_all();
        }
    }

    template <typename Ready>
    void await(Ready ready) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
        while (!ready()) {
            if (std::chrono::steady_clock::now() > until) {
                std::unique_lock<std::mutex> hold(mutex);
                changed.wait(hold, ready);
            }
        }
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::vector<Word>> queue;
    std::atomic<long long> open{0}; // given and not done
    std::thread thread;             // last: it begins when all else is there
};

// Null where the system has no more threads.
extern "C" void* hire_worker() {
    try {
        return new Worker;
    } catch (const std::system_error&) {
        return nullptr;
    }
}

extern "C" void dismiss_worker(void* worker) { delete (Worker*)worker; }
extern "C" void give_commands(void* worker, const Word* at, long long words) { ((Worker*)worker)->give(at, words); }
extern "C" void finish_commands(void* worker) { ((Worker*)worker)->finish(); }
