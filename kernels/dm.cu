// The difference map and RAAR: exit waves of all positions are kept, in Fourier space, as ortho-normal FFTs. There the
// modulus constraint is one factor a pixel and the model's far field comes for nothing. See engines/dm_worker.py for the
// equation.
// Shapes: n positions, a batch of `count` of them (slots b), S stored waves, M modes, N x N window. Slot b holds position
// order[start + b], and its stored wave is stored[at + b]. Waves are the not normalised FFTs of the modelled exit waves.
#include "measured.cuh"

// What the modulus constraint is to act on: c times the model's far field and 1 - c times the stored one.
DEVICE c64 reflection(c64 model, c64 stored, float c) { return c * model + (1.0f - c) * stored; }

// stored[at + b] = waves[b]: where there are no exit waves yet, they are those of the model.
KERNEL dm_begin(
    c64* __restrict__ stored,      // complex64 (S, M, N, N), the batch's written
    const c64* __restrict__ waves, // complex64 (B, M, N, N)
    int count, int at, int modes, int n) {
    const float scale = 1.0f / (float)n;
    FOR_ROWS(row, count * modes * n) {
        c64* to = stored + ((index_t)at * modes * n + row) * n;
        const c64* from = waves + (index_t)row * n;
        FOR_COLUMNS(c, n)
            to[c] = scale * from[c];
    }
}

// reflected[i, 0, r] = sum (|reflection| - amplitude)^2 over the known pixels of a row, reflected[i, 1, r] = what photon noise
// makes of it.
template <int MODES, typename T>
DEVICE void dm_reflected_rows(
    const T* __restrict__ patterns, const int* __restrict__ places, const c64* __restrict__ waves,
    const c64* __restrict__ stored, float* __restrict__ reflected, const int* __restrict__ order, int start, int count, int at,
    float c, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)n;
    FOR_ROWS(row, count * n) {
        const int slot = row / n, r = row % n;
        const index_t i = order[start + slot];
        const T* measured = patterns + places[i] * plane + (index_t)r * n;
        const c64* w = waves + slot * M * plane + (index_t)r * n;
        const c64* s = stored + (index_t)(at + slot) * M * plane + (index_t)r * n;
        float misfit = 0.0f, noise = 0.0f;
        NOT_UNROLLED FOR_COLUMNS(x, n) {
            float power = 0.0f;
            for (int m = 0; m < M; m++) {
                const c64 model = scale * w[m * plane + x];
                power += norm(reflection(model, s[m * plane + x], c));
            }
            const float a = amplitude_of(measured[x]);
            const float known = a >= 0.0f ? 1.0f : 0.0f, off = sqrtf(power) - a;
            misfit += known * off * off;
            noise += known * amplitude_variance(0.5f * (power + a * a));
        }
        block_sum(misfit, noise);
        if (THREAD == 0) {
            reflected[2 * i * n + r] = misfit;
            reflected[(2 * i + 1) * n + r] = noise;
        }
    }
}

KERNEL dm_reflected(
    float* reflected,       // float32 (n, 2, N), rows of the batch's positions written
    const c64* waves,       // complex64 (B, M, N, N)
    const c64* stored,      // complex64 (S, M, N, N)
    const void* patterns,   // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,      // int32 (n), where in `patterns` each position's is
    const int* order,       // int32 (n)
    int start, int count, int at, float c, int modes, int n, int bytes) {
    FOR_MEASURED(bytes, modes, dm_reflected_rows, patterns, places, waves, stored, reflected, order, start, count, at, c,
                 modes, n)
}

// slack[b] = the part of a reflection's misfit that the modulus constraint leaves, so that its root mean square is at most
// `bound` times what photon noise makes it; 1 where it is no larger, 0 where there is none.
KERNEL dm_slack(
    float* __restrict__ slack,           // float32 (B), written
    const float* __restrict__ reflected, // float32 (n, 2, N)
    const int* __restrict__ order,       // int32 (n)
    int start, int count, float bound, int n) {
    FOR_ROWS(b, count) {
        const float* rows = reflected + (index_t)2 * order[start + b] * n;
        float found = 0.0f, noise = 0.0f;
        FOR_COLUMNS(r, n) {
            found += rows[r];
            noise += rows[n + r];
        }
        block_sum(found, noise);
        noise = bound * bound * noise;
        if (THREAD == 0)
            slack[b] = found > noise ? sqrtf(noise / found) : found > 0.0f ? 1.0f : 0.0f;
    }
}

// stored becomes (1 - a - b) stored + a model + b Pi_F(reflection), and waves the same, ready for the not normalised inverse.
// Pi_F gives the modulus amplitude + slack * (modulus - amplitude); free pixels keep theirs.
// misfit[i, r] = sum (|model| - amplitude)^2 over the known pixels of a row, expected[i, r] = what photon noise makes of it.
template <int MODES, typename T>
DEVICE void dm_update_rows(
    const T* __restrict__ patterns, const int* __restrict__ places, c64* __restrict__ waves, c64* __restrict__ stored,
    float* __restrict__ misfit, float* __restrict__ expected, const float* __restrict__ slack,
    const int* __restrict__ order, int start, int count, int at, float a, float b, float c, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)n, kept = 1.0f - a - b;
    FOR_ROWS(row, count * n) {
        const int slot = row / n, r = row % n;
        const index_t i = order[start + slot];
        const T* measured = patterns + places[i] * plane + (index_t)r * n;
        c64* w = waves + slot * M * plane + (index_t)r * n;
        c64* s = stored + (index_t)(at + slot) * M * plane + (index_t)r * n;
        const float left = slack[slot];
        float difference = 0.0f, noise = 0.0f;
        NOT_UNROLLED FOR_COLUMNS(x, n) {
            float power = 0.0f, power_beyond = 0.0f;
            for (int m = 0; m < M; m++) {
                const c64 model = scale * w[m * plane + x];
                power += norm(model);
                power_beyond += norm(reflection(model, s[m * plane + x], c));
            }
            const float inverse = inverse_root(power_beyond + 1e-18f), amplitude = amplitude_of(measured[x]);
            const float known = amplitude >= 0.0f ? 1.0f : 0.0f;
            const float off = sqrtf(power) - amplitude;
            const float off_beyond = power_beyond * inverse - amplitude;
            difference += known * off * off;
            noise += known * amplitude_variance(0.5f * (power + amplitude * amplitude));
            const float wanted = amplitude + left * off_beyond;
            const float factor = amplitude >= 0.0f ? b * wanted * inverse : b;
            for (int m = 0; m < M; m++) {
                const c64 model = scale * w[m * plane + x], old = s[m * plane + x];
                const c64 next = kept * old + a * model + factor * reflection(model, old, c);
                s[m * plane + x] = next;
                w[m * plane + x] = scale * next;
            }
        }
        block_sum(difference, noise);
        if (THREAD == 0) {
            misfit[i * n + r] = difference;
            expected[i * n + r] = noise;
        }
    }
}

KERNEL dm_update(
    c64* waves,             // complex64 (B, M, N, N), changed in place
    c64* stored,            // complex64 (S, M, N, N), the batch's changed in place
    float* misfit,          // float32 (n, N), rows of the batch's positions written
    float* expected,        // float32 (n, N), rows of the batch's positions written
    const float* slack,     // float32 (B)
    const void* patterns,   // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,      // int32 (n), where in `patterns` each position's is
    const int* order,       // int32 (n)
    int start, int count, int at, float a, float b, float c, int modes, int n, int bytes) {
    FOR_MEASURED(bytes, modes, dm_update_rows, patterns, places, waves, stored, misfit, expected, slack, order,
                 start, count, at, a, b, c, modes, n)
}

// waves[b] = stored[at + b], ready for the not normalised inverse.
KERNEL dm_recall(
    c64* __restrict__ waves,        // complex64 (B, M, N, N), written
    const c64* __restrict__ stored, // complex64 (S, M, N, N)
    int count, int at, int modes, int n) {
    const float scale = 1.0f / (float)n;
    FOR_ROWS(row, count * modes * n) {
        c64* to = waves + (index_t)row * n;
        const c64* from = stored + ((index_t)at * modes * n + row) * n;
        FOR_COLUMNS(c, n)
            to[c] = scale * from[c];
    }
}

// waves[b, m, r, c] = N ramp[0, r] ramp[1, c] sum_k rotation[m, k] stored[at + b, k, r, c]: what becomes of exit waves when
// probe and object move by whole pixels and the probe's modes turn, not normalised, as dm_begin takes it.
KERNEL dm_follow(
    c64* __restrict__ waves,          // complex64 (B, M, N, N), written
    const c64* __restrict__ stored,   // complex64 (S, M, N, N)
    const c64* __restrict__ rotation, // complex64 (M, M), new modes from old ones
    const c64* __restrict__ ramp,     // complex64 (2, N), exp(-2 pi i k s / N) of each axis
    int count, int at, int modes, int n) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * modes * n) {
        const int b = row / (modes * n), m = row / n % modes, r = row % n;
        c64* to = waves + (index_t)row * n;
        const c64* from = stored + (index_t)(at + b) * modes * plane + (index_t)r * n;
        const c64* turn = rotation + m * modes;
        const c64 down = (float)n * ramp[r];
        FOR_COLUMNS(x, n) {
            c64 sum = {0.0f, 0.0f};
            for (int k = 0; k < modes; k++)
                sum = sum + turn[k] * from[k * plane + x];
            to[x] = down * ramp[n + x] * sum;
        }
    }
}

struct alignas(4) short_pair {
    short x, y;
};

// packed[start + b] = stored[at + b] in 16 bits a component, and the unit of each row: its largest component / 32767.
KERNEL pack_waves(
    short* __restrict__ packed,     // int16 (n, M, N, N, 2), the batch's written
    float* __restrict__ units,      // float32 (n, M, N), the batch's written
    const c64* __restrict__ stored, // complex64 (S, M, N, N)
    int start, int count, int at, int modes, int n) {
    FOR_ROWS(row, count * modes * n) {
        const index_t to_row = (index_t)start * modes * n + row;
        const c64* from = stored + ((index_t)at * modes * n + row) * n;
        short_pair* to = (short_pair*)packed + to_row * n;
        int most = 0;
        FOR_COLUMNS(c, n)
            most = larger(most, larger(to_bits(from[c].x), to_bits(from[c].y)));
        const float largest = block_max(most);
        const float steps = 32767.0f / (largest + 1e-30f);
        FOR_COLUMNS(c, n)
            to[c] = {(short)rintf(steps * from[c].x), (short)rintf(steps * from[c].y)};
        if (THREAD == 0)
            units[to_row] = largest / 32767.0f;
    }
}

// stored[at + b] = packed[start + b], the inverse of pack_waves within half a unit.
KERNEL unpack_waves(
    c64* __restrict__ stored,         // complex64 (S, M, N, N), the batch's written
    const short* __restrict__ packed, // int16 (n, M, N, N, 2)
    const float* __restrict__ units,  // float32 (n, M, N)
    int start, int count, int at, int modes, int n) {
    FOR_ROWS(row, count * modes * n) {
        const index_t from_row = (index_t)start * modes * n + row;
        const short_pair* from = (const short_pair*)packed + from_row * n;
        c64* to = stored + ((index_t)at * modes * n + row) * n;
        const float unit = units[from_row];
        FOR_COLUMNS(c, n)
            to[c] = {unit * from[c].x, unit * from[c].y};
    }
}
