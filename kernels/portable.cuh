// The dialect every kernel is written in: CUDA C++ for the GPU, plain C++ for the CPU, from one text.
//
// A kernel walks rows with its blocks and columns with its threads:
//
//     FOR_ROWS(row, rows) {
//         FOR_COLUMNS(c, n) { ... }
//     }
//
// On a GPU that spreads rows over blocks and columns over threads. On the CPU there is one block of one thread, so both
// are plain loops and the inner one vectorises. With PTYCHOGUI_EMULATE, every CUDA thread is a C++ thread with real
// barriers, so that sanitizers see the races and stray reads that a GPU would hide.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define BLOCK ((int)blockIdx.x)
#define BLOCKS ((int)gridDim.x)
#define THREAD ((int)threadIdx.x)
#define THREADS ((int)blockDim.x)
#define BARRIER() __syncthreads()
#define SHARED __shared__
#define INDEPENDENT
#define NOT_UNROLLED _Pragma("unroll 1")

#elif defined(PTYCHOGUI_EMULATE)

#include <cmath>
#include <cstring>
#include "emulate.hpp"
#define KERNEL extern "C" void
#define DEVICE static inline
#define BLOCK (emulate::block)
#define BLOCKS (emulate::blocks)
#define THREAD (emulate::thread)
#define THREADS (emulate::threads)
#define BARRIER() emulate::barrier()
#define SHARED
#define INDEPENDENT
#define NOT_UNROLLED

#else

#include <cmath>
#include <cstring>
#define KERNEL extern "C" void
#define DEVICE static inline __attribute__((always_inline))
#define BLOCK 0
#define BLOCKS 1
#define THREAD 0
#define THREADS 1
#define BARRIER()
#define INDEPENDENT _Pragma("GCC ivdep")
#define NOT_UNROLLED

#endif

#define FOR_ROWS(row, count) for (int row = BLOCK; row < (count); row += BLOCKS)
#define FOR_COLUMNS(c, count) INDEPENDENT for (int c = THREAD; c < (count); c += THREADS)

// NOT_UNROLLED stands in front of a loop of much work, of which a GPU's thread does but a turn or two: unrolled, it would only
// take registers.

// Rows of chunk k of a window, one of `chunks` even parts of its N rows: sums over whole windows, which a GPU has too few of at a
// time, are left in parts to whoever needs them. A chunk may be empty.
#define FOR_CHUNK(r, k, chunks, n) NOT_UNROLLED for (int r = (n) * (k) / (chunks); r < (n) * ((k) + 1) / (chunks); r++)

// The same for a span whose start moves while each thread keeps its elements: thread t has x = t modulo THREADS, which is a
// power of two.
#define FOR_OWN_SPAN(x, from, to) \
    INDEPENDENT for (int x = (from) + ((THREAD - (from)) & (THREADS - 1)); x < (to); x += THREADS)

// Ask for `count` elements that will be read or written soon: a CPU would have to get them from far away at that moment. Rows
// of windows are too short for it to see by itself that the next will follow. What lies behind an array is no error.
#if defined(SHARED)
#define EXPECT_READS(pointer, count)
#define EXPECT_WRITES(pointer, count)
#else
#define EXPECT_READS(pointer, count) EXPECT(pointer, count, 0)
#define EXPECT_WRITES(pointer, count) EXPECT(pointer, count, 1)
#define EXPECT(pointer, count, writes)                                      \
    for (int byte = 0; byte < (count) * (int)sizeof *(pointer); byte += 64) \
        __builtin_prefetch((const char*)(pointer) + byte, writes, 2)
#endif

// A long long index: frames x N x N passes 2^31 for a large scan.
typedef long long index_t;

struct alignas(8) c64 {
    float x, y;
#if !defined(__CUDACC__) && !defined(__CUDACC_RTC__)
    c64() = default;
    c64(const c64&) = default;
    c64& operator=(const c64& other) { // part by part: a loop that copies the whole would not vectorise
        x = other.x;
        y = other.y;
        return *this;
    }
#endif
};

DEVICE c64 operator+(c64 a, c64 b) { return {a.x + b.x, a.y + b.y}; }
DEVICE c64 operator-(c64 a, c64 b) { return {a.x - b.x, a.y - b.y}; }
DEVICE c64 operator*(c64 a, c64 b) { return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x}; }
DEVICE c64 operator*(float s, c64 a) { return {s * a.x, s * a.y}; }
DEVICE c64 conj(c64 a) { return {a.x, -a.y}; }
DEVICE float norm(c64 a) { return a.x * a.x + a.y * a.y; }

// exp(i pi x). A GPU's sinf would take local memory for the sake of very large arguments.
DEVICE c64 half_turns(float x) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    float sine, cosine;
    sincospif(x, &sine, &cosine);
    return {cosine, sine};
#else
    return {cosf(3.14159265359f * x), sinf(3.14159265359f * x)};
#endif
}

// 1 / x and 1 / sqrt(x) of a normal x > 0, to about one unit in the last place. A CPU divides and takes roots at a fraction of
// the speed of everything else: there the bits of x make a first guess, off by up to 12 % and 3.5 %. Newton's steps do the
// rest of 1 / x; for the root it is a series in what is left, d, fitted for |d| < 0.07.
DEVICE float reciprocal(float x) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    return 1.0f / x;
#else
    int bits;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x7ef311c3 - bits;
    float y;
    memcpy(&y, &bits, sizeof y);
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    return y * (2.0f - x * y);
#endif
}

DEVICE float inverse_root(float x) {
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
    return rsqrtf(x);
#else
    int bits;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x5f374800 - (bits >> 1);
    float y;
    memcpy(&y, &bits, sizeof y);
    const float d = 1.0f - x * y * y;
    return y + y * d * (0.49999835f + d * (0.37499782f + d * (0.31393062f + d * 0.27491218f)));
#endif
}

// Floats that are not negative sort as their bits do. A running maximum of the bits vectorises, and a NaN wins it
// instead of hiding.
DEVICE int to_bits(float value) {
    int bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & 0x7fffffff; // an invalid operation on x86 gives a NaN with the sign set
}

DEVICE float from_bits(int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

DEVICE int larger(int a, int b) { return a > b ? a : b; }

// Whether x is one of 0 to count - 1.
DEVICE bool within(int x, int count) { return x >= 0 && x < count; }

// Below: values of all threads of a block taken together, in an order that never changes. The only place with shared memory,
// barriers and exchanges within a warp. All threads must come here, a power of two from WARP to LARGEST_BLOCK.
#if defined(SHARED)

#define WARP 32
#define MOST_WARPS (LARGEST_BLOCK / WARP)

#if defined(PTYCHOGUI_EMULATE)
#define BLOCK_ARRAY(type, name, length) type* name = emulate::shared_array<type>(length)
#define FROM_LANE(value, apart) emulate::from_lane(value, THREAD % WARP ^ (apart))
#define WARP_FLAGS(flag) emulate::flags_of_warp(flag)
#define LOWEST_BIT(bits) __builtin_ctz(bits)
#else
#define BLOCK_ARRAY(type, name, length) SHARED type name[length]
#define FROM_LANE(value, apart) __shfl_xor_sync(~0u, value, apart)
#define WARP_FLAGS(flag) __ballot_sync(~0u, flag)
#define LOWEST_BIT(bits) (__ffs(bits) - 1)
#endif

// Each of some values becomes what it is over as many neighboring lanes of a warp, a power of two, for each of these.
template <typename T, T COMBINE(T, T), int COUNT>
DEVICE void lanes_combine(T (&values)[COUNT], int lanes) {
    for (int apart = lanes / 2; apart > 0; apart /= 2)
        for (int k = 0; k < COUNT; k++)
            values[k] = COMBINE(values[k], FROM_LANE(values[k], apart));
}

// The same over the block, for every thread: two barriers, however many values.
template <typename T, T COMBINE(T, T), int COUNT>
DEVICE void block_combine(T (&values)[COUNT]) {
    BLOCK_ARRAY(T, of_warps, MOST_WARPS * COUNT);
    lanes_combine<T, COMBINE>(values, WARP);
    BARRIER(); // nobody still reads the values of the call before
    if (THREAD % WARP == 0)
        for (int k = 0; k < COUNT; k++)
            of_warps[THREAD / WARP * COUNT + k] = values[k];
    BARRIER();
    for (int k = 0; k < COUNT; k++)
        values[k] = of_warps[(THREAD & (THREADS / WARP - 1)) * COUNT + k];
    lanes_combine<T, COMBINE>(values, THREADS / WARP);
}

// A flag of each thread, as every thread sees it: `left` are those of a warp that are still to be taken.
struct Flags {
    const unsigned* of_warps;
    unsigned left;
    int warp;
};

DEVICE Flags block_flags(bool flag) {
    BLOCK_ARRAY(unsigned, of_warps, MOST_WARPS);
    const unsigned of_mine = WARP_FLAGS(flag);
    BARRIER(); // nobody still reads the flags of the call before
    if (THREAD % WARP == 0)
        of_warps[THREAD / WARP] = of_mine;
    BARRIER();
    return {of_warps, of_warps[0], 0};
}

// Take the next thread whose flag is set; false if there is none.
DEVICE bool take_flag(Flags& flags, int* thread) {
    while (!flags.left) {
        if (++flags.warp == THREADS / WARP)
            return false;
        flags.left = flags.of_warps[flags.warp];
    }
    *thread = flags.warp * WARP + LOWEST_BIT(flags.left);
    flags.left &= flags.left - 1;
    return true;
}

#else

template <typename T, T COMBINE(T, T), int COUNT>
DEVICE void block_combine(T (&)[COUNT]) {}

#endif

DEVICE float sum_of_two(float a, float b) { return a + b; }

template <int COUNT>
DEVICE void block_sum(float (&values)[COUNT]) { block_combine<float, sum_of_two>(values); }

DEVICE void block_sum(float& a, float& b) {
    float both[] = {a, b};
    block_sum(both);
    a = both[0];
    b = both[1];
}

DEVICE float block_sum(float value) {
    float alone[] = {value};
    block_sum(alone);
    return alone[0];
}

// The largest float that is not negative, from its bits.
DEVICE float block_max(int bits) {
    int alone[] = {bits};
    block_combine<int, larger>(alone);
    return from_bits(alone[0]);
}

// Walk those of [0, count) for which the expression `chosen` of g holds, in their order:
//
//     FOR_CHOSEN(g, count, lies_here(g)) { ... }
//
// On a GPU every thread looks at one of them, so that few are walked one by one.
#if defined(SHARED)
#define FOR_CHOSEN(g, count, chosen)                                                                                   \
    for (int g = 0, looked_##g = 0; looked_##g < (count); looked_##g += THREADS)                                       \
        for (Flags flags_##g = block_flags(                                                                            \
                 looked_##g + THREAD < (count) && [&](int g) { return chosen; }(looked_##g + THREAD));                 \
             take_flag(flags_##g, &g) && (g += looked_##g, true);)
#else
#define FOR_CHOSEN(g, count, chosen)   \
    for (int g = 0; g < (count); g++) \
        if (chosen)
#endif

// Call template function `run<MODES>(...)` with the number of modes as a constant where it is small, so that the loop
// over modes unrolls and the loop over columns vectorises; 0 stands for 'read it at run time'. `run` may have more
// template arguments than MODES, which follow from its arguments.
#define FOR_MODES(modes, run, ...)                 \
    switch (modes) {                               \
        case 1: run<1>(__VA_ARGS__); break;        \
        case 2: run<2>(__VA_ARGS__); break;        \
        case 3: run<3>(__VA_ARGS__); break;        \
        case 4: run<4>(__VA_ARGS__); break;        \
        default: run<0>(__VA_ARGS__);              \
    }
