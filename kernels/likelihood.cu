// The likelihood of Poisson counts in place of the modulus constraint (Odstrcil, Menzel & Guizar-Sicairos, Opt. Express 26,
// 3108, 2018, section 2): with A^2 = sum_m |Psi_m|^2 and the counts I, sum (A^2 - I log A^2) falls along -xi Psi,
//   xi = (A^2 - I) / (A^2 + floor), Psi' = (1 - a xi) Psi, a the best step of the position, in [0, 1].
// The floor keeps a pixel that is dark in the model and not in the measurement from taking all of the step.
// Shapes: n positions, a batch of `count` of them (slots b), M modes, N x N window.
#include "measured.cuh"

#define POISSON_PASSES 3

// A pixel's A^2, from not normalised waves.
template <int MODES>
DEVICE float power_of(const c64* __restrict__ waves, index_t plane, int modes, float scale) {
    const int M = MODES ? MODES : modes;
    float power = 0.0f;
    for (int m = 0; m < M; m++)
        power += norm(waves[m * plane]);
    return scale * power;
}

// 1 - a xi, never below 0: a sum of what is not negative.
DEVICE float poisson_factor(float power, float counts, float a, float floor) {
    return 1.0f - a + a * (counts + floor) * reciprocal(power + floor);
}

// lengths[b] = a, where the likelihood's slope along the direction vanishes: sum xi (A^2 - I / (1 - a xi)) = a sum xi^2 A^2
// over known pixels, by passes that take the mean of the old a and what the equation makes of it. They begin at 1/2, which
// is the end where A^2 is near I.
template <int MODES, typename T>
DEVICE void poisson_lengths_of(
    const T* __restrict__ patterns, const int* __restrict__ places, float* __restrict__ lengths,
    const c64* __restrict__ waves, const int* __restrict__ order, int start, int count, float floor, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(b, count) {
        const T* measured = patterns + (index_t)places[order[start + b]] * plane;
        const c64* w = waves + (index_t)b * M * plane;
        float a = 0.5f;
        for (int pass = 0; pass < POISSON_PASSES; pass++) {
            float pull = 0.0f, length = 0.0f;
            for (int r = 0; r < n; r++) {
                float row_pull = 0.0f, row_length = 0.0f;
                FOR_COLUMNS(c, n) {
                    const index_t at = (index_t)r * n + c;
                    const float amplitude = amplitude_of(measured[at]), counts = amplitude * amplitude;
                    const float power = power_of<MODES>(w + at, plane, modes, scale);
                    const float xi = amplitude >= 0.0f ? (power - counts) * reciprocal(power + floor) : 0.0f;
                    row_pull += xi * (power - counts * reciprocal(poisson_factor(power, counts, a, floor) + 1e-30f));
                    row_length += xi * xi * power;
                }
                pull += row_pull;
                length += row_length;
            }
            pull = block_sum(pull);
            length = block_sum(length);
            a = 0.5f * (a + (length > 0.0f ? pull / length : a));
            a = a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f;
        }
        if (THREAD == 0)
            lengths[b] = a;
    }
}

KERNEL poisson_lengths(
    float* lengths,             // float32 (B), written
    const c64* waves,           // complex64 (B, M, N, N), not normalised FFTs of the exit waves
    const void* patterns,       // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,          // int32 (n), where in `patterns` each position's is
    const int* order,           // int32 (n)
    int start, int count, float floor, int modes, int n, int bytes) {
    FOR_MEASURED(bytes, modes, poisson_lengths_of, patterns, places, lengths, waves, order, start, count, floor, modes, n)
}

// Take the position's step; free pixels (amplitude < 0) keep their waves. waves, misfit and expected as in `modulus`.
template <int MODES, typename T>
DEVICE void poisson_rows(
    const T* __restrict__ patterns, const int* __restrict__ places, c64* __restrict__ waves, float* __restrict__ misfit,
    float* __restrict__ expected, const float* __restrict__ lengths, const int* __restrict__ order, int start, int count, float floor, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const index_t i = order[start + b];
        const T* measured = patterns + places[i] * plane + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        const float a = lengths[b];
        float difference = 0.0f, noise = 0.0f;
        FOR_COLUMNS(c, n) {
            const float power = power_of<MODES>(w + c, plane, modes, scale);
            const float amplitude = amplitude_of(measured[c]), counts = amplitude * amplitude, modelled = power * inverse_root(power + 1e-18f);
            const bool known = amplitude >= 0.0f;
            const float factor = known ? scale * poisson_factor(power, counts, a, floor) : scale;
            difference += known ? (modelled - amplitude) * (modelled - amplitude) : 0.0f;
            noise += known ? amplitude_variance(0.5f * (power + counts)) : 0.0f;
            for (int m = 0; m < M; m++)
                w[m * plane + c] = factor * w[m * plane + c];
        }
        difference = block_sum(difference);
        noise = block_sum(noise);
        if (THREAD == 0) {
            misfit[i * n + r] = difference;
            expected[i * n + r] = noise;
        }
    }
}

KERNEL poisson_step(
    c64* waves,                 // complex64 (B, M, N, N), changed in place
    const void* patterns,       // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,          // int32 (n), where in `patterns` each position's is
    float* misfit,              // float32 (n, N), rows of the batch's positions written
    float* expected,            // float32 (n, N), rows of the batch's positions written
    const float* lengths,       // float32 (B), of poisson_lengths
    const int* order,           // int32 (n)
    int start, int count, float floor, int modes, int n, int bytes) {
    FOR_MEASURED(bytes, modes, poisson_rows, patterns, places, waves, misfit, expected, lengths, order, start, count, floor,
                 modes, n)
}
