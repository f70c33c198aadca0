// What object and probe can trade on a scan of periodic positions: P(u) / f(u) and O(r) f(r) explain it as well for every f that all
// windows see alike, and so f is chosen such that log O has nothing at the lattice's frequencies that does not belong there.
// log O has phase wraps, its slope has none: h is fitted to that, min sum w |d log O - d h|^2 over both axes, where w vanishes at the
// rim of what is lit. With waves exp(2 pi i g r) far apart, h(g) = sum_r V(r) exp(-2 pi i g r) / (sum w (4 sin^2 pi g_r + 4 sin^2 pi g_c)),
// V the divergence of w d log O.
// Shapes: H x W waves, 8 Y pairs of waves of opposite frequencies; columns' waves are cosines, x, and sines, y.
#include "portable.cuh"

// w times the step of log O from a to b: 2 (b - a) / (a + b), which is 2 tanh of half of it; `floor` keeps pixels near 0 from counting.
DEVICE c64 log_step(c64 a, c64 b, float weight, float floor) {
    const c64 sum = a + b;
    return (2.0f * weight * reciprocal(norm(sum) + floor)) * ((b - a) * conj(sum));
}

// V of rows [top, top + rows): what the steps to a pixel bring, less what those from it take.
KERNEL log_divergence(
    c64* divergence,     // complex64 (H, W), rows [top, top + rows) written
    const c64* object,   // complex64 (H, W)
    const float* window, // float32 (H, W), w
    const float* floor,  // float32 (1)
    int top, int rows, int height, int width) {
    const float least = floor[0];
    FOR_ROWS(row, rows) {
        const int r = top + row;
        const index_t at = (index_t)r * width;
        const index_t above = r > 0 ? -(index_t)width : 0, below = r + 1 < height ? width : 0; // at the rim, no step
        const c64* o = object + at;
        const float* w = window + at;
        NOT_UNROLLED FOR_COLUMNS(c, width) {
            const int left = c > 0 ? -1 : 0, right = c + 1 < width ? 1 : 0;
            const c64 here = o[c];
            const float half = 0.5f * w[c];
            const c64 in = log_step(o[c + left], here, half + 0.5f * w[c + left], least) +
                           log_step(o[c + above], here, half + 0.5f * w[c + above], least);
            const c64 out = log_step(here, o[c + right], half + 0.5f * w[c + right], least) +
                            log_step(here, o[c + below], half + 0.5f * w[c + below], least);
            divergence[at + c] = in - out;
        }
    }
}

// The waves' sums along rows [top, top + rows): of V cos and of V sin. Cosines and sines of eight pairs are taken in one go.
KERNEL wave_sums(
    c64* sums,             // complex64 (H, Y, 8, 2), those of the rows written
    const c64* divergence, // complex64 (H, W), V
    const c64* across,     // complex64 (Y, 8, W)
    int top, int rows, int width, int groups) {
    FOR_ROWS(row, rows * groups) {
        const int r = top + row / groups, g = row % groups;
        const c64* v = divergence + (index_t)r * width;
        const c64* wave = across + (index_t)g * 8 * width;
        float total[32];
        for (int k = 0; k < 32; k++)
            total[k] = 0.0f;
        FOR_COLUMNS(c, width) {
            const c64 value = v[c];
            for (int k = 0; k < 8; k++) {
                const c64 phase = wave[k * width + c];
                total[4 * k] += value.x * phase.x;
                total[4 * k + 1] += value.y * phase.x;
                total[4 * k + 2] += value.x * phase.y;
                total[4 * k + 3] += value.y * phase.y;
            }
        }
        block_sum(total);
        if (THREAD == 0)
            for (int k = 0; k < 16; k++)
                sums[((index_t)r * groups + g) * 16 + k] = {total[2 * k], total[2 * k + 1]};
    }
}

// exp(sum over pairs of terms[r, 0] cos + terms[r, 1] sin) for rows [top, top + rows).
KERNEL wave_factor(
    c64* factor,         // complex64 (H, W), rows [top, top + rows) written
    const c64* terms,    // complex64 (H, Y, 8, 2)
    const c64* across,   // complex64 (Y, 8, W)
    int top, int rows, int width, int groups) {
    FOR_ROWS(row, rows) {
        const index_t r = top + row;
        const c64* term = terms + r * groups * 16;
        NOT_UNROLLED FOR_COLUMNS(c, width) {
            c64 exponent = {0.0f, 0.0f};
            for (int k = 0; k < 8 * groups; k++) {
                const c64 phase = across[(index_t)k * width + c];
                exponent = exponent + phase.x * term[2 * k] + phase.y * term[2 * k + 1];
            }
            factor[r * width + c] = expf(exponent.x) * half_turns(0.318309886f * exponent.y);
        }
    }
}
