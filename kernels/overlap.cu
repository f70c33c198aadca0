// The overlap projection of many exit waves onto products of one probe and one object, by weighted least squares.
// Shapes: n positions, a batch of `count` of them (slots b), M modes, N x N window, H x W object, L lanes of partial sums,
// C chunks of positions. chi_m = wave_m - probe_m * object. Slot b holds position order[start + b].
#include "portable.cuh"

// What a batch gives to a lane's band of object rows: pulls += sum_m conj(probe) wave and light += sum_m |probe|^2. The band
// is object rows [top, top + rows); its sums are rows [first, first + rows) of the arrays. `fresh` starts the sums. Each pixel
// gathers from the positions that see it, in their order.
template <int MODES>
DEVICE void overlap_object_rows(
    c64* __restrict__ pulls, float* __restrict__ light, const c64* __restrict__ waves, const c64* __restrict__ probe,
    const int* __restrict__ corners, const int* __restrict__ order,
    int start, int count, int top, int rows, int first, int fresh, int modes, int n, int probes, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, rows) {
        const int y = top + row;
        c64* to = pulls + (index_t)(first + row) * width;
        float* lit = light + (index_t)(first + row) * width;
        if (fresh) {
            FOR_COLUMNS(x, width)
                to[x] = {0.0f, 0.0f};
            FOR_COLUMNS(x, width)
                lit[x] = 0.0f;
        }
        FOR_CHOSEN(b, count, within(y - corners[2 * order[start + b]], n)) {
            const int i = order[start + b];
            const int r = y - corners[2 * i], column = corners[2 * i + 1];
            const c64* w = waves + b * M * plane + (index_t)r * n;
            const c64* p = probe + (probes == 1 ? 0 : b * M * plane) + (index_t)r * n;
            EXPECT_WRITES(to + width + column, n);
            EXPECT_WRITES(lit + width + column, n);
            FOR_OWN_SPAN(x, column, column + n) {
                c64 sum = {0.0f, 0.0f};
                float power = 0.0f;
                for (int m = 0; m < M; m++) {
                    const c64 mode = p[m * plane + x - column];
                    sum = sum + conj(mode) * w[m * plane + x - column];
                    power += norm(mode);
                }
                to[x] = to[x] + sum;
                lit[x] = lit[x] + power;
            }
        }
    }
}

KERNEL overlap_object(
    c64* pulls,         // complex64 (R, W), rows of the lane's band changed
    float* light,       // float32 (R, W), rows of the lane's band changed
    const c64* waves,   // complex64 (B, M, N, N)
    const c64* probe,   // complex64 (P, M, N, N), P = 1 or B
    const int* corners, // int32 (n, 2)
    const int* order,   // int32 (n)
    int start, int count, int top, int rows, int first, int fresh, int modes, int n, int probes, int width) {
    FOR_MODES(modes, overlap_object_rows, pulls, light, waves, probe, corners, order, start, count, top, rows, first,
              fresh, modes, n, probes, width)
}

// waves[b, m] becomes conj(object) chi_m, what the probe is to take.
template <int MODES>
DEVICE void overlap_probe_rows(
    c64* __restrict__ waves, const c64* __restrict__ probe, const c64* __restrict__ object,
    const int* __restrict__ corners, const int* __restrict__ order,
    int start, int count, int modes, int n, int probes, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64* p = probe + (probes == 1 ? 0 : b * M * plane) + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        FOR_COLUMNS(c, n)
            for (int m = 0; m < M; m++)
                w[m * plane + c] = conj(o[c]) * (w[m * plane + c] - p[m * plane + c] * o[c]);
    }
}

KERNEL overlap_probe(
    c64* waves,         // complex64 (B, M, N, N), changed in place
    const c64* probe,   // complex64 (P, M, N, N), P = 1 or B
    const c64* object,  // complex64 (H, W)
    const int* corners, // int32 (n, 2)
    const int* order,   // int32 (n)
    int start, int count, int modes, int n, int probes, int width) {
    FOR_MODES(modes, overlap_probe_rows, waves, probe, object, corners, order, start, count, modes, n, probes, width)
}

// The same for whole pixels, summed over the batch on the spot: sums[lane, m] (+)= sum_b conj(object) chi_m;
// `fresh` starts the sum.
KERNEL overlap_sum_probe(
    c64* __restrict__ sums,          // complex64 (L, M, N, N), lane written
    const c64* __restrict__ waves,   // complex64 (B, M, N, N)
    const c64* __restrict__ probe,   // complex64 (P, M, N, N), P = 1 or B
    const c64* __restrict__ object,  // complex64 (H, W)
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int lane, int count, int fresh, int modes, int n, int probes, int width) {
    const index_t frame = (index_t)modes * n * n;
    FOR_ROWS(row, modes * n) {
        const int r = row % n;
        c64* to = sums + lane * frame + (index_t)row * n;
        if (fresh) {
            FOR_COLUMNS(c, n)
                to[c] = {0.0f, 0.0f};
        }
        for (int b = 0; b < count; b++) {
            const int i = order[start + b];
            const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            const c64* w = waves + b * frame + (index_t)row * n;
            const c64* p = probe + (probes == 1 ? 0 : b * frame) + (index_t)row * n;
            EXPECT_READS(o + width, n);
            FOR_COLUMNS(c, n)
                to[c] = to[c] + conj(o[c]) * (w[c] - p[c] * o[c]);
        }
    }
}

// On rows [top, top + rows): object += step = (sum of the bands' pulls - light object) / (light + floor), light the sum of
// theirs, where it moves; beat = conj(old object) step, and shine = the larger one of |old|^2 and |new|^2. The bands are added
// into the first one of a row.
KERNEL overlap_solve_object(
    c64* __restrict__ object,     // complex64 (H, W), rows changed
    c64* __restrict__ beat,       // complex64 (H, W), rows written
    float* __restrict__ shine,    // float32 (H, W), rows written
    c64* __restrict__ pulls,      // complex64 (R, W), changed where bands share a row
    float* __restrict__ light,    // float32 (R, W), changed where bands share a row
    const int* __restrict__ bands, // int32 (L, 3): of each lane, first row of the object, number of rows, first row of pulls
    int top, int rows, int moves, float floor, int lanes, int width) {
    FOR_ROWS(row, rows) {
        const int y = top + row;
        c64* o = object + (index_t)y * width;
        c64* q = beat + (index_t)y * width;
        float* bright = shine + (index_t)y * width;
        c64* sum = 0;
        float* lit = 0;
        for (int lane = 0; lane < (moves ? lanes : 0); lane++) {
            const int r = y - bands[3 * lane];
            if (r < 0 || r >= bands[3 * lane + 1])
                continue;
            c64* from = pulls + (index_t)(bands[3 * lane + 2] + r) * width;
            float* beam = light + (index_t)(bands[3 * lane + 2] + r) * width;
            if (!sum) {
                sum = from;
                lit = beam;
                continue;
            }
            FOR_COLUMNS(x, width) {
                sum[x] = sum[x] + from[x];
                lit[x] = lit[x] + beam[x];
            }
        }
        FOR_COLUMNS(x, width) {
            const c64 old = o[x];
            const c64 step = sum ? reciprocal(lit[x] + floor + 1e-30f) * (sum[x] - lit[x] * old) : c64{0.0f, 0.0f};
            const float before = norm(old), after = norm(old + step);
            q[x] = conj(old) * step;
            bright[x] = before > after ? before : after;
            o[x] = old + step;
        }
    }
}

// cross[k] = sum of beat and bright[k] = sum of shine over the windows of chunk k, one of C even parts of the order; rows
// [start, start + count) of the C * N.
KERNEL overlap_windows(
    c64* __restrict__ cross,         // complex64 (C, N, N), rows written
    float* __restrict__ bright,      // float32 (C, N, N), rows written
    const c64* __restrict__ beat,    // complex64 (H, W)
    const float* __restrict__ shine, // float32 (H, W)
    const int* __restrict__ corners, // int32 (n, 2)
    const int* __restrict__ order,   // int32 (n)
    int start, int count, int n, int width, int positions, int chunks) {
    FOR_ROWS(row, count) {
        const int k = (start + row) / n, r = (start + row) % n;
        c64* to = cross + (index_t)(start + row) * n;
        float* lit = bright + (index_t)(start + row) * n;
        FOR_COLUMNS(c, n) {
            to[c] = {0.0f, 0.0f};
            lit[c] = 0.0f;
        }
        const int last = (int)((index_t)positions * (k + 1) / chunks);
        for (int g = (int)((index_t)positions * k / chunks); g < last; g++) {
            const int i = order[g];
            const index_t from = (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
            const c64* q = beat + from;
            const float* s = shine + from;
            FOR_COLUMNS(c, n)
                to[c] = to[c] + q[c];
            FOR_COLUMNS(c, n)
                lit[c] = lit[c] + s[c];
        }
    }
}

// Chunk 0 of cross and bright becomes the sum over all chunks, on rows [start, start + count) of the window.
KERNEL overlap_add_chunks(
    c64* __restrict__ cross,    // complex64 (C, N, N), rows of chunk 0 changed
    float* __restrict__ bright, // float32 (C, N, N), rows of chunk 0 changed
    int start, int count, int n, int chunks) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count) {
        const index_t first = (index_t)(start + row) * n;
        for (int k = 1; k < chunks; k++) {
            FOR_COLUMNS(c, n) {
                cross[first + c] = cross[first + c] + cross[k * plane + first + c];
                bright[first + c] = bright[first + c] + bright[k * plane + first + c];
            }
        }
    }
}

// Weighted mean of a pixel, 1 - 2 w, and its neighbors on a line, w each.
template <typename T>
DEVICE T mean_on_line(const T* line, int before, int here, int after, float w) {
    return (1.0f - 2.0f * w) * line[here] + w * (line[before] + line[after]);
}

// probe += (pulls - probe * cross) / (bright + floor[0]) for the first `learned` modes, on rows [start, start + count) of the
// window, cross and bright from chunk 0. With pulls taken at the old object, the second term is what the object has already
// taken of them, to first order. Windows that begin between pixels are met on average by w = 1/8, linear interpolation's
// mean weight of a neighbor; 0 takes them as they are.
// change[0, r] = sum of |new - old|^2 over row and learned modes, change[1, r] that of |old|^2.
KERNEL overlap_solve_probe(
    c64* __restrict__ probe,          // complex64 (M, N, N), rows of learned modes changed
    float* __restrict__ change,       // float32 (2, N), rows written
    const c64* __restrict__ cross,    // complex64 (C, N, N), chunk 0 read
    const float* __restrict__ bright, // float32 (C, N, N), chunk 0 read
    const c64* __restrict__ pulls,    // complex64 (M, N, N), sum over positions of conj(object) chi
    const float* __restrict__ floor,  // float32 (1)
    int start, int count, int learned, float w, int n) {
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count) {
        const int r = start + row;
        const index_t up = (index_t)(r > 0 ? r - 1 : r) * n, here = (index_t)r * n, down = (index_t)(r < n - 1 ? r + 1 : r) * n;
        float moved = 0.0f, power = 0.0f;
        FOR_COLUMNS(c, n) {
            const int before = c > 0 ? c - 1 : c, after = c < n - 1 ? c + 1 : c;
            const c64 taken = (1.0f - 2.0f * w) * mean_on_line(cross + here, before, c, after, w)
                              + w * (mean_on_line(cross + up, before, c, after, w)
                                     + mean_on_line(cross + down, before, c, after, w));
            const float lit = (1.0f - 2.0f * w) * mean_on_line(bright + here, before, c, after, w)
                              + w * (mean_on_line(bright + up, before, c, after, w)
                                     + mean_on_line(bright + down, before, c, after, w));
            const float part = reciprocal(lit + floor[0] + 1e-30f);
            for (int m = 0; m < learned; m++) {
                const index_t at = m * plane + here + c;
                const c64 old = probe[at];
                const c64 step = part * (pulls[at] - old * taken);
                moved += norm(step);
                power += norm(old);
                probe[at] = old + step;
            }
        }
        block_sum(moved, power);
        if (THREAD == 0) {
            change[r] = moved;
            change[n + r] = power;
        }
    }
}
