// Least-squares maximum likelihood (Odstrcil, Menzel & Guizar-Sicairos, Opt. Express 26, 3108, 2018): directions of object
// and probe for a group of positions, and the pair of real steps along them that fits the group's exit waves best.
// Shapes: n positions, a batch of `count` of them (slots b), G positions of a block, M modes, N x N window, H x W object,
// L lanes of partial sums. chi = revised exit wave - probe * object.
#include "steps.cuh"

// pulls[first + b] = sum_m conj(probe_m) chi_m, what the object is to take; waves[b, m] becomes conj(object) chi_m, what the
// probe is to take. Both are gradients: nothing is divided yet.
template <int MODES>
DEVICE void lsq_rows(
    c64* __restrict__ waves, c64* __restrict__ pulls, const c64* __restrict__ probe, const c64* __restrict__ object,
    const int* __restrict__ corners, const int* __restrict__ order, int start, int count, int first, int modes, int n,
    int probes, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64* p = probe + (probes == 1 ? 0 : b * M * plane) + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        c64* pull = pulls + (first + b) * plane + (index_t)r * n;
        EXPECT_WRITES(pull + n, n);
        EXPECT_READS(o + width, n);
        FOR_COLUMNS(c, n) {
            const c64 here = o[c];
            c64 sum = {0.0f, 0.0f};
            for (int m = 0; m < M; m++) {
                const c64 mode = p[m * plane + c];
                const c64 chi = w[m * plane + c] - mode * here;
                sum = sum + conj(mode) * chi;
                w[m * plane + c] = conj(here) * chi;
            }
            pull[c] = sum;
        }
    }
}

KERNEL lsq_gradients(
    c64* waves,         // complex64 (B, M, N, N): revised exit waves in, the probe's gradients out
    c64* pulls,         // complex64 (G, N, N), the object's gradients, slots [first, first + count) written
    const c64* probe,   // complex64 (P, M, N, N), P = 1 or B
    const c64* object,  // complex64 (H, W)
    const int* corners, // int32 (n, 2)
    const int* order,   // int32 (n)
    int start, int count, int first, int modes, int n, int probes, int width) {
    FOR_MODES(modes, lsq_rows, waves, pulls, probe, object, corners, order, start, count, first, modes, n, probes, width)
}

// The same for one probe of all positions, and what it is to take is summed at once: sums[l, m] (+)= sum of conj(object) chi_m
// and brightness[l] (+)= sum of |object|^2, for `slices` lanes l = lane + k, each over slots b = k, k + slices, ... of the
// batch. Slices are what gives a GPU blocks enough.
template <int MODES>
DEVICE void lsq_summed_rows(
    c64* __restrict__ pulls, c64* __restrict__ sums, float* __restrict__ brightness, const c64* __restrict__ waves,
    const c64* __restrict__ probe, const c64* __restrict__ object, const int* __restrict__ corners,
    const int* __restrict__ order, int start, int count, int first, int lane, int slices, int fresh, int modes, int n,
    int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, slices * n) {
        const int k = row / n, r = row % n;
        c64* taken = sums + (lane + k) * M * plane + (index_t)r * n;
        float* light = brightness + (lane + k) * plane + (index_t)r * n;
        const c64* p = probe + (index_t)r * n;
        if (fresh) {
            FOR_COLUMNS(c, n)
                light[c] = 0.0f;
            for (int m = 0; m < M; m++)
                FOR_COLUMNS(c, n)
                    taken[m * plane + c] = {0.0f, 0.0f};
        }
        for (int b = k; b < count; b += slices) {
            const int i = order[start + b];
            const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            const c64* w = waves + b * M * plane + (index_t)r * n;
            c64* pull = pulls + (first + b) * plane + (index_t)r * n;
            EXPECT_WRITES(pull + n, n);
            EXPECT_READS(o + width, n);
            EXPECT_READS(w + n, n);
            FOR_COLUMNS(c, n) {
                const c64 here = o[c];
                c64 sum = {0.0f, 0.0f};
                for (int m = 0; m < M; m++) {
                    const c64 mode = p[m * plane + c];
                    const c64 chi = w[m * plane + c] - mode * here;
                    sum = sum + conj(mode) * chi;
                    taken[m * plane + c] = taken[m * plane + c] + conj(here) * chi;
                }
                pull[c] = sum;
                light[c] = light[c] + norm(here);
            }
        }
    }
}

KERNEL lsq_summed_gradients(
    c64* pulls,         // complex64 (G, N, N), the object's gradients, slots [first, first + count) written
    c64* sums,          // complex64 (L, M, N, N), lanes [lane, lane + slices) written
    float* brightness,  // float32 (L, N, N), the same lanes written
    const c64* waves,   // complex64 (B, M, N, N), revised exit waves
    const c64* probe,   // complex64 (1, M, N, N)
    const c64* object,  // complex64 (H, W)
    const int* corners, // int32 (n, 2)
    const int* order,   // int32 (n)
    int start, int count, int first, int lane, int slices, int fresh, int modes, int n, int width) {
    FOR_MODES(modes, lsq_summed_rows, pulls, sums, brightness, waves, probe, object, corners, order, start, count, first,
              lane, slices, fresh, modes, n, width)
}

// total = sum of the first `used` lanes of sums, in their order, and brightness = that of brights, for rows [start, start +
// count) of the window.
KERNEL add_lanes(
    c64* __restrict__ total,           // complex64 (T, N, N), rows written in every plane
    float* __restrict__ brightness,    // float32 (N, N), rows written
    const c64* __restrict__ sums,      // complex64 (L, T, N, N)
    const float* __restrict__ brights, // float32 (L, N, N)
    int start, int count, int used, int planes, int n) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        float* light = brightness + first;
        for (int lane = 0; lane < used; lane++) {
            const float* bright = brights + lane * plane + first;
            FOR_COLUMNS(c, n)
                light[c] = lane ? light[c] + bright[c] : bright[c];
        }
        for (int t = 0; t < planes; t++) {
            c64* to = total + t * plane + first;
            for (int lane = 0; lane < used; lane++) {
                const c64* sum = sums + (lane * planes + t) * plane + first;
                FOR_COLUMNS(c, n)
                    to[c] = lane ? to[c] + sum[c] : sum[c];
            }
        }
    }
}

// brightness[l, r, c] (+)= sum over the batch of |object|^2 in its windows, for `slices` lanes l = lane + k, each over slots
// b = k, k + slices, ...; `fresh` starts the sums.
KERNEL sum_windows(
    float* __restrict__ brightness,  // float32 (L, N, N), lanes [lane, lane + slices) written
    const c64* __restrict__ object,  // complex64 (H, W)
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int count, int lane, int slices, int fresh, int n, int width) {
    FOR_ROWS(row, slices * n) {
        const int k = row / n, r = row % n;
        float* to = brightness + ((index_t)lane * n + row) * n;
        if (fresh && k >= count) {
            FOR_COLUMNS(c, n)
                to[c] = 0.0f;
        }
        for (int b = k; b < count; b += slices) {
            const int i = order[start + b];
            const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            if (fresh && b == k) {
                FOR_COLUMNS(c, n)
                    to[c] = norm(o[c]);
            } else {
                FOR_COLUMNS(c, n)
                    to[c] = to[c] + norm(o[c]);
            }
        }
    }
}

// gradient (+)= sum of the block's pulls and illumination (+)= sum of the probe's power, on rows [top, top + rows) of the
// object: each pixel gathers from the positions that see it, in their order. brightest[y] = the row's largest illumination.
KERNEL gather_gradient(
    c64* __restrict__ gradient,        // complex64 (H, W), rows written
    float* __restrict__ illumination,  // float32 (H, W), rows written
    float* __restrict__ brightest,     // float32 (1, H), rows written
    const c64* __restrict__ pulls,     // complex64 (G, N, N), slot g belongs to position order[start + g]
    const float* __restrict__ power,   // float32 (N, N), sum_m |probe|^2
    const int* __restrict__ corners,   // int32 (n, 2)
    const int* __restrict__ order,     // int32 (n)
    int start, int count, int top, int rows, int fresh, int n, int width) {
    FOR_ROWS(row, rows) {
        const int y = top + row;
        c64* to = gradient + (index_t)y * width;
        float* light = illumination + (index_t)y * width;
        if (fresh) {
            FOR_COLUMNS(x, width)
                to[x] = {0.0f, 0.0f};
            FOR_COLUMNS(x, width)
                light[x] = 0.0f;
        }
        FOR_CHOSEN(g, count, within(y - corners[2 * order[start + g]], n)) {
            const int i = order[start + g];
            const int r = y - corners[2 * i], column = corners[2 * i + 1];
            const c64* from = pulls + ((index_t)g * n + r) * n;
            const float* beam = power + (index_t)r * n;
            EXPECT_READS(from + n, n);
            NOT_UNROLLED FOR_OWN_SPAN(x, column, column + n)
                to[x] = to[x] + from[x - column];
            NOT_UNROLLED FOR_OWN_SPAN(x, column, column + n)
                light[x] = light[x] + beam[x - column];
        }
        int most = 0;
        FOR_COLUMNS(x, width)
            most = larger(most, to_bits(light[x]));
        const float largest = block_max(most);
        if (THREAD == 0)
            brightest[y] = largest;
    }
}

// gradient becomes the direction gradient / (illumination + floor), floor = damping * the largest illumination, and
// turned = direction conj(object). sums[0, y] = Re <direction, gradient> and sums[1, y] = sum |direction|^2 illumination over the row.
KERNEL object_direction(
    c64* __restrict__ gradient,             // complex64 (H, W), rows changed
    c64* __restrict__ turned,               // complex64 (H, W), rows written
    float* __restrict__ sums,               // float32 (2, H), rows written
    const c64* __restrict__ object,         // complex64 (H, W)
    const float* __restrict__ illumination, // float32 (H, W)
    const float* __restrict__ strongest,    // float32 (1), largest illumination
    int top, int rows, float damping, int height, int width) {
    const float lowest = damping * strongest[0] + 1e-30f;
    FOR_ROWS(row, rows) {
        const int y = top + row;
        c64 *g = gradient + (index_t)y * width, *q = turned + (index_t)y * width;
        const c64* o = object + (index_t)y * width;
        const float* light = illumination + (index_t)y * width;
        float pull = 0.0f, length = 0.0f;
        FOR_COLUMNS(x, width) {
            const float weight = reciprocal(light[x] + lowest);
            const float size = norm(g[x]);
            pull += weight * size;
            length += weight * weight * size * light[x];
            const c64 direction = weight * g[x];
            g[x] = direction;
            q[x] = direction * conj(o[x]);
        }
        block_sum(pull, length);
        if (THREAD == 0) {
            sums[y] = pull;
            sums[height + y] = length;
        }
    }
}

// gradient becomes the direction gradient / (brightness + floor) for the first `learned` modes and 0 for the others, floor =
// damping * positions of the group. beat = sum_m probe_m conj(direction_m). sums[0, r] = Re <direction, gradient>, sums[1, r]
// = sum |direction|^2 brightness over the row.
KERNEL probe_direction(
    c64* __restrict__ gradient,          // complex64 (M, N, N), rows changed in every mode
    c64* __restrict__ beat,              // complex64 (N, N), rows written
    float* __restrict__ sums,            // float32 (2, N), rows written
    const c64* __restrict__ probe,       // complex64 (M, N, N)
    const float* __restrict__ brightness, // float32 (N, N), sum over the group of |object|^2
    int start, int count, int learned, float damping, int modes, int n) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        float pull = 0.0f, length = 0.0f;
        FOR_COLUMNS(c, n)
            beat[first + c] = {0.0f, 0.0f};
        for (int m = 0; m < modes; m++) {
            c64* g = gradient + m * plane + first;
            const c64* p = probe + m * plane + first;
            FOR_COLUMNS(c, n) {
                const bool learns = m < learned; // else there may be nothing to read
                const float bright = learns ? brightness[first + c] : 0.0f;
                const float weight = learns ? reciprocal(bright + damping + 1e-30f) : 0.0f;
                const c64 old = learns ? g[c] : c64{0.0f, 0.0f};
                const float size = norm(old);
                pull += weight * size;
                length += weight * weight * size * bright;
                g[c] = weight * old;
                beat[first + c] = beat[first + c] + p[c] * conj(g[c]);
            }
        }
        block_sum(pull, length);
        if (THREAD == 0) {
            sums[start + row] = pull;
            sums[n + start + row] = length;
        }
    }
}

// cross[i, k] = Re sum_m <direction_O probe_m, direction_P,m object> over chunk k of position i's window, one of C parts of its
// rows, as high as each other but for the last. A chunk of all positions comes before the next one: `beat` is then read from
// nearby.
KERNEL cross_terms(
    float* __restrict__ cross,       // float32 (n, C), rows of the batch's positions written
    const c64* __restrict__ turned,  // complex64 (H, W), direction_O conj(object)
    const c64* __restrict__ beat,    // complex64 (N, N)
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int count, int n, int width, int chunks) {
    const int high = (n + chunks - 1) / chunks;
    FOR_ROWS(row, count * chunks) {
        const int b = row % count, k = row / count;
        const int i = order[start + b];
        float sum = 0.0f;
        for (int r = k * high; r < n && r < (k + 1) * high; r++) {
            const c64* q = turned + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            const c64* here = beat + (index_t)r * n;
            EXPECT_READS(q + width, n);
            FOR_COLUMNS(c, n)
                sum += q[c].x * here[c].x - q[c].y * here[c].y;
        }
        sum = block_sum(sum);
        if (THREAD == 0)
            cross[(index_t)i * chunks + k] = sum;
    }
}

// steps[i] = (object, probe), the real least squares of || chi - a direction_O probe - b direction_P object || over a group:
// each step not below 0 and times its factor; an object_step of 0 leaves the object out. One block. A direction that is 0
// gets the step 0.
KERNEL solve_steps(
    float* __restrict__ steps,             // float32 (2), written
    const float* __restrict__ object_sums, // float32 (2, H)
    const float* __restrict__ probe_sums,  // float32 (2, N)
    const float* __restrict__ cross,       // float32 (n, C)
    const int* __restrict__ order,         // int32 (n)
    int start, int count, float object_step, float probe_step, int n, int height, int chunks) {
    FOR_ROWS(one, 1)
        solve_pair(steps, normal_equations(object_sums, probe_sums, cross, order, start, count, n, height, chunks),
                   object_step, probe_step);
}

// object += steps[0] * direction, rows [top, top + rows).
KERNEL move_object(
    c64* __restrict__ object,          // complex64 (H, W), rows changed
    const c64* __restrict__ direction, // complex64 (H, W)
    const float* __restrict__ steps,   // float32 (2)
    int top, int rows, int width) {
    const float step = steps[0];
    FOR_ROWS(row, rows) {
        const index_t first = (index_t)(top + row) * width;
        FOR_COLUMNS(x, width)
            object[first + x] = object[first + x] + step * direction[first + x];
    }
}

// probe += steps[1] * direction, and power = sum_m |probe|^2, for rows [start, start + count) of the window.
KERNEL move_probe(
    c64* __restrict__ probe,           // complex64 (M, N, N), rows changed in every mode
    float* __restrict__ power,         // float32 (N, N), rows written
    const c64* __restrict__ direction, // complex64 (M, N, N)
    const float* __restrict__ steps,   // float32 (2)
    int start, int count, int modes, int n) {
    const index_t plane = (index_t)n * n;
    const float step = steps[1];
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        FOR_COLUMNS(c, n)
            power[first + c] = 0.0f;
        for (int m = 0; m < modes; m++) {
            c64* p = probe + m * plane + first;
            const c64* d = direction + m * plane + first;
            FOR_COLUMNS(c, n) {
                p[c] = p[c] + step * d[c];
                power[first + c] = power[first + c] + norm(p[c]);
            }
        }
    }
}
