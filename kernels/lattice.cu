// What object and probe can trade on a scan of periodic positions: P(u) / f(u) and O(r) f(r) explain it as well for every f that all
// windows see alike, and so f is chosen such that log O has as little as possible of the lattice's waves, exp(2 pi i g r).
// log O has phase wraps, its slope d has none: h is fitted to that, min sum w rho(|d - grad h|) over both axes, where w vanishes at
// the rim of what is lit and rho(x) = log(1 + x^2 / scale^2): edges of the sample must not weigh more than what lies between them.
// Reweighted least squares; as the waves are far apart, a round moves h(g) by sum_r V(r) exp(-2 pi i g r) / (4 sin^2(pi g_r) W_r +
// 4 sin^2(pi g_c) W_c), V the divergence of w rho' d and W_r, W_c the sums of w rho' over steps down and across.
// Shapes: H x W waves, 8 Y pairs of waves of opposite frequencies; columns' waves are cosines, x, and sines, y.
#include "portable.cuh"

struct LogStep {
    c64 flow;     // w rho' d
    float weight; // w rho'
    float size;   // w |d|
};

// The step of log O from a to b, 2 (b - a) / (a + b), which is 2 tanh of half of it; `floor` keeps pixels near 0 from counting.
DEVICE LogStep log_step(c64 a, c64 b, float window, float floor, float scale) {
    const c64 sum = a + b;
    const c64 step = (2.0f * reciprocal(norm(sum) + floor)) * ((b - a) * conj(sum));
    const float size = norm(step), weight = window * scale * reciprocal(scale + size);
    return {weight * step, weight, window * sqrtf(size)};
}

// V of rows [top, top + rows): what the steps to a pixel bring, less what those from it take.
KERNEL log_divergence(
    c64* divergence,     // complex64 (H, W), rows [top, top + rows) written
    float* weights,      // float32 (3, H): of the rows, sums of w |d| over both axes, and of w rho' over steps down and across
    const c64* object,   // complex64 (H, W)
    const float* window, // float32 (H, W), w
    const float* limits, // float32 (2): the floor, and the square of the scale
    int top, int rows, int height, int width) {
    const float floor = limits[0], scale = limits[1];
    FOR_ROWS(row, rows) {
        const int r = top + row;
        const index_t at = (index_t)r * width;
        const index_t above = r > 0 ? -(index_t)width : 0, below = r + 1 < height ? width : 0; // at the rim, no step
        const c64* o = object + at;
        const float* w = window + at;
        float total[3] = {0.0f, 0.0f, 0.0f};
        NOT_UNROLLED FOR_COLUMNS(c, width) {
            const int left = c > 0 ? -1 : 0, right = c + 1 < width ? 1 : 0;
            const c64 here = o[c];
            const float half = 0.5f * w[c];
            const LogStep from_left = log_step(o[c + left], here, half + 0.5f * w[c + left], floor, scale);
            const LogStep from_above = log_step(o[c + above], here, half + 0.5f * w[c + above], floor, scale);
            const LogStep across = log_step(here, o[c + right], half + 0.5f * w[c + right], floor, scale);
            const LogStep down = log_step(here, o[c + below], half + 0.5f * w[c + below], floor, scale);
            divergence[at + c] = (from_left.flow + from_above.flow) - (across.flow + down.flow);
            total[0] += across.size + down.size;
            total[1] += down.weight;
            total[2] += across.weight;
        }
        block_sum(total);
        if (THREAD == 0)
            for (int k = 0; k < 3; k++)
                weights[(index_t)k * height + r] = total[k];
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
