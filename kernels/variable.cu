// A probe that varies from position to position (Odstrcil et al., Opt. Express 24, 8360, 2016): with the real shares
// mix[i, 0], the amplitude of the whole beam, and mix[i, 1 + k], those of the components,
//   probe of position i, mode 0 = mix[i, 0] basis_0 + sum_k mix[i, 1 + k] basis_(M + k),   mode m > 0 = mix[i, 0] basis_m.
// Shapes: n positions, a batch of `count` of them (slots b), M modes, Q = 1 + K shares, T = M + K planes of the basis,
// N x N window, H x W object, L lanes of partial sums. A function of two uses is a template: with ramps in Fourier space,
// for sub-pixel positions, or without.
#include "portable.cuh"

// The sub-pixel shift of position i in a row and column of Fourier space; 1 without ramps.
template <bool SHIFTED>
DEVICE c64 ramp_at(const c64* __restrict__ ramps, int i, int r, int c, int n) {
    if (!SHIFTED)
        return {1.0f, 0.0f};
    const c64* ramp = ramps + (index_t)i * 2 * n;
    return ramp[r] * ramp[n + c];
}

template <bool SHIFTED>
DEVICE void vary_rows(
    c64* __restrict__ probes, const c64* __restrict__ basis, const float* __restrict__ mix,
    const c64* __restrict__ ramps, const int* __restrict__ order, int start, int count, int modes, int n, int shares) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * modes * n) {
        const int b = row / (modes * n), mr = row % (modes * n), r = mr % n;
        const int i = order[start + b];
        const float* share = mix + (index_t)i * shares;
        const c64* mode = basis + (index_t)mr * n;
        c64* to = probes + (index_t)row * n;
        FOR_COLUMNS(c, n)
            to[c] = share[0] * mode[c];
        for (int k = 1; k < shares && mr < n; k++) {
            const c64* component = basis + (modes + k - 1) * plane + (index_t)r * n;
            const float part = share[k];
            FOR_COLUMNS(c, n)
                to[c] = to[c] + part * component[c];
        }
        if (SHIFTED) {
            FOR_COLUMNS(c, n)
                to[c] = to[c] * ramp_at<SHIFTED>(ramps, i, r, c, n);
        }
    }
}

// probes[b, m] = the probe of position order[start + b].
KERNEL vary_probe(
    c64* probes,        // complex64 (B, M, N, N), written
    const c64* basis,   // complex64 (T, N, N), modes, then components
    const float* mix,   // float32 (n, Q)
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int shares) {
    vary_rows<false>(probes, basis, mix, nullptr, order, start, count, modes, n, shares);
}

// The same in Fourier space, times the position's phase ramp: an inverse FFT then gives the varied and shifted probe.
KERNEL vary_probe_shifted(
    c64* probes,        // complex64 (B, M, N, N), written
    const c64* basis,   // complex64 (T, N, N), FFTs of modes and components / N^2
    const float* mix,   // float32 (n, Q)
    const c64* ramps,   // complex64 (n, 2, N), exp(-2 pi i k f / N) of each axis
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int shares) {
    vary_rows<true>(probes, basis, mix, ramps, order, start, count, modes, n, shares);
}

template <bool SHIFTED>
DEVICE void sum_rows(
    c64* __restrict__ sums, const c64* __restrict__ waves, const float* __restrict__ mix,
    const c64* __restrict__ ramps, const int* __restrict__ order, int start, int lane, int count, int fresh,
    int planes, int modes, int n, int shares) {
    FOR_ROWS(row, planes * n) {
        const int t = row / n, r = row % n;
        const int mode = t < modes ? t : 0, k = t < modes ? 0 : t - modes + 1;
        c64* to = sums + ((index_t)lane * planes * n + row) * n;
        if (fresh) {
            FOR_COLUMNS(c, n)
                to[c] = {0.0f, 0.0f};
        }
        for (int b = 0; b < count; b++) {
            const int i = order[start + b];
            const float share = mix[(index_t)i * shares + k];
            const c64* from = waves + ((index_t)(b * modes + mode) * n + r) * n;
            FOR_COLUMNS(c, n)
                to[c] = to[c] + share * (conj(ramp_at<SHIFTED>(ramps, i, r, c, n)) * from[c]);
        }
    }
}

// sums[lane, t] (+)= sum over the batch of what each position's gradient is for plane t of the basis: the mode's, times
// the position's share. `fresh` starts the sum. The adjoint of vary_probe.
KERNEL sum_varied(
    c64* sums,          // complex64 (L, T, N, N), lane written
    const c64* waves,   // complex64 (B, M, N, N), the gradients of the position's probe
    const float* mix,   // float32 (n, Q)
    const int* order,   // int32 (n)
    int start, int lane, int count, int fresh, int planes, int modes, int n, int shares) {
    sum_rows<false>(sums, waves, mix, nullptr, order, start, lane, count, fresh, planes, modes, n, shares);
}

// The same in Fourier space: the adjoint of vary_probe_shifted.
KERNEL sum_varied_shifted(
    c64* sums,          // complex64 (L, T, N, N), lane written
    const c64* waves,   // complex64 (B, M, N, N), not normalised FFTs of the gradients
    const float* mix,   // float32 (n, Q)
    const c64* ramps,   // complex64 (n, 2, N)
    const int* order,   // int32 (n)
    int start, int lane, int count, int fresh, int planes, int modes, int n, int shares) {
    sum_rows<true>(sums, waves, mix, ramps, order, start, lane, count, fresh, planes, modes, n, shares);
}

template <bool SHIFTED>
DEVICE void pull_rows(
    float* __restrict__ pulls, const c64* __restrict__ waves, const c64* __restrict__ basis,
    const c64* __restrict__ ramps, const int* __restrict__ order, int start, int count, int modes, int n, int shares) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * shares) {
        const int b = row / shares, k = row % shares;
        const int i = order[start + b];
        float total = 0.0f;
        for (int m = 0; m < (k ? 1 : modes); m++) {
            const c64* part = basis + (k ? modes + k - 1 : m) * plane;
            const c64* wave = waves + (b * modes + m) * plane;
            for (int r = 0; r < n; r++) {
                float sum = 0.0f;
                FOR_COLUMNS(c, n)
                    sum += (conj(ramp_at<SHIFTED>(ramps, i, r, c, n) * part[r * n + c]) * wave[r * n + c]).x;
                total += sum;
            }
        }
        total = block_sum(total);
        if (THREAD == 0)
            pulls[(index_t)i * shares + k] = total;
    }
}

// pulls[i, k] = Re <what share k adds to the probe, gradient of position i's probe>: minus half of the misfit's derivative.
KERNEL mix_pulls(
    float* pulls,       // float32 (n, Q), the batch's positions written
    const c64* waves,   // complex64 (B, M, N, N), the gradients of the position's probe
    const c64* basis,   // complex64 (T, N, N)
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int shares) {
    pull_rows<false>(pulls, waves, basis, nullptr, order, start, count, modes, n, shares);
}

// The same in Fourier space, by Parseval's theorem.
KERNEL mix_pulls_shifted(
    float* pulls,       // float32 (n, Q), the batch's positions written
    const c64* waves,   // complex64 (B, M, N, N), not normalised FFTs of the gradients
    const c64* basis,   // complex64 (T, N, N), FFTs of modes and components / N^2
    const c64* ramps,   // complex64 (n, 2, N)
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int shares) {
    pull_rows<true>(pulls, waves, basis, ramps, order, start, count, modes, n, shares);
}

// grams[i, k, l] = Re <exit wave of share k, exit wave of share l> for l <= k, on whole pixels; the rest is left.
KERNEL mix_grams(
    float* __restrict__ grams,       // float32 (n, Q, Q), the batch's positions written
    const c64* __restrict__ object,  // complex64 (H, W)
    const c64* __restrict__ basis,   // complex64 (T, N, N)
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int count, int planes, int n, int width, int shares) {
    const index_t plane = (index_t)n * n;
    const int modes = planes - shares + 1;
    FOR_ROWS(row, count * shares) {
        const int b = row / shares, k = row % shares;
        const int i = order[start + b];
        const c64* o = object + (index_t)corners[2 * i] * width + corners[2 * i + 1];
        for (int l = 0; l <= k; l++) {
            float total = 0.0f;
            for (int m = 0; m < (k ? 1 : modes); m++) {
                const c64* one = basis + (k ? modes + k - 1 : m) * plane;
                const c64* other = basis + (l ? modes + l - 1 : m) * plane;
                for (int r = 0; r < n; r++) {
                    float sum = 0.0f;
                    FOR_COLUMNS(c, n)
                        sum += norm(o[(index_t)r * width + c]) * (conj(one[r * n + c]) * other[r * n + c]).x;
                    total += sum;
                }
            }
            total = block_sum(total);
            if (THREAD == 0)
                grams[((index_t)i * shares + k) * shares + l] = total;
        }
    }
}

// mix[i] += the damped least squares of position i's residual in its shares from `first` on: (gram + damping * its diagonal)
// x = pull, by Cholesky in place. grams[i] becomes the lower factor, pulls[i] the solution.
KERNEL solve_mix(
    float* __restrict__ mix,    // float32 (n, Q), changed
    float* __restrict__ grams,  // float32 (n, Q, Q), lower triangles changed
    float* __restrict__ pulls,  // float32 (n, Q), changed
    int count, int first, float damping, int shares) {
    FOR_ROWS(i, count) {
        if (THREAD != 0)
            continue;
        float* g = grams + (index_t)i * shares * shares;
        float* x = pulls + (index_t)i * shares;
        for (int k = first; k < shares; k++) {
            for (int l = first; l <= k; l++) {
                float rest = g[k * shares + l];
                if (l == k)
                    rest += damping * rest + 1e-30f;
                for (int j = first; j < l; j++)
                    rest -= g[k * shares + j] * g[l * shares + j];
                g[k * shares + l] = l == k ? sqrtf(rest) : rest / g[l * shares + l];
            }
        }
        for (int k = first; k < shares; k++) {
            for (int j = first; j < k; j++)
                x[k] -= g[k * shares + j] * x[j];
            x[k] /= g[k * shares + k];
        }
        for (int k = shares - 1; k >= first; k--) {
            for (int j = k + 1; j < shares; j++)
                x[k] -= g[j * shares + k] * x[j];
            x[k] /= g[k * shares + k];
            mix[(index_t)i * shares + k] += x[k];
        }
    }
}
