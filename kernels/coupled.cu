// Shifts of scan positions solved together with the steps of object and probe: over a group, the real least squares of
//   || chi_i - a direction_O probe - b direction_P object - probe (slope_down, slope_across) . shift_i ||
// for a, b and every shift_i. Each shift occurs in its own position's equations alone, so it is eliminated there: what is
// left are two equations for a and b, and the shifts follow from these.
// Shapes: n positions, a batch of `count` of them, N x N window, H x W object. slopes, beat as in positions.cu and lsqml.cu.
#include "steps.cuh"

// What the steps and the shift of position i change alike, row sums over its window:
//   coupling[i, 0, r] = Re <direction_O, slope_down> power    coupling[i, 1, r] = Re <direction_O, slope_across> power
//   coupling[i, 2, r] = Re <object, slope_down> beat          coupling[i, 3, r] = Re <object, slope_across> beat
// Windows must not touch the object's first and last rows and columns.
KERNEL couple_shifts(
    float* __restrict__ coupling,      // float32 (n, 4, N), the batch's positions written
    const c64* __restrict__ direction, // complex64 (H, W), the object's
    const c64* __restrict__ object,    // complex64 (H, W)
    const float* __restrict__ power,   // float32 (N, N), sum_m |probe_m|^2
    const c64* __restrict__ beat,      // complex64 (N, N), sum_m probe_m conj(direction_m)
    const int* __restrict__ corners,   // int32 (n, 2)
    const int* __restrict__ order,     // int32 (n)
    int start, int count, int n, int width) {
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        const index_t from = (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64 *o = object + from, *d = direction + from, *q = beat + (index_t)r * n;
        const float* beam = power + (index_t)r * n;
        float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        FOR_COLUMNS(c, n) {
            const c64 down = 0.5f * (o[c + width] - o[c - width]), across = 0.5f * (o[c + 1] - o[c - 1]);
            const c64 turned = conj(o[c]) * q[c];
            sums[0] += (conj(d[c]) * down).x * beam[c];
            sums[1] += (conj(d[c]) * across).x * beam[c];
            sums[2] += (turned * down).x;
            sums[3] += (turned * across).x;
        }
        block_sum(sums);
        if (THREAD == 0)
            for (int k = 0; k < 4; k++)
                coupling[((index_t)i * 4 + k) * n + r] = sums[k];
    }
}

// Eliminate the shift of each position. With S = [[down, both], [both, across]] + floor of its slopes, t their pulls and
// C_O, C_P its coupling to the steps:
//   shares[i, 0:2] = S^-1 t, shares[i, 2:4] = S^-1 C_O, shares[i, 4:6] = S^-1 C_P: shift_i = S^-1 (t - a C_O - b C_P);
//   shares[i, 6:11] = C_O S^-1 C_O, C_O S^-1 C_P, C_P S^-1 C_P, C_O S^-1 t, C_P S^-1 t: what the steps' equations lose.
KERNEL eliminate_shifts(
    float* __restrict__ shares,         // float32 (n, 11), the batch's positions written
    const float* __restrict__ slopes,   // float32 (n, 5, N)
    const float* __restrict__ coupling, // float32 (n, 4, N)
    const int* __restrict__ order,      // int32 (n)
    int start, int count, float floor, int n) {
    FOR_ROWS(b, count) {
        const index_t i = order[start + b];
        float sums[9] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
        for (int k = 0; k < 9; k++) {
            const float* row = k < 5 ? slopes + (i * 5 + k) * n : coupling + (i * 4 + k - 5) * n;
            FOR_COLUMNS(r, n)
                sums[k] += row[r];
        }
        block_sum(sums);
        const float down = sums[2] + floor, across = sums[3] + floor, both = sums[4];
        const float determinant = down * across - both * both;
        const float right[3][2] = {{sums[0], sums[1]}, {sums[5], sums[6]}, {sums[7], sums[8]}};
        float found[3][2];
        for (int k = 0; k < 3; k++) {
            found[k][0] = (across * right[k][0] - both * right[k][1]) / determinant;
            found[k][1] = (down * right[k][1] - both * right[k][0]) / determinant;
        }
        if (THREAD == 0) {
            float* to = shares + i * 11;
            for (int k = 0; k < 6; k++)
                to[k] = found[k / 2][k % 2];
            to[6] = right[1][0] * found[1][0] + right[1][1] * found[1][1];
            to[7] = right[1][0] * found[2][0] + right[1][1] * found[2][1];
            to[8] = right[2][0] * found[2][0] + right[2][1] * found[2][1];
            to[9] = right[1][0] * found[0][0] + right[1][1] * found[0][1];
            to[10] = right[2][0] * found[0][0] + right[2][1] * found[0][1];
        }
    }
}

// What is left of a direction's square without what shifts can do as well: rounding leaves no less than a thousandth.
DEVICE float left_of(float square, float lost) {
    return square - lost > 1e-3f * square ? square - lost : 1e-3f * square;
}

// steps = (object, probe) as of solve_steps, with every position of the group free to shift. One block.
KERNEL solve_coupled(
    float* __restrict__ steps,             // float32 (2), written
    const float* __restrict__ object_sums, // float32 (2, H)
    const float* __restrict__ probe_sums,  // float32 (2, N)
    const float* __restrict__ cross,       // float32 (n, C)
    const float* __restrict__ shares,      // float32 (n, 11)
    const int* __restrict__ order,         // int32 (n)
    int start, int count, float object_step, float probe_step, int n, int height, int chunks) {
    FOR_ROWS(one, 1) {
        Normal sums = normal_equations(object_sums, probe_sums, cross, order, start, count, n, height, chunks);
        float lost[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
        for (int k = 0; k < 5; k++)
            FOR_COLUMNS(g, count)
                lost[k] += shares[(index_t)order[start + g] * 11 + 6 + k];
        block_sum(lost);
        sums.a11 = left_of(sums.a11, lost[0]);
        sums.a12 -= lost[1];
        sums.a22 = left_of(sums.a22, lost[2]);
        sums.b1 -= lost[3];
        sums.b2 -= lost[4];
        solve_pair(steps, sums, object_step, probe_step);
    }
}

// moves[i] = the (down, across) shift of each position, given the steps that object and probe take.
KERNEL take_shifts(
    float* __restrict__ moves,        // float32 (n, 2), the batch's positions written
    const float* __restrict__ shares, // float32 (n, 11)
    const float* __restrict__ steps,  // float32 (2)
    const int* __restrict__ order,    // int32 (n)
    int start, int count) {
    FOR_ROWS(b, count) {
        const index_t i = order[start + b];
        const float* share = shares + i * 11;
        FOR_COLUMNS(axis, 2)
            moves[2 * i + axis] = share[axis] - steps[0] * share[2 + axis] - steps[1] * share[4 + axis];
    }
}
