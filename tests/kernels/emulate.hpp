// A CUDA launch in plain C++: one thread per CUDA thread, all blocks at once, one real barrier and one shared array per
// block, and warps that exchange values. Nothing but the barrier orders the threads, so ThreadSanitizer sees every race that
// the kernels' own barriers don't forbid, even where two threads never run at the same time. Arrays have their exact size,
// so AddressSanitizer sees stray reads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace emulate {

constexpr int WARP_THREADS = 32, SHARED_BYTES = 4096;

// Where none of some threads goes on before all have come, time after time; a block has a mutex for all of its own.
struct Meeting {
    std::condition_variable all_here;
    int waiting = 0, round = 0;

    void join(std::unique_lock<std::mutex>& lock, int all) {
        if (++waiting == all) {
            waiting = 0;
            round++;
            all_here.notify_all();
            return;
        }
        const int joined = round;
        all_here.wait(lock, [this, joined] { return round != joined; });
    }
};

// Lanes give values for two exchanges in turn: who gives the next one has not taken the last for certain.
struct Warp {
    Meeting exchange;
    int at_barrier = 0, finished = 0;
    std::atomic<unsigned> given[2][WARP_THREADS];
};

struct Block {
    std::mutex mutex;
    Meeting barrier;
    int finished = 0, barriers = 0;
    std::unique_ptr<char[]> shared;
    std::unique_ptr<Warp[]> warps;
};

inline int blocks, threads;
inline thread_local int block, thread;
inline thread_local unsigned exchanges;
inline thread_local Block* here;

// A block's shared memory, as an array that ends with it.
template <class T>
T* shared_array(int length) {
    return (T*)(here->shared.get() + SHARED_BYTES) - length;
}

[[noreturn]] inline void fail(const char* why) {
    std::fprintf(stderr, "emulate: block %d, thread %d: %s\n", block, thread, why);
    std::_Exit(3);
}

inline Warp& warp() { return here->warps[thread / WARP_THREADS]; }

inline void barrier() {
    std::unique_lock<std::mutex> lock(here->mutex);
    if (here->finished)
        fail("waits at a barrier that another thread of the block went past");
    if (warp().exchange.waiting)
        fail("waits at a barrier while others of its warp exchange values");
    here->barriers += thread == 0;
    warp().at_barrier++;
    here->barrier.join(lock, threads);
    warp().at_barrier = 0;
}

inline void finish() {
    std::lock_guard<std::mutex> lock(here->mutex);
    if (here->barrier.waiting)
        fail("went past a barrier at which another thread of the block waits");
    if (warp().exchange.waiting)
        fail("went past an exchange that others of its warp wait for");
    here->finished++;
    warp().finished++;
}

}  // namespace emulate

extern "C" {
#define ANNOTATION(name) void Annotate##name(const char* file, int line) __attribute__((weak));
ANNOTATION(IgnoreSyncBegin)
ANNOTATION(IgnoreSyncEnd)
ANNOTATION(IgnoreReadsBegin)
ANNOTATION(IgnoreReadsEnd)
ANNOTATION(IgnoreWritesBegin)
ANNOTATION(IgnoreWritesEnd)
}

namespace emulate {

// While there is one, ThreadSanitizer, where it is there, does not look: no thread is ordered behind another.
struct Unseen {
    Unseen() {
        if (!AnnotateIgnoreSyncBegin)
            return;
        AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
        AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
        AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    }
    ~Unseen() {
        if (!AnnotateIgnoreSyncEnd)
            return;
        AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
        AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
        AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    }
};

// What every lane of the warp has given. As on a GPU, this orders no other reads and writes.
inline const std::atomic<unsigned>* exchange(unsigned value) {
    const Unseen unseen;
    std::atomic<unsigned>* given = warp().given[exchanges++ % 2];
    given[thread % WARP_THREADS].store(value, std::memory_order_relaxed);
    std::unique_lock<std::mutex> lock(here->mutex);
    if (warp().finished)
        fail("exchanges values when another thread of its warp has ended");
    if (warp().at_barrier)
        fail("exchanges values while others of its warp wait at a barrier");
    warp().exchange.join(lock, WARP_THREADS);
    return given;
}

template <class T>
T from_lane(T value, int lane) {
    unsigned bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits = exchange(bits)[lane].load(std::memory_order_relaxed);
    std::memcpy(&value, &bits, sizeof bits);
    return value;
}

inline unsigned flags_of_warp(bool flag) {
    const std::atomic<unsigned>* flags = exchange(flag);
    unsigned all = 0;
    for (int lane = 0; lane < WARP_THREADS; lane++)
        all |= flags[lane].load(std::memory_order_relaxed) << lane;
    return all;
}

// Run a kernel; returns how many barriers the first block went through.
template <class Kernel>
int launch(int grid, int size, Kernel kernel) {
    blocks = grid;
    threads = size;
    const std::unique_ptr<Block[]> all(new Block[grid]);
    std::vector<std::thread> running;
    for (int b = 0; b < grid; b++) {
        all[b].shared.reset(new char[SHARED_BYTES]);
        std::memset(all[b].shared.get(), 0xff, SHARED_BYTES);
        all[b].warps.reset(new Warp[(size + WARP_THREADS - 1) / WARP_THREADS]);
        for (int t = 0; t < size; t++)
            running.emplace_back([&all, &kernel, b, t] {
                block = b;
                thread = t;
                here = &all[b];
                kernel();
                finish();
            });
    }
    for (std::thread& one : running)
        one.join();
    return all[0].barriers;
}

template <class T>
T take(std::FILE* in) {
    T value;
    if (std::fread(&value, sizeof value, 1, in) != 1)
        fail("the input ends too early");
    return value;
}

template <class T>
void give(T value, std::FILE* out) {
    std::fwrite(&value, sizeof value, 1, out);
}

// An array of the input, of its exact size.
template <class T>
struct Array {
    long long bytes;
    std::unique_ptr<char[]> memory;

    explicit Array(std::FILE* in) : bytes(take<long long>(in)), memory(new char[bytes]) {
        if (std::fread(memory.get(), 1, bytes, in) != (size_t)bytes)
            fail("the input ends too early");
    }
    T* data() { return (T*)memory.get(); }
    void give(std::FILE* out) { std::fwrite(memory.get(), 1, bytes, out); }
};

}  // namespace emulate
