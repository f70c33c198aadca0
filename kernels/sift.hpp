// Patterns made from whole counts on the host, in one pass over frames that lie in the core's cache. The readable twin is
// ptychogui/physics/pattern_maker.py.
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

// Takes n pixels from a frame, has `counts` 0 where nothing is known, marks that in `row`, and raises `largest`. Returns
// how many good pixels are saturated.
template <typename T>
static int sift_row(T* row, T* counts, T* largest, const T* from, index_t step, const unsigned char* bad, int n, T limit,
                    T least) {
    if (step != 1) {
        for (int c = 0; c < n; c++)
            row[c] = from[c * step];
        from = row;
    }
    T some_above = 0;
    INDEPENDENT for (int c = 0; c < n; c++) {
        const T good = from[c] & (T)(bad[c] - 1);
        const T above = good >= limit;
        const T count = good >= limit || good < least ? 0 : good;
        const T most = largest[c];
        some_above |= above;
        row[c] = count | (T)-above | (T)-bad[c];
        counts[c] = count;
        largest[c] = count > most ? count : most;
    }
    int saturated = 0;
    if (some_above)
        for (int c = 0; c < n; c++)
            saturated += !bad[c] && row[c] == (T)-1;
    return saturated;
}

static double signed_of(unsigned sum) {
    return (int)sum;
}

static double signed_of(double sum) {
    return sum;
}

// What a row of pixels counts in a few frames, `counts` T (F, n), in numbers of type A.
template <typename A, typename T>
static void sum_row(double* by_position, double* total, double* squares, const T* counts, const int* places, int row,
                    int count, int n, std::vector<A>& sums) {
    sums.assign(2 * n, 0);
    A *column = sums.data(), *column_squares = column + n;
    for (int f = 0; f < count; f++, counts += n) {
        A sum = 0, moment = 0;
        INDEPENDENT for (int c = 0; c < n; c++) {
            const A value = counts[c];
            column[c] += value;
            column_squares[c] += value * value;
            sum += value;
            moment += value * (A)places[c];
        }
        by_position[4 * f] += sum;
        by_position[4 * f + 1] += (double)sum * row;
        by_position[4 * f + 2] += signed_of(moment);
    }
    INDEPENDENT for (int c = 0; c < n; c++) {
        total[c] += column[c];
        squares[c] += column_squares[c];
    }
}

// Whether 32 bits hold the sums over a row of pixels in a few frames, and over the columns times their places.
static bool is_small(double largest, double count, double n) {
    return largest * largest * count < 4294967296.0 && largest * n * n / 4 < 2147483648.0;
}

// patterns T (F, N, N), whose largest number is a free pixel; by_position double (F, 4): sum of counts, of counts times row
// and times column, number of saturated pixels; largest T (N, N) and by_pixel double (3, N, N): sum of counts, of their
// squares, and how often a pixel that is not bad is saturated in patterns that count something, added to what is there;
// frames T (F, frame_px); pixel [r, c] is from rows[r] + columns[c] of its frame; bad (N, N), 1 where it is not used.
// Returns the largest number in `largest`.
template <typename T>
static T sift(T* patterns, double* by_position, T* largest, double* by_pixel, const T* frames, const int* rows,
              const int* columns, const unsigned char* bad, int count, index_t frame_px, int n, T limit, T least) {
    const index_t size = (index_t)n * n;
    double *total = by_pixel, *squares = total + size, *unknown = squares + size;
    const std::vector<Run> runs = runs_of(columns, n);
    std::vector<T> counts((size_t)count * n);
    std::vector<unsigned> whole;
    std::vector<double> real; // whole numbers up to 2^53 are exact
    std::vector<int> from_beam(n);
    for (int c = 0; c < n; c++)
        from_beam[c] = c < (n + 1) / 2 ? c : c - n;
    T most = 0;
    memset(by_position, 0, 4 * count * sizeof(double));
    for (int r = 0; r < n; r++) {
        const index_t at = (index_t)r * n;
        for (int f = 0; f < count; f++) {
            const T* from = frames + f * frame_px + rows[r];
            for (const Run& run : runs) {
                const index_t here = at + run.column;
                by_position[4 * f + 3] += sift_row(patterns + f * size + here, &counts[f * n + run.column], largest + here,
                                                   from + run.place, run.step, bad + here, run.length, limit, least);
            }
        }
        T in_row = 0;
        INDEPENDENT for (int c = 0; c < n; c++)
            in_row = largest[at + c] > in_row ? largest[at + c] : in_row;
        most = in_row > most ? in_row : most;
        const auto sum = [&](auto& sums) {
            sum_row(by_position, total + at, squares + at, counts.data(), from_beam.data(), from_beam[r], count, n, sums);
        };
        if (is_small(in_row, count, n))
            sum(whole);
        else
            sum(real);
    }
    for (int f = 0; f < count; f++) {
        T* pattern = patterns + f * size;
        if (by_position[4 * f] == 0)
            memset(pattern, 0xff, size * sizeof(T)); // not exposed
        else if (by_position[4 * f + 3] > 0)
            for (index_t i = 0; i < size; i++)
                unknown[i] += pattern[i] == (T)-1;
    }
    return most;
}

#define SIFT(name, T)                                                                                                  \
    extern "C" T name(T* patterns, double* by_position, T* largest, double* by_pixel, const T* frames, const int* rows, \
                      const int* columns, const unsigned char* bad, int count, index_t frame_px, int n, T limit,        \
                      T least) {                                                                                        \
        return sift(patterns, by_position, largest, by_pixel, frames, rows, columns, bad, count, frame_px, n, limit,    \
                    least);                                                                                             \
    }
SIFT(sift_uint8, unsigned char)
SIFT(sift_uint16, unsigned short)
SIFT(sift_uint32, unsigned)
