// A CUDA launch in plain C++: one thread per CUDA thread, all blocks at once, one real barrier and one shared array per
// block. Nothing else orders the threads, so ThreadSanitizer sees every race that the kernels' own barriers don't forbid,
// even where two threads never run at the same time. Arrays have their exact size, so AddressSanitizer sees stray reads.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace emulate {

struct Block {
    std::mutex mutex;
    std::condition_variable all_here;
    int waiting = 0, finished = 0, round = 0;
    std::unique_ptr<float[]> shared;
};

inline int blocks, threads;
inline thread_local int block, thread;
inline thread_local Block* here;

inline float* shared_floats() { return here->shared.get(); }

[[noreturn]] inline void fail(const char* why) {
    std::fprintf(stderr, "emulate: block %d, thread %d: %s\n", block, thread, why);
    std::_Exit(3);
}

inline void barrier() {
    std::unique_lock<std::mutex> lock(here->mutex);
    if (here->finished)
        fail("waits at a barrier that another thread of the block went past");
    if (++here->waiting == threads) {
        here->waiting = 0;
        here->round++;
        here->all_here.notify_all();
        return;
    }
    const int round = here->round;
    here->all_here.wait(lock, [round] { return here->round != round; });
}

inline void finish() {
    std::lock_guard<std::mutex> lock(here->mutex);
    if (here->waiting)
        fail("went past a barrier at which another thread of the block waits");
    here->finished++;
}

template <class Kernel>
void launch(int grid, int size, Kernel kernel) {
    blocks = grid;
    threads = size;
    const std::unique_ptr<Block[]> all(new Block[grid]);
    std::vector<std::thread> running;
    for (int b = 0; b < grid; b++) {
        all[b].shared.reset(new float[size]);
        std::fill_n(all[b].shared.get(), size, std::numeric_limits<float>::quiet_NaN());
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
}

template <class T>
T take(std::FILE* in) {
    T value;
    if (std::fread(&value, sizeof value, 1, in) != 1)
        fail("the input ends too early");
    return value;
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
