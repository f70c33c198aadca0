// Patterns made from whole counts on the host, in one pass over frames that lie in the core's cache. The readable twin is
// ptychogui/physics/making.py.
#pragma once
#include <cstring>
#include <vector>
#include "portable.cuh"

// Pixels of a pattern's row that lie in the frame at equal steps: two runs of them where the beam is moved to [0, 0].
struct Run {
    int column, place, step, length;
};

static std::vector<Run> runs_of(const int* places, int n) {
    std::vector<Run> runs;
    for (int c = 0, end; c < n; c = end) {
        const int step = c + 1 < n ? places[c + 1] - places[c] : 1;
        for (end = c + 1; end < n && places[end] - places[end - 1] == step;)
            end++;
        runs.push_back({c, places[c], step, end - c});
    }
    return runs;
}

template <typename T>
static void take_row(T* row, const T* from, const std::vector<Run>& runs) {
    for (const Run& run : runs) {
        if (run.step == 1)
            memcpy(row + run.column, from + run.place, run.length * sizeof(T));
        else
            for (int i = 0; i < run.length; i++)
                row[run.column + i] = from[run.place + (index_t)i * run.step];
    }
}

// Marks in `row` what is not known and has `counts` 0 there. Returns how many good pixels are saturated.
template <typename T>
static int sift_row(T* row, T* counts, T* largest, const unsigned char* bad, int n, T limit, T least) {
    int saturated = 0;
    INDEPENDENT for (int c = 0; c < n; c++) {
        const T good = row[c] & (T)(bad[c] - 1);
        const T above = good >= limit;
        const T count = good >= limit || good < least ? 0 : good;
        const T most = largest[c];
        saturated += above;
        row[c] = count | (T)-above | (T)-bad[c];
        counts[c] = count;
        largest[c] = count > most ? count : most;
    }
    return saturated;
}

// Whole numbers up to 2^53 are exact in double, in any order.
template <typename T>
static void sum_row(double* sums, double* total, double* squares, const T* counts, const double* places, double row, int n) {
    double sum = 0, moment = 0;
    INDEPENDENT for (int c = 0; c < n; c++) {
        const double count = counts[c];
        total[c] += count;
        squares[c] += count * count;
        sum += count;
        moment += count * places[c];
    }
    sums[0] += sum;
    sums[1] += sum * row;
    sums[2] += moment;
}

// patterns T (F, N, N), whose largest number is a free pixel; by_position double (F, 4): sum of counts, of counts times row
// and times column, number of saturated pixels; largest T (N, N) and by_pixel double (3, N, N): sum of counts, of their
// squares, and how often a pixel that is not bad is saturated in patterns that count something, added to what is there;
// frames T (F, frame_px); pixel [r, c] is from rows[r] + columns[c] of its frame; bad (N, N), 1 where it is not used.
template <typename T>
static void sift(T* patterns, double* by_position, T* largest, double* by_pixel, const T* frames, const int* rows,
                 const int* columns, const unsigned char* bad, int count, index_t frame_px, int n, T limit, T least) {
    const index_t size = (index_t)n * n;
    double *total = by_pixel, *squares = total + size, *unknown = squares + size;
    std::vector<T> counts(n);
    const std::vector<Run> runs = runs_of(columns, n);
    std::vector<double> from_beam(n);
    for (int c = 0; c < n; c++)
        from_beam[c] = c < (n + 1) / 2 ? c : c - n;
    memset(by_position, 0, 4 * count * sizeof(double));
    for (int r = 0; r < n; r++) {
        const index_t at = (index_t)r * n;
        for (int f = 0; f < count; f++) {
            T* row = patterns + f * size + at;
            double* sums = by_position + 4 * f;
            take_row(row, frames + f * frame_px + rows[r], runs);
            sums[3] += sift_row(row, counts.data(), largest + at, bad + at, n, limit, least);
            sum_row(sums, total + at, squares + at, counts.data(), from_beam.data(), from_beam[r], n);
        }
    }
    for (int f = 0; f < count; f++) {
        T* pattern = patterns + f * size;
        if (by_position[4 * f] == 0)
            memset(pattern, 0xff, size * sizeof(T)); // not exposed
        else if (by_position[4 * f + 3] > 0)
            for (index_t i = 0; i < size; i++)
                unknown[i] += pattern[i] == (T)-1;
    }
}

#define SIFT(name, T)                                                                                                 \
    extern "C" void name(T* patterns, double* by_position, T* largest, double* by_pixel, const T* frames,             \
                         const int* rows, const int* columns, const unsigned char* bad, int count, index_t frame_px,  \
                         int n, T limit, T least) {                                                                   \
        sift(patterns, by_position, largest, by_pixel, frames, rows, columns, bad, count, frame_px, n, limit, least); \
    }
SIFT(sift_uint8, unsigned char)
SIFT(sift_uint16, unsigned short)
SIFT(sift_uint32, unsigned)
