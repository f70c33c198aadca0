// The pair of real least-squares steps of a group, from sums over object, probe and windows.
#pragma once
#include "portable.cuh"

// Normal equations of || chi - a direction_O probe - b direction_P object ||.
struct Normal {
    float b1, a11, b2, a22, a12;
};

// Add up the rows of object_sums (2, H), probe_sums (2, N) and of cross (n, C) for positions order[start ...]. Every thread
// of a block gets the result.
DEVICE Normal normal_equations(
    const float* __restrict__ object_sums, const float* __restrict__ probe_sums, const float* __restrict__ cross,
    const int* __restrict__ order, int start, int count, int n, int height, int chunks) {
    Normal sums = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    FOR_COLUMNS(y, height) {
        sums.b1 += object_sums[y];
        sums.a11 += object_sums[height + y];
    }
    FOR_COLUMNS(r, n) {
        sums.b2 += probe_sums[r];
        sums.a22 += probe_sums[n + r];
    }
    FOR_COLUMNS(g, count) {
        const float* row = cross + (index_t)order[start + g] * chunks;
        for (int k = 0; k < chunks; k++)
            sums.a12 += row[k];
    }
    float all[] = {sums.b1, sums.a11, sums.b2, sums.a22, sums.a12};
    block_sum(all);
    return {all[0], all[1], all[2], all[3], all[4]};
}

// Solve them; an object_step of 0 leaves the object out, and a direction that is 0 gets the step 0. No step is below 0.
DEVICE void solve_pair(float* __restrict__ steps, Normal sums, float object_step, float probe_step) {
    const float free = sums.a11 * sums.a22, determinant = free - sums.a12 * sums.a12;
    const bool both = determinant > 1e-6f * free && object_step > 0.0f;
    const float a = both ? (sums.a22 * sums.b1 - sums.a12 * sums.b2) / determinant
                         : sums.a11 > 0.0f ? sums.b1 / sums.a11 : 0.0f;
    const float b = both ? (sums.a11 * sums.b2 - sums.a12 * sums.b1) / determinant
                         : sums.a22 > 0.0f ? sums.b2 / sums.a22 : 0.0f;
    if (THREAD == 0) {
        steps[0] = object_step * (a > 0.0f ? a : 0.0f);
        steps[1] = probe_step * (b > 0.0f ? b : 0.0f);
    }
}
