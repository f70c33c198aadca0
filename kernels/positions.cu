// Refinement of scan positions (Odstrcil et al., Opt. Express 26, 3108, 2018, eq. 31): the shift of each position's window
// that fits its exit waves best, by least squares with the object's slope.
// Shapes: n positions, a batch of `count` of them, G positions of a block, N x N window, H x W object.
#include "portable.cuh"

// Row sums over the window of position i, slope = gradient of the object (difference over two pixels), pull = sum_m
// conj(probe_m) chi_m, power = sum_m |probe_m|^2:
//   slopes[i, 0, r] = Re <slope_down, pull>          slopes[i, 1, r] = Re <slope_across, pull>
//   slopes[i, 2, r] = sum |slope_down|^2 power       slopes[i, 3, r] = sum |slope_across|^2 power
//   slopes[i, 4, r] = Re sum conj(slope_down) slope_across power
// Windows must not touch the object's first and last rows and columns.
KERNEL position_slopes(
    float* __restrict__ slopes,        // float32 (n, 5, N), the batch's positions written
    const c64* __restrict__ pulls,     // complex64 (G, N, N), slots from `first` on
    const c64* __restrict__ object,    // complex64 (H, W)
    const float* __restrict__ power,   // float32 (N, N)
    const int* __restrict__ corners,   // int32 (n, 2)
    const int* __restrict__ order,     // int32 (n)
    int start, int count, int first, int n, int width) {
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64* pull = pulls + ((index_t)(first + b) * n + r) * n;
        const float* beam = power + (index_t)r * n;
        float sums[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
        FOR_COLUMNS(c, n) {
            const c64 down = 0.5f * (o[c + width] - o[c - width]), across = 0.5f * (o[c + 1] - o[c - 1]);
            sums[0] += (conj(down) * pull[c]).x;
            sums[1] += (conj(across) * pull[c]).x;
            sums[2] += norm(down) * beam[c];
            sums[3] += norm(across) * beam[c];
            sums[4] += (conj(down) * across).x * beam[c];
        }
        block_sum(sums);
        if (THREAD == 0)
            for (int k = 0; k < 5; k++)
                slopes[((index_t)i * 5 + k) * n + r] = sums[k];
    }
}

// moves[i] = the (down, across) shift of position i that solves its two normal equations, `floor` added to their diagonal:
// in counts, what keeps a window without structure where it is.
KERNEL solve_moves(
    float* __restrict__ moves,         // float32 (n, 2), written
    const float* __restrict__ slopes,  // float32 (n, 5, N)
    int count, float floor, int n) {
    FOR_ROWS(i, count) {
        float sums[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
        for (int k = 0; k < 5; k++) {
            const float* row = slopes + ((index_t)i * 5 + k) * n;
            FOR_COLUMNS(r, n)
                sums[k] += row[r];
        }
        block_sum(sums);
        const float down = sums[2] + floor, across = sums[3] + floor;
        const float determinant = down * across - sums[4] * sums[4];
        if (THREAD == 0) {
            moves[2 * i] = (across * sums[0] - sums[4] * sums[1]) / determinant;
            moves[2 * i + 1] = (down * sums[1] - sums[4] * sums[0]) / determinant;
        }
    }
}

// ramps[i, axis, k] = exp(-2 pi i k f / N), f = rests[i, axis], k the frequency of an FFT; the highest of an even N gets
// the cosine alone.
KERNEL fill_ramps(
    c64* __restrict__ ramps,           // complex64 (n, 2, N), written
    const float* __restrict__ rests,   // float32 (n, 2), sub-pixel rest of every position
    int count, int n) {
    FOR_ROWS(row, 2 * count) {
        c64* to = ramps + (index_t)row * n;
        const float turn = -2.0f * rests[row] / (float)n;
        FOR_COLUMNS(k, n) {
            const c64 ramp = half_turns(turn * (float)(2 * k < n ? k : k - n));
            to[k] = {ramp.x, 2 * k == n ? 0.0f : ramp.y};
        }
    }
}
