// Object and probe updates of the PIE family (Maiden & Rodenburg 2009; Maiden, Johnson & Li 2017).
// Shapes: n positions, a batch of `count` of them (slots b), M modes, N x N window, H x W object, L lanes of partial sums.
#include "portable.cuh"

// The largest of n values that are not negative.
DEVICE float largest_of(const float* __restrict__ values, int n) {
    int most = 0;
    FOR_COLUMNS(r, n)
        most = larger(most, to_bits(values[r]));
    return block_max(most);
}

// 1 / ((1 - alpha) power + floor), floor = alpha * the largest power: one number for all pixels where alpha is 1.
DEVICE float weight_of(float power, float floor, float alpha) {
    return alpha == 1.0f ? reciprocal(floor) : reciprocal((1.0f - alpha) * power + floor);
}

// The directions of one rPIE step (alpha = 1 is ePIE), all from the old object and probe. With chi = revised - probe * object:
//   pulls[first + b] = sum_m conj(probe) chi / ((1 - alpha) |probe|^2 + alpha max |probe|^2), what the object is to take;
//   waves[b, m] becomes conj(object) chi / ((1 - alpha) |object|^2 + alpha max |object|^2), what the probe is to take.
template <int MODES>
DEVICE void pie_rows(
    c64* __restrict__ waves, c64* __restrict__ pulls, const c64* __restrict__ probe, const c64* __restrict__ object,
    const float* __restrict__ brightest, const float* __restrict__ strongest, const int* __restrict__ corners,
    const int* __restrict__ order, int start, int count, int first, float alpha, int modes, int n, int probes, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float probe_floor = alpha * largest_of(strongest, n) + 1e-30f;
    int before = -1;
    float object_floor = 0.0f;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        if (b != before) {
            object_floor = alpha * largest_of(brightest + (index_t)b * n, n) + 1e-30f;
            before = b;
        }
        const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64* p = probe + (probes == 1 ? 0 : b * M * plane) + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        c64* pull = pulls + (first + b) * plane + (index_t)r * n;
        EXPECT_WRITES(pull + n, n);
        EXPECT_READS(o + width, n);
        NOT_UNROLLED FOR_COLUMNS(c, n) {
            const c64 old = o[c];
            c64 sum = {0.0f, 0.0f};
            float power = 0.0f;
            const float probe_factor = weight_of(norm(old), object_floor, alpha);
            for (int m = 0; m < M; m++) {
                const c64 mode = p[m * plane + c];
                const c64 chi = w[m * plane + c] - mode * old;
                sum = sum + conj(mode) * chi;
                power += norm(mode);
                w[m * plane + c] = probe_factor * (conj(old) * chi);
            }
            pull[c] = weight_of(power, probe_floor, alpha) * sum;
        }
    }
}

KERNEL pie_update(
    c64* waves,              // complex64 (B, M, N, N): revised exit waves in, probe directions out
    c64* pulls,              // complex64 (G, N, N), object directions of the group, slots [first, first + count) written
    const c64* probe,        // complex64 (P, M, N, N), P = 1 or B
    const c64* object,       // complex64 (H, W)
    const float* brightest,  // float32 (B, N), max |object|^2 of each row of each window
    const float* strongest,  // float32 (1, N), max over each row of sum_m |probe|^2
    const int* corners,      // int32 (n, 2)
    const int* order,        // int32 (n)
    int start, int count, int first, float alpha, int modes, int n, int probes, int width) {
    FOR_MODES(modes, pie_rows, waves, pulls, probe, object, brightest, strongest, corners, order, start, count, first,
              alpha, modes, n, probes, width)
}

// The same for one probe of all positions, and what it is to take is summed at once: sums[l, m] (+)= sum of its directions for
// `slices` lanes l = lane + k, each over slots b = k, k + slices, ... of the batch. Slices are what gives a GPU blocks enough.
template <int MODES>
DEVICE void pie_summed_rows(
    c64* __restrict__ pulls, c64* __restrict__ sums, const c64* __restrict__ waves, const c64* __restrict__ probe,
    const c64* __restrict__ object, const float* __restrict__ brightest, const float* __restrict__ strongest,
    const int* __restrict__ corners, const int* __restrict__ order, int start, int count, int first, int lane, int slices,
    int fresh, float alpha, int modes, int n, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float probe_floor = alpha * largest_of(strongest, n) + 1e-30f;
    FOR_ROWS(row, slices * n) {
        const int k = row / n, r = row % n;
        c64* taken = sums + (lane + k) * M * plane + (index_t)r * n;
        const c64* p = probe + (index_t)r * n;
        if (fresh) {
            for (int m = 0; m < M; m++)
                FOR_COLUMNS(c, n)
                    taken[m * plane + c] = {0.0f, 0.0f};
        }
        for (int b = k; b < count; b += slices) {
            const float object_floor = alpha * largest_of(brightest + (index_t)b * n, n) + 1e-30f;
            const int i = order[start + b];
            const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            const c64* w = waves + b * M * plane + (index_t)r * n;
            c64* pull = pulls + (first + b) * plane + (index_t)r * n;
            EXPECT_WRITES(pull + n, n);
            EXPECT_READS(o + width, n);
            EXPECT_READS(w + n, n);
            NOT_UNROLLED FOR_COLUMNS(c, n) {
                const c64 old = o[c];
                c64 sum = {0.0f, 0.0f};
                float power = 0.0f;
                const c64 turned = weight_of(norm(old), object_floor, alpha) * conj(old);
                for (int m = 0; m < M; m++) {
                    const c64 mode = p[m * plane + c];
                    const c64 chi = w[m * plane + c] - mode * old;
                    sum = sum + conj(mode) * chi;
                    power += norm(mode);
                    taken[m * plane + c] = taken[m * plane + c] + turned * chi;
                }
                pull[c] = weight_of(power, probe_floor, alpha) * sum;
            }
        }
    }
}

KERNEL pie_summed_update(
    c64* pulls,              // complex64 (G, N, N), object directions of the group, slots [first, first + count) written
    c64* sums,               // complex64 (L, M, N, N), lanes [lane, lane + slices) written
    const c64* waves,        // complex64 (B, M, N, N), revised exit waves
    const c64* probe,        // complex64 (1, M, N, N)
    const c64* object,       // complex64 (H, W)
    const float* brightest,  // float32 (B, N), max |object|^2 of each row of each window
    const float* strongest,  // float32 (1, N), max over each row of sum_m |probe|^2
    const int* corners,      // int32 (n, 2)
    const int* order,        // int32 (n)
    int start, int count, int first, int lane, int slices, int fresh, float alpha, int modes, int n, int width) {
    if (alpha == 1.0f) {
        FOR_MODES(modes, pie_summed_rows, pulls, sums, waves, probe, object, brightest, strongest, corners, order, start,
                  count, first, lane, slices, fresh, 1.0f, modes, n, width)
    } else {
        FOR_MODES(modes, pie_summed_rows, pulls, sums, waves, probe, object, brightest, strongest, corners, order, start,
                  count, first, lane, slices, fresh, alpha, modes, n, width)
    }
}

// object[y, x] += step * sum over the group of pulls[g, y - row of g, x - column of g], for rows [top, top + rows): each
// object pixel gathers what the positions that see it give, in their order, so no two threads write one pixel.
KERNEL gather_object(
    c64* __restrict__ object,        // complex64 (H, W), rows changed
    const c64* __restrict__ pulls,   // complex64 (G, N, N), slot g belongs to position order[start + g]
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int count, int top, int rows, float step, int n, int width) {
    FOR_ROWS(row, rows) {
        const int y = top + row;
        c64* to = object + (index_t)y * width;
        FOR_CHOSEN(g, count, within(y - corners[2 * order[start + g]], n)) {
            const int i = order[start + g];
            const int r = y - corners[2 * i], column = corners[2 * i + 1];
            const c64* from = pulls + ((index_t)g * n + r) * n;
            EXPECT_READS(from + n, n);
            NOT_UNROLLED FOR_OWN_SPAN(x, column, column + n)
                to[x] = to[x] + step * from[x - column];
        }
    }
}

// most[b] = max over r of rows[b, r].
KERNEL row_max(
    float* __restrict__ most,        // float32 (B), written
    const float* __restrict__ rows,  // float32 (B, N)
    int count, int n) {
    FOR_ROWS(b, count) {
        const float largest = largest_of(rows + (index_t)b * n, n);
        if (THREAD == 0)
            most[b] = largest;
    }
}

// sums[lane, m, r, c] (+)= sum over the batch of waves[b, m, r, c], in Fourier space, each shifted back by its position's
// sub-pixel rest: the adjoint of shift_probe. `fresh` starts the sum instead of adding to it.
KERNEL sum_waves_shifted(
    c64* __restrict__ sums,         // complex64 (L, M, N, N), lane written
    const c64* __restrict__ waves,  // complex64 (B, M, N, N), not normalised FFTs of the probe directions
    const c64* __restrict__ ramps,  // complex64 (n, 2, N)
    const int* __restrict__ order,  // int32 (n)
    int start, int lane, int count, int fresh, int modes, int n) {
    const index_t frame = (index_t)modes * n * n;
    FOR_ROWS(row, modes * n) {
        c64* to = sums + lane * frame + (index_t)row * n;
        for (int b = 0; b < count; b++) {
            const c64* ramp = ramps + (index_t)order[start + b] * 2 * n;
            const c64 down = ramp[row % n];
            const c64* across = ramp + n;
            const c64* from = waves + b * frame + (index_t)row * n;
            if (fresh && b == 0) {
                FOR_COLUMNS(c, n)
                    to[c] = conj(down * across[c]) * from[c];
            } else {
                FOR_COLUMNS(c, n)
                    to[c] = to[c] + conj(down * across[c]) * from[c];
            }
        }
    }
}

// probe[m, r, c] += step * sum of the first `used` lanes, in their order, for rows [start, start + count) of the M * N.
KERNEL probe_step(
    c64* __restrict__ probe,       // complex64 (M, N, N), changed in place: the probe or its spectrum
    const c64* __restrict__ sums,  // complex64 (L, M, N, N)
    int start, int count, int used, float step, int modes, int n) {
    const index_t frame = (index_t)modes * n * n;
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        for (int lane = 0; lane < used; lane++) {
            const c64* sum = sums + lane * frame + first;
            FOR_COLUMNS(c, n)
                probe[first + c] = probe[first + c] + step * sum[c];
        }
    }
}

// rows[r] = max over c of sum_m |probe[m, r, c]|^2, for rows [start, start + count) of the window.
template <int MODES>
DEVICE void power_rows(float* __restrict__ rows, const c64* __restrict__ probe, int start, int count, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count) {
        const c64* p = probe + (index_t)(start + row) * n;
        int most = 0;
        FOR_COLUMNS(c, n) {
            float power = 0.0f;
            for (int m = 0; m < M; m++)
                power += norm(p[m * plane + c]);
            most = larger(most, to_bits(power));
        }
        const float strongest = block_max(most);
        if (THREAD == 0)
            rows[start + row] = strongest;
    }
}

KERNEL probe_power(
    float* rows,       // float32 (1, N), rows written
    const c64* probe,  // complex64 (M, N, N)
    int start, int count, int modes, int n) {
    FOR_MODES(modes, power_rows, rows, probe, start, count, modes, n)
}

// Momentum as mPIE has it (Maiden, Johnson & Li 2017), with its two factors in one, for rows [start, start + count):
// velocity = keep velocity + (values - past), values += keep velocity, past = values.
KERNEL momentum_step(
    c64* __restrict__ values,    // complex64 (H, W), rows changed
    c64* __restrict__ velocity,  // complex64 (H, W), rows changed
    c64* __restrict__ past,      // complex64 (H, W), rows changed: the values after the step before
    int start, int count, float keep, int width) {
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * width;
        FOR_COLUMNS(c, width) {
            const c64 now = values[first + c];
            const c64 moving = keep * velocity[first + c] + (now - past[first + c]);
            const c64 next = now + keep * moving;
            velocity[first + c] = moving;
            values[first + c] = next;
            past[first + c] = next;
        }
    }
}

// scaled = factor * waves on rows [start, start + count) of all planes; both may be the same.
KERNEL scale_waves(
    c64* scaled,      // complex64 (M, N, N), rows written
    const c64* waves, // complex64 (M, N, N)
    int start, int count, float factor, int n) {
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        FOR_COLUMNS(c, n)
            scaled[first + c] = factor * waves[first + c];
    }
}
