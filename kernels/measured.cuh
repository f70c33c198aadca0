// How measured patterns are held, and read: counts in 8 or 16 bits where that loses nothing (the largest number is a free
// pixel), else amplitudes as float32 (-1 is a free pixel). A kernel takes them as void* with the bytes of a pixel.
#pragma once
#include "portable.cuh"

// Square root of the counts, or -1 where the pixel is free.
DEVICE float amplitude_of(unsigned char counts) { return counts == 0xff ? -1.0f : sqrtf((float)counts); }
DEVICE float amplitude_of(unsigned short counts) { return counts == 0xffff ? -1.0f : sqrtf((float)counts); }
DEVICE float amplitude_of(float amplitude) { return amplitude; }

// Variance of sqrt(counts) for a Poisson mean of l: 2 l for few photons, 1/4 for many. Rational fit of
// physics.noise.expected_amplitude_variance, whose coefficients these are.
DEVICE float amplitude_variance(float l) {
    const float below = 1.0f + l * (NOISE_B0 + l * (NOISE_B1 + l * (4.0f * NOISE_A2)));
    return l * (NOISE_A0 + l * (NOISE_A1 + l * NOISE_A2)) * reciprocal(below);
}

// Call template function `run<MODES, T>(..., (const T*)measured, ...)` for the type that the patterns are held in; `run`
// takes them first.
#define FOR_MEASURED(bytes, modes, run, measured, ...)                                                        \
    switch (bytes) {                                                                                          \
        case 1: FOR_MODES(modes, run, (const unsigned char*)(measured), __VA_ARGS__) break;                   \
        case 2: FOR_MODES(modes, run, (const unsigned short*)(measured), __VA_ARGS__) break;                  \
        default: FOR_MODES(modes, run, (const float*)(measured), __VA_ARGS__)                                 \
    }
