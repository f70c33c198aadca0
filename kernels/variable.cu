// A probe that varies from position to position (Odstrcil et al., Opt. Express 24, 8360, 2016): with the real shares
// mix[i, 0], the amplitude of the whole beam, and mix[i, 1 + k], those of the components,
//   probe of position i, mode 0 = mix[i, 0] basis_0 + sum_k mix[i, 1 + k] basis_(M + k),   mode m > 0 = mix[i, 0] basis_m.
// Shapes: n positions, a batch of `count` of them (slots b), M modes, Q = 1 + K shares, T = M + K planes of the basis,
// N x N window, C chunks of its rows, H x W object, L lanes of partial sums, E = Q (Q + 1) / 2 pairs of shares. A function of
// two uses is a template: with ramps in Fourier space, for sub-pixel positions, or without.
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
    const c64* __restrict__ ramps, const int* __restrict__ order, int start, int count, int lane, int slices, int fresh,
    int planes, int modes, int n, int shares) {
    FOR_ROWS(row, slices * planes * n) {
        const int slice = row / (planes * n), t = row / n % planes, r = row % n;
        const int mode = t < modes ? t : 0, k = t < modes ? 0 : t - modes + 1;
        c64* to = sums + ((index_t)lane * planes * n + row) * n;
        if (fresh) {
            FOR_COLUMNS(c, n)
                to[c] = {0.0f, 0.0f};
        }
        for (int b = slice; b < count; b += slices) {
            const int i = order[start + b];
            const float share = mix[(index_t)i * shares + k];
            const c64* from = waves + ((index_t)(b * modes + mode) * n + r) * n;
            FOR_COLUMNS(c, n)
                to[c] = to[c] + share * (conj(ramp_at<SHIFTED>(ramps, i, r, c, n)) * from[c]);
        }
    }
}

// sums[l, t] (+)= sum over the batch of what each position's gradient is for plane t of the basis: the mode's, times the
// position's share; for `slices` lanes l = lane + k, each over slots b = k, k + slices, ... `fresh` starts the sums. The
// adjoint of vary_probe.
KERNEL sum_varied(
    c64* sums,          // complex64 (L, T, N, N), lanes [lane, lane + slices) written
    const c64* waves,   // complex64 (B, M, N, N), the gradients of the position's probe
    const float* mix,   // float32 (n, Q)
    const int* order,   // int32 (n)
    int start, int count, int lane, int slices, int fresh, int planes, int modes, int n, int shares) {
    sum_rows<false>(sums, waves, mix, nullptr, order, start, count, lane, slices, fresh, planes, modes, n, shares);
}

// The same in Fourier space: the adjoint of vary_probe_shifted.
KERNEL sum_varied_shifted(
    c64* sums,          // complex64 (L, T, N, N), lanes [lane, lane + slices) written
    const c64* waves,   // complex64 (B, M, N, N), not normalised FFTs of the gradients
    const float* mix,   // float32 (n, Q)
    const c64* ramps,   // complex64 (n, 2, N)
    const int* order,   // int32 (n)
    int start, int count, int lane, int slices, int fresh, int planes, int modes, int n, int shares) {
    sum_rows<true>(sums, waves, mix, ramps, order, start, count, lane, slices, fresh, planes, modes, n, shares);
}

// Many sums over a chunk of a window come from few passes over it, of up to three sums each: run<WIDTH>(first, ...) does those
// from `first` on.
#define FOR_SUMS(count, run, ...)                              \
    for (int first = 0; first < (count); first += 3)           \
        switch ((count) - first) {                             \
            case 1: run<1>(first, __VA_ARGS__); break;         \
            case 2: run<2>(first, __VA_ARGS__); break;         \
            default: run<3>(first, __VA_ARGS__);               \
        }

// Chunk k of `chunks` of the window of position i, in slot b of a batch with so many modes.
struct Part {
    int i, b, k, chunks, modes, n;
};

// Where in the basis the plane lies that a share adds to the first mode. An int holds that, and takes half of a pointer's
// registers: a basis is no larger than one position's probes.
DEVICE int plane_of(int share, Part at) { return (share ? at.modes + share - 1 : 0) * at.n * at.n; }

// total[j] += sum over the chunk of |object|^2 Re <one, other>, the planes that lie at one[j] and other[j].
template <int WIDTH>
DEVICE void add_grams(
    float* total, const int* one, const int* other, const c64* __restrict__ basis, const c64* __restrict__ object, int width,
    Part at) {
    FOR_CHUNK(r, at.k, at.chunks, at.n) {
        float sums[WIDTH] = {};
        NOT_UNROLLED FOR_COLUMNS(c, at.n) {
            const float light = norm(object[(index_t)r * width + c]);
            for (int j = 0; j < WIDTH; j++)
                sums[j] += light * (conj(basis[one[j] + r * at.n + c]) * basis[other[j] + r * at.n + c]).x;
        }
        for (int j = 0; j < WIDTH; j++)
            total[j] += sums[j];
    }
}

// grams[first + j], for WIDTH pairs of shares: (0, 0), (1, 0), (1, 1), (2, 0), ...
template <int WIDTH>
DEVICE void gram_sums(
    int first, float* __restrict__ grams, const c64* __restrict__ object, const c64* __restrict__ basis, int width,
    Part at) {
    int one[WIDTH], other[WIDTH];
    float total[WIDTH] = {};
    int k = 0, l = first;
    while (l > k)
        l -= ++k;
    for (int j = 0; j < WIDTH; j++) {
        one[j] = plane_of(k, at);
        other[j] = plane_of(l, at);
        l = l < k ? l + 1 : 0;
        k += l == 0;
    }
    add_grams<WIDTH>(total, one, other, basis, object, width, at);
    for (int m = 1; m < at.modes && first == 0; m++) {
        const int mode = m * at.n * at.n;
        add_grams<1>(total, &mode, &mode, basis, object, width, at);
    }
    block_sum(total);
    if (THREAD == 0)
        for (int j = 0; j < WIDTH; j++)
            grams[first + j] = total[j];
}

template <bool SHIFTED>
struct Shift {};

// total[j] += sum over the chunk of Re <plane, shifted as the position is, wave>, of the plane that lies at planes[j].
template <int WIDTH, bool SHIFTED>
DEVICE void add_pulls(
    float* total, const int* planes, const c64* __restrict__ basis, const c64* __restrict__ wave,
    const c64* __restrict__ ramps, Shift<SHIFTED>, Part at) {
    FOR_CHUNK(r, at.k, at.chunks, at.n) {
        float sums[WIDTH] = {};
        NOT_UNROLLED FOR_COLUMNS(c, at.n) {
            const c64 ramp = ramp_at<SHIFTED>(ramps, at.i, r, c, at.n), here = wave[r * at.n + c];
            for (int j = 0; j < WIDTH; j++) {
                const c64 there = basis[planes[j] + r * at.n + c];
                sums[j] += (conj(SHIFTED ? ramp * there : there) * here).x;
            }
        }
        for (int j = 0; j < WIDTH; j++)
            total[j] += sums[j];
    }
}

// pulls[first + j], for WIDTH shares.
template <int WIDTH, bool SHIFTED>
DEVICE void pull_sums(
    int first, float* __restrict__ pulls, const c64* __restrict__ waves, const c64* __restrict__ basis,
    const c64* __restrict__ ramps, Shift<SHIFTED> shift, Part at) {
    const index_t plane = (index_t)at.n * at.n;
    const c64* wave = waves + at.b * at.modes * plane;
    int planes[WIDTH];
    float total[WIDTH] = {};
    for (int j = 0; j < WIDTH; j++)
        planes[j] = plane_of(first + j, at);
    add_pulls<WIDTH>(total, planes, basis, wave, ramps, shift, at);
    for (int m = 1; m < at.modes && first == 0; m++) {
        const int mode = m * at.n * at.n;
        add_pulls<1>(total, &mode, basis, wave + m * plane, ramps, shift, at);
    }
    block_sum(total);
    if (THREAD == 0)
        for (int j = 0; j < WIDTH; j++)
            pulls[first + j] = total[j];
}

template <bool SHIFTED>
DEVICE void equations_of_chunks(
    float* __restrict__ grams, float* __restrict__ pulls, const c64* __restrict__ waves, const c64* __restrict__ object,
    const c64* __restrict__ basis, const c64* __restrict__ spectrum, const c64* __restrict__ ramps,
    const int* __restrict__ corners, const int* __restrict__ order, int start, int count, int modes, int n, int width,
    int shares, int chunks) {
    const int pairs = shares * (shares + 1) / 2;
    FOR_ROWS(row, count * chunks) {
        const int b = row / chunks, k = row % chunks, i = order[start + b];
        const Part at = {i, b, k, chunks, modes, n};
        const index_t place = (index_t)i * chunks + k;
        const c64* window = object + (index_t)corners[2 * i] * width + corners[2 * i + 1];
        FOR_SUMS(pairs, gram_sums, grams + place * pairs, window, basis, width, at)
        FOR_SUMS(shares, pull_sums, pulls + place * shares, waves, spectrum, ramps, Shift<SHIFTED>{}, at)
    }
}

// The normal equations of each position's shares, each chunk's part of them: grams[i, c, k (k + 1) / 2 + l] = Re <exit wave of
// share k, exit wave of share l> for l <= k, on whole pixels, and pulls[i, c, k] = Re <what share k adds to the probe, gradient
// of position i's probe>, minus half of the misfit's derivative.
KERNEL mix_equations(
    float* grams,       // float32 (n, C, E), the batch's positions written
    float* pulls,       // float32 (n, C, Q), the batch's positions written
    const c64* waves,   // complex64 (B, M, N, N), the gradients of the position's probe
    const c64* object,  // complex64 (H, W)
    const c64* basis,   // complex64 (T, N, N)
    const int* corners, // int32 (n, 2)
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int width, int shares, int chunks) {
    equations_of_chunks<false>(grams, pulls, waves, object, basis, basis, nullptr, corners, order, start, count, modes, n,
                               width, shares, chunks);
}

// The same where positions are sub-pixel: pulls come from Fourier space, by Parseval's theorem.
KERNEL mix_equations_shifted(
    float* grams,        // float32 (n, C, E), the batch's positions written
    float* pulls,        // float32 (n, C, Q), the batch's positions written
    const c64* waves,    // complex64 (B, M, N, N), not normalised FFTs of the gradients
    const c64* object,   // complex64 (H, W)
    const c64* basis,    // complex64 (T, N, N)
    const c64* spectrum, // complex64 (T, N, N), FFTs of modes and components / N^2
    const c64* ramps,    // complex64 (n, 2, N)
    const int* corners,  // int32 (n, 2)
    const int* order,    // int32 (n)
    int start, int count, int modes, int n, int width, int shares, int chunks) {
    equations_of_chunks<true>(grams, pulls, waves, object, basis, spectrum, ramps, corners, order, start, count, modes, n,
                              width, shares, chunks);
}

// values[x] += what the other chunks have for it.
DEVICE void add_chunks(float* values, int count, int chunks) {
    for (int x = 0; x < count; x++) {
        float sum = values[x];
        for (int k = 1; k < chunks; k++)
            sum += values[k * count + x];
        values[x] = sum;
    }
}

// mix[i] += the damped least squares of position i's residual in its shares from `first` on: (gram + damping * its diagonal)
// x = pull, by Cholesky in place. grams[i, 0] becomes the lower factor, pulls[i, 0] the solution.
KERNEL solve_mix(
    float* __restrict__ mix,    // float32 (n, Q), changed
    float* __restrict__ grams,  // float32 (n, C, E), lower triangles, row by row; the first chunk changed
    float* __restrict__ pulls,  // float32 (n, C, Q), the first chunk changed
    int count, int first, float damping, int shares, int chunks) {
    FOR_ROWS(i, count) {
        if (THREAD != 0)
            continue;
        const int pairs = shares * (shares + 1) / 2;
        float* g = grams + (index_t)i * chunks * pairs;
        float* x = pulls + (index_t)i * chunks * shares;
        add_chunks(g, pairs, chunks);
        add_chunks(x, shares, chunks);
        for (int k = first; k < shares; k++) {
            float* row = g + k * (k + 1) / 2;
            for (int l = first; l <= k; l++) {
                const float* other = g + l * (l + 1) / 2;
                float rest = row[l];
                if (l == k)
                    rest += damping * rest + 1e-30f;
                for (int j = first; j < l; j++)
                    rest -= row[j] * other[j];
                row[l] = l == k ? sqrtf(rest) : rest / other[l];
            }
        }
        for (int k = first; k < shares; k++) {
            const float* row = g + k * (k + 1) / 2;
            for (int j = first; j < k; j++)
                x[k] -= row[j] * x[j];
            x[k] /= row[k];
        }
        for (int k = shares - 1; k >= first; k--) {
            for (int j = k + 1; j < shares; j++)
                x[k] -= g[j * (j + 1) / 2 + k] * x[j];
            x[k] /= g[k * (k + 1) / 2 + k];
            mix[(index_t)i * shares + k] += x[k];
        }
    }
}
