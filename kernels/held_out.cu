// Pixels that are held out of the fit, as crystallographers hold out reflections (Brunger, Nature 355, 472, 1992): what the
// model of a batch makes of them, while its far fields are as the model has them.
// Shapes: n positions, a batch of `count` of them (slots b), M modes, N x N window, K held-out pixels of each position.
#include "measured.cuh"

// misfits[0, i] = sum (|model| - amplitude)^2 over the held-out pixels of a position, misfits[1, i] = what photon noise makes
// of it: the sums of `modulus`, of pixels that it takes for free.
template <int MODES>
DEVICE void free_rows(
    const c64* __restrict__ waves, const int* __restrict__ pixels, const float* __restrict__ amplitudes,
    float* __restrict__ misfits, const int* __restrict__ order, int start, int count, int modes, int n, int held,
    int positions) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(b, count) {
        const index_t i = order[start + b];
        const int* pixel = pixels + i * held;
        const float* measured = amplitudes + i * held;
        const c64* w = waves + b * M * plane;
        float off[2] = {0.0f, 0.0f};
        NOT_UNROLLED FOR_COLUMNS(k, held) {
            const bool there = pixel[k] >= 0;
            const c64* at = w + (there ? pixel[k] : 0);
            float power = 0.0f;
            for (int m = 0; m < M; m++)
                power += norm(at[m * plane]);
            power *= scale;
            const float a = measured[k], difference = power * inverse_root(power + 1e-18f) - a;
            off[0] += there ? difference * difference : 0.0f;
            off[1] += there ? amplitude_variance(0.5f * (power + a * a)) : 0.0f;
        }
        block_sum(off);
        if (THREAD == 0) {
            misfits[i] = off[0];
            misfits[positions + i] = off[1];
        }
    }
}

KERNEL free_misfit(
    float* misfits,          // float32 (2, n), the batch's positions written
    const c64* waves,        // complex64 (B, M, N, N), not normalised FFTs of the exit waves
    const int* pixels,       // int32 (n, K), row * N + column of each in its pattern; -1 for none
    const float* amplitudes, // float32 (n, K), square roots of their counts
    const int* order,        // int32 (n)
    int start, int count, int modes, int n, int held, int positions) {
    FOR_MODES(modes, free_rows, waves, pixels, amplitudes, misfits, order, start, count, modes, n, held, positions)
}
