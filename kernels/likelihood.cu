// The likelihood of Poisson counts in place of the modulus constraint (Odstrcil, Menzel & Guizar-Sicairos, Opt. Express 26,
// 3108, 2018, section 2): with A^2 = sum_m |Psi_m|^2 and the counts I, sum (A^2 - I log A^2) falls along -xi Psi,
//   xi = (A^2 - I) / (A^2 + floor), Psi' = (1 - a xi) Psi, a the best step of the position, in [0, 1].
// The floor keeps a pixel that is dark in the model and not in the measurement from taking all of the step.
// Half of what that sum falls by along the step, S(a) = sum xi (A^2 - I / (1 - a xi)) - a sum xi^2 A^2, vanishes at the best one.
// It is taken as Halley's method finds it from 1/2, where it ends when A^2 is near I: a = 1/2 - 2 S S' / (2 S'^2 - S S'').
// Shapes: n positions, a batch of `count` of them (slots b), M modes, N x N window, C chunks of its rows.
#include "measured.cuh"

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

// sums[b, k] = S, -S' and -S'' / 2 at 1/2, of the known pixels of chunk k. With h = (A^2 + floor) / (A^2 + I + 2 floor), which is
// 1 / (2 - xi), a pixel's share of S is xi^2 ((A^2 - I) h / 2 + floor (1/2 + h)): written so, nothing cancels.
template <int MODES, typename T>
DEVICE void poisson_chunks(
    const T* __restrict__ patterns, const int* __restrict__ places, float* __restrict__ sums,
    const c64* __restrict__ waves, const int* __restrict__ order, int start, int count, float floor, int modes, int n,
    int chunks) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(row, count * chunks) {
        const int b = row / chunks, k = row % chunks;
        const T* measured = patterns + (index_t)places[order[start + b]] * plane;
        const c64* w = waves + (index_t)b * M * plane;
        float total[3] = {0.0f, 0.0f, 0.0f};
        FOR_CHUNK(r, k, chunks, n) {
            float slope = 0.0f, fall = 0.0f, bend = 0.0f;
            NOT_UNROLLED FOR_COLUMNS(c, n) {
                const index_t at = (index_t)r * n + c;
                const float amplitude = amplitude_of(measured[at]), counts = amplitude * amplitude;
                const float power = power_of<MODES>(w + at, plane, modes, scale);
                const float off = amplitude >= 0.0f ? power - counts : 0.0f;
                const float xi = off * reciprocal(power + floor);
                const float h = (power + floor) * reciprocal(power + counts + 2.0f * floor), turn = xi * h;
                slope += xi * (0.5f * off * turn + floor * (0.5f * xi + turn));
                fall += xi * xi * power + 4.0f * counts * turn * turn;
                bend += 8.0f * counts * turn * turn * turn;
            }
            total[0] += slope;
            total[1] += fall;
            total[2] += bend;
        }
        block_sum(total);
        if (THREAD == 0)
            for (int j = 0; j < 3; j++)
                sums[3 * row + j] = total[j];
    }
}

KERNEL poisson_sums(
    float* sums,                // float32 (B, C, 3), written
    const c64* waves,           // complex64 (B, M, N, N), not normalised FFTs of the exit waves
    const void* patterns,       // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,          // int32 (n), where in `patterns` each position's is
    const int* order,           // int32 (n)
    int start, int count, float floor, int modes, int n, int chunks, int bytes) {
    FOR_MEASURED(bytes, modes, poisson_chunks, patterns, places, sums, waves, order, start, count, floor, modes, n, chunks)
}

// The step of a position, from the sums of its chunks.
DEVICE float poisson_length(const float* __restrict__ sums, int chunks) {
    float slope = 0.0f, fall = 0.0f, bend = 0.0f;
    for (int k = 0; k < chunks; k++) {
        slope += sums[3 * k];
        fall += sums[3 * k + 1];
        bend += sums[3 * k + 2];
    }
    const float unit = fall > 0.0f ? 1.0f / fall : 0.0f;
    const float bent = 1.0f + slope * unit * bend * unit;
    const float a = 0.5f + slope * unit / (bent > 0.1f ? bent : 0.1f);
    return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f;
}

// Take the position's step; free pixels (amplitude < 0) keep their waves. waves, misfit and expected as in `modulus`.
template <int MODES, typename T>
DEVICE void poisson_rows(
    const T* __restrict__ patterns, const int* __restrict__ places, c64* __restrict__ waves, float* __restrict__ misfit,
    float* __restrict__ expected, const float* __restrict__ sums, const int* __restrict__ order, int start, int count,
    float floor, int modes, int n, int chunks) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(row, count * chunks) {
        const int b = row / chunks, k = row % chunks;
        const index_t i = order[start + b];
        const float a = poisson_length(sums + 3 * b * chunks, chunks);
        FOR_CHUNK(r, k, chunks, n) {
            const T* measured = patterns + places[i] * plane + (index_t)r * n;
            c64* w = waves + b * M * plane + (index_t)r * n;
            float off[2] = {0.0f, 0.0f}; // what the misfit is, and what noise alone would make it
            NOT_UNROLLED FOR_COLUMNS(c, n) {
                const float power = power_of<MODES>(w + c, plane, modes, scale);
                const float amplitude = amplitude_of(measured[c]), counts = amplitude * amplitude, modelled = power * inverse_root(power + 1e-18f);
                const bool known = amplitude >= 0.0f;
                const float factor = known ? scale * poisson_factor(power, counts, a, floor) : scale;
                off[0] += known ? (modelled - amplitude) * (modelled - amplitude) : 0.0f;
                off[1] += known ? amplitude_variance(0.5f * (power + counts)) : 0.0f;
                for (int m = 0; m < M; m++)
                    w[m * plane + c] = factor * w[m * plane + c];
            }
            block_sum(off);
            if (THREAD == 0) {
                misfit[i * n + r] = off[0];
                expected[i * n + r] = off[1];
            }
        }
    }
}

KERNEL poisson_step(
    c64* waves,                 // complex64 (B, M, N, N), changed in place
    const void* patterns,       // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,          // int32 (n), where in `patterns` each position's is
    float* misfit,              // float32 (n, N), rows of the batch's positions written
    float* expected,            // float32 (n, N), rows of the batch's positions written
    const float* sums,          // float32 (B, C, 3), of poisson_sums
    const int* order,           // int32 (n)
    int start, int count, float floor, int modes, int n, int chunks, int bytes) {
    FOR_MEASURED(bytes, modes, poisson_rows, patterns, places, waves, misfit, expected, sums, order, start, count, floor,
                 modes, n, chunks)
}
