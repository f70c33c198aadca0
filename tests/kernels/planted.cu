// Faults on purpose, one a kernel: what the emulation and its sanitizers must catch.
#include "portable.cuh"

// Every thread reads its neighbor's shared value, with no barrier after the write.
KERNEL missing_barrier(float* values_out, const float* rows, int n) {
    BLOCK_ARRAY(float, values, WARP);
    FOR_ROWS(row, n) {
        values[THREAD] = rows[THREAD];
        values_out[row * THREADS + THREAD] = values[(THREAD + 1) % THREADS];
    }
}

// The same, with an exchange in between, which orders no other reads and writes.
KERNEL exchange_for_barrier(float* values_out, const float* rows, int n) {
    BLOCK_ARRAY(float, values, WARP);
    FOR_ROWS(row, n) {
        values[THREAD] = rows[THREAD];
        const float other = FROM_LANE(rows[THREAD], 1);
        values_out[row * THREADS + THREAD] = other + values[(THREAD + 1) % THREADS];
    }
}

// Shared memory is longer than what is asked for.
KERNEL stray_shared_write(float* values_out, const float* rows, int n) {
    BLOCK_ARRAY(float, values, WARP / 2);
    values[THREAD] = rows[THREAD];
    values_out[THREAD] = values[THREAD];
}

// Every block adds to the same row.
KERNEL blocks_collide(float* values_out, const float* rows, int n) {
    FOR_ROWS(row, n) {
        FOR_COLUMNS(c, n)
            values_out[c] += rows[c];
    }
}

// Windows one column apart are added up by threads that start at the window, not at their own columns.
KERNEL threads_collide(float* values_out, const float* rows, int n) {
    if (BLOCK == 0) {
        for (int window = 0; window < 2; window++) {
            FOR_COLUMNS(c, n)
                values_out[window + c] += rows[c];
        }
    }
}

// One column too many: past the array's end in its last row.
KERNEL stray_read(float* values_out, const float* rows, int n) {
    FOR_ROWS(row, n) {
        FOR_COLUMNS(c, n)
            values_out[row * n + c] = rows[row * n + c + 1];
    }
}

// One row too many.
KERNEL stray_write(float* values_out, const float* rows, int n) {
    FOR_ROWS(row, n + 1) {
        FOR_COLUMNS(c, n)
            values_out[row * n + c] = rows[c];
    }
}

// 2^31 and more in an int.
KERNEL overflow(float* values_out, const float* rows, int n) {
    FOR_ROWS(row, n) {
        FOR_COLUMNS(c, n)
            values_out[row * n + c] = rows[(row + 1) * (c + 1) * 300000000 % n < 0 ? 0 : c];
    }
}

// A complex number at an odd float.
KERNEL misaligned(float* values_out, const float* rows, int n) {
    FOR_COLUMNS(c, n - 2)
        values_out[c] = ((const c64*)(rows + 1))[c / 2].x;
}

// A barrier that only half of the block reaches.
KERNEL divided_barrier(float* values_out, const float* rows, int n) {
    FOR_COLUMNS(c, n)
        values_out[c] = rows[c];
    if (THREAD < THREADS / 2)
        BARRIER();
}

// An exchange of half of a warp.
KERNEL divided_exchange(float* values_out, const float* rows, int n) {
    FOR_COLUMNS(c, n)
        values_out[c] = rows[c];
    if (THREAD < THREADS / 2)
        values_out[THREAD] = FROM_LANE(values_out[THREAD], 1);
}

// Half of a warp exchanges values, and the other half waits at a barrier.
KERNEL exchange_beside_barrier(float* values_out, const float* rows, int n) {
    FOR_COLUMNS(c, n)
        values_out[c] = rows[c];
    if (THREAD < THREADS / 2)
        values_out[THREAD] = FROM_LANE(values_out[THREAD], 1);
    BARRIER();
}

// Nothing wrong.
KERNEL innocent(float* values_out, const float* rows, int n) {
    FOR_ROWS(row, n) {
        float sum = 0.0f;
        FOR_COLUMNS(c, n)
            sum += rows[row * n + c];
        sum = block_sum(sum);
        FOR_COLUMNS(c, n)
            values_out[row * n + c] = sum;
    }
}
