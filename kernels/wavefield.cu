// From probe and object to the far field and back: exit waves, sub-pixel probes, the modulus constraint.
// Shapes: n positions, a batch of `count` of them (slots b of a scratch array), M modes, N x N window, H x W object.
// Slot b holds position order[start + b].
#include "measured.cuh"

// waves[b, m, r, c] = probe[b or 0, m, r, c] * object[row + r, column + c]: one probe for all (P = 1) or one a slot.
// With `light`, brightest[b, r] = largest |object|^2 in the window's row; else it is left alone.
template <int MODES>
DEVICE void exit_wave_rows(
    c64* __restrict__ waves, const c64* __restrict__ probe, const c64* __restrict__ object,
    float* __restrict__ brightest, const int* __restrict__ corners, const int* __restrict__ order,
    int start, int count, bool light, int modes, int n, int probes, int width) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const int i = order[start + b];
        const c64* o = object + (index_t)(corners[2 * i] + r) * width + corners[2 * i + 1];
        const c64* p = probe + (probes == 1 ? 0 : b * M * plane) + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        int most = 0;
        EXPECT_READS(o + width, n);
        NOT_UNROLLED FOR_COLUMNS(c, n) {
            for (int m = 0; m < M; m++)
                w[m * plane + c] = p[m * plane + c] * o[c];
            if (light)
                most = larger(most, to_bits(norm(o[c])));
        }
        if (!light)
            continue;
        const float brightest_here = block_max(most);
        if (THREAD == 0)
            brightest[row] = brightest_here;
    }
}

KERNEL exit_wave(
    c64* waves,           // complex64 (B, M, N, N), written
    const c64* probe,     // complex64 (P, M, N, N), P = 1 or B
    const c64* object,    // complex64 (H, W)
    float* brightest,     // float32 (B, N), written
    const int* corners,   // int32 (n, 2)
    const int* order,     // int32 (n)
    int start, int count, int light, int modes, int n, int probes, int width) {
    if (light) {
        FOR_MODES(modes, exit_wave_rows, waves, probe, object, brightest, corners, order, start, count, true, modes, n,
                  probes, width)
    } else {
        FOR_MODES(modes, exit_wave_rows, waves, probe, object, brightest, corners, order, start, count, false, modes, n,
                  probes, width)
    }
}

// probes[b, m, r, c] = spectrum[m, r, c] * ramps[i, 0, r] * ramps[i, 1, c]: an inverse FFT then gives the probe shifted by
// the position's sub-pixel rest.
KERNEL shift_probe(
    c64* probes,            // complex64 (B, M, N, N), written
    const c64* spectrum,    // complex64 (M, N, N), FFT of the probe / N^2
    const c64* ramps,       // complex64 (n, 2, N), exp(-2 pi i k f / N) of each axis
    const int* order,       // int32 (n)
    int start, int count, int modes, int n) {
    FOR_ROWS(row, count * modes * n) {
        const int b = row / (modes * n), mr = row % (modes * n), r = mr % n;
        const c64* ramp = ramps + (index_t)order[start + b] * 2 * n;
        const c64 down = ramp[r];
        const c64* across = ramp + n;
        const c64* from = spectrum + (index_t)mr * n;
        c64* to = probes + (index_t)row * n;
        FOR_COLUMNS(c, n)
            to[c] = from[c] * (down * across[c]);
    }
}

// Replace the modulus of the modelled far field by the measured amplitude; free pixels (amplitude < 0) keep theirs.
// waves: the not normalised FFT of the exit waves in, ready for the not normalised inverse out: both carry 1/N, so the
// factor is 1/N^2. misfit[i, r] = sum (|model| - amplitude)^2 over the row, expected[i, r] = what photon noise makes of it.
template <int MODES, typename T>
DEVICE void modulus_rows(
    const T* __restrict__ patterns, const int* __restrict__ places, c64* __restrict__ waves, float* __restrict__ misfit,
    float* __restrict__ expected, const int* __restrict__ order, int start, int count, int modes, int n) {
    const int M = MODES ? MODES : modes;
    const index_t plane = (index_t)n * n;
    const float scale = 1.0f / (float)plane;
    FOR_ROWS(row, count * n) {
        const int b = row / n, r = row % n;
        const index_t i = order[start + b];
        const T* measured = patterns + places[i] * plane + (index_t)r * n;
        c64* w = waves + b * M * plane + (index_t)r * n;
        float difference = 0.0f, noise = 0.0f;
        NOT_UNROLLED FOR_COLUMNS(c, n) {
            float power = 0.0f;
            for (int m = 0; m < M; m++)
                power += norm(w[m * plane + c]);
            power *= scale;
            const float inverse = inverse_root(power + 1e-18f), modelled = power * inverse;
            const float a = amplitude_of(measured[c]);
            const bool known = a >= 0.0f;
            const float factor = known ? scale * a * inverse : scale;
            difference += known ? (modelled - a) * (modelled - a) : 0.0f;
            noise += known ? amplitude_variance(0.5f * (power + a * a)) : 0.0f;
            for (int m = 0; m < M; m++)
                w[m * plane + c] = factor * w[m * plane + c];
        }
        block_sum(difference, noise);
        if (THREAD == 0) {
            misfit[i * n + r] = difference;
            expected[i * n + r] = noise;
        }
    }
}

KERNEL modulus(
    c64* waves,                 // complex64 (B, M, N, N), changed in place
    const void* patterns,       // uint8 or uint16 or float32 (F, N, N), counts or amplitudes; see measured.cuh
    const int* places,          // int32 (n), where in `patterns` each position's is
    float* misfit,              // float32 (n, N), rows of the batch's positions written
    float* expected,            // float32 (n, N), rows of the batch's positions written
    const int* order,           // int32 (n)
    int start, int count, int modes, int n, int bytes) {
    FOR_MEASURED(bytes, modes, modulus_rows, patterns, places, waves, misfit, expected, order, start, count, modes, n)
}

struct alignas(16) words16 {
    int words[4];
};

// Copy words, a block's threads side by side. From the host's memory a word takes long, so several of a thread are on their
// way before the first is needed.
template <typename Word>
DEVICE void copy_words(void* __restrict__ to, const void* __restrict__ from, int bytes) {
    const int together = 4, count = bytes / (int)sizeof(Word);
    Word* copies = (Word*)to;
    const Word* words = (const Word*)from;
    int first = THREAD;
    for (; first + (together - 1) * THREADS < count; first += together * THREADS) {
        Word ahead[together];
        for (int k = 0; k < together; k++)
            ahead[k] = words[first + k * THREADS];
        for (int k = 0; k < together; k++)
            copies[first + k * THREADS] = ahead[k];
    }
    for (; first < count; first += THREADS)
        copies[first] = words[first];
}

// Copy the patterns of positions order[start + b] to slots kept + (start + b) % ring of `patterns`, and note the slots in
// `places`. Positions whose patterns are not among the frames have slots below `kept` for good and are left alone. On a GPU
// `frames` is the host's memory: a block a pattern has enough words on their way, and leaves multiprocessors to the engine.
KERNEL fetch_patterns(
    void* patterns,      // uint8 or uint16 or float32 (F, N, N), slots written; F >= kept + ring
    int* places,         // int32 (n), those of the copied positions written
    const void* frames,  // uint8 or uint16 or float32 (K, N, N)
    const int* sources,  // int32 (n), which of the frames each position's pattern is, -1 if none
    const int* order,    // int32 (n)
    int start, int count, int kept, int ring, int n, int bytes) {
    const index_t plane = (index_t)n * n * bytes;
    FOR_ROWS(b, count) {
        const int i = order[start + b], place = kept + (start + b) % ring;
        if (sources[i] < 0)
            continue;
        const char* from = (const char*)frames + sources[i] * plane;
        char* to = (char*)patterns + place * plane;
        if (plane % sizeof(words16) == 0)
            copy_words<words16>(to, from, (int)plane);
        else if (plane % sizeof(int) == 0)
            copy_words<int>(to, from, (int)plane);
        else
            copy_words<char>(to, from, (int)plane);
        if (THREAD == 0)
            places[i] = place;
    }
}
