// The CPU's worker threads: they do launches, which come one behind the other in a block of words.
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

// Where threads wait for others. Whoever waits watches for a while before it sleeps: what it waits for is often near, and to
// wake a thread takes longer than a small kernel. It soon leaves its core to others meanwhile: what it waits for may need it.
class Signal {
  public:
    template <typename Ready>
    void await(Ready ready) {
        const auto began = std::chrono::steady_clock::now();
        while (!ready()) {
            const auto waited = std::chrono::steady_clock::now() - began;
            if (waited > std::chrono::microseconds(100)) {
                std::unique_lock<std::mutex> hold(mutex);
                changed.wait(hold, ready);
            } else if (waited > std::chrono::microseconds(5)) {
                std::this_thread::yield();
            }
        }
    }

    template <typename Change>
    void tell(Change change) {
        std::lock_guard<std::mutex> hold(mutex);
        change();
        changed.notify_all();
    }

  private:
    std::mutex mutex;
    std::condition_variable changed;
};

// Where none of some threads goes on before all have come, time after time.
class Meeting {
  public:
    explicit Meeting(int all) : all(all) {}

    void join() {
        const long long before = held; // the next is not held before this thread has come
        if (++here < all) {
            signal.await([&] { return held != before; });
            return;
        }
        here = 0;
        signal.tell([this] { held++; });
    }

  private:
    const int all;
    Signal signal;
    std::atomic<int> here{0};
    std::atomic<long long> held{0};
};

// A thread that does what it is given, in that order.
class Worker {
  public:
    Worker() : thread([this] { serve(); }) {}

    ~Worker() {
        give(nullptr, 0);
        thread.join();
    }

    // Nothing at all ends the thread.
    void give(const Word* at, long long words) {
        signal.tell([&] {
            queue.emplace_back(at, at + words);
            open++;
        });
    }

    void finish() {
        signal.await([this] { return open == 0; });
    }

  private:
    void serve() {
        for (;;) {
            signal.await([this] { return open > 0; });
            std::vector<Word> words;
            signal.tell([&] {
                words.swap(queue.front());
                queue.pop_front();
            });
            if (words.empty())
                return;
            do_commands(words.data(), (long long)words.size());
            signal.tell([this] { open--; });
        }
    }

    Signal signal;
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

// Have each worker do its words and wait for all: share 0 is the calling thread's, share w + 1 that of workers[w]. One call, so
// that nothing comes in between when they have to meet.
extern "C" void do_shares(void* const* workers, const Word* const* shares, const long long* words, int count) {
    for (int w = 1; w < count; w++)
        if (words[w])
            give_commands(workers[w - 1], shares[w], words[w]);
    do_commands(shares[0], words[0]);
    for (int w = 1; w < count; w++)
        finish_commands(workers[w - 1]);
}

extern "C" void* open_meeting(int all) { return new Meeting(all); }
extern "C" void close_meeting(void* meeting) { delete (Meeting*)meeting; }
extern "C" void join_meeting(void* meeting) { ((Meeting*)meeting)->join(); }
