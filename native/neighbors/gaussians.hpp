// Standard normal numbers in single precision, by the method of Box and Muller.
//
// Logarithm, sine and cosine are the single-precision polynomials of the Cephes library (Moshier), as in Jubatus: every
// machine gets the same bits, whatever its C library, and the loop over them has no branches.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "neighbors/sfmt.hpp"

namespace duma::neighbors {

// Natural logarithm of a positive normal number.
inline float polynomial_log(float x) {
    const auto bits = std::bit_cast<uint32_t>(x);
    float mantissa = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);  // in [0.5, 1)
    auto exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
    const bool small = mantissa < 0.707106781186547524f;
    exponent -= small ? 1.0f : 0.0f;
    mantissa = small ? mantissa + mantissa - 1.0f : mantissa - 1.0f;

    const float square = mantissa * mantissa;
    float y = 7.0376836292e-2f;
    y = y * mantissa - 1.1514610310e-1f;
    y = y * mantissa + 1.1676998740e-1f;
    y = y * mantissa - 1.2420140846e-1f;
    y = y * mantissa + 1.4249322787e-1f;
    y = y * mantissa - 1.6668057665e-1f;
    y = y * mantissa + 2.0000714765e-1f;
    y = y * mantissa - 2.4999993993e-1f;
    y = y * mantissa + 3.3333331174e-1f;
    y = y * mantissa * square;
    y += exponent * -2.12194440e-4f;
    y -= square * 0.5f;
    return mantissa + y + exponent * 0.693359375f;
}

// Sine and cosine of an angle in [0, 8192).
inline void polynomial_sine_cosine(float angle, float& sine, float& cosine) {
    auto octant = static_cast<uint32_t>(static_cast<int32_t>(angle * 1.27323954473516f));
    octant = (octant + 1) & ~1u;
    const auto y = static_cast<float>(static_cast<int32_t>(octant));
    // The angle less a multiple of pi/4, whose value is in three parts to lose nothing.
    const float x = ((angle - y * 0.78515625f) - y * 2.4187564849853515625e-4f) - y * 3.77489497744594108e-8f;
    const float square = x * x;

    float c = 2.443315711809948e-5f;
    c = c * square - 1.388731625493765e-3f;
    c = c * square + 4.166664568298827e-2f;
    c = c * square * square;
    c = c - square * 0.5f + 1.0f;

    float s = -1.9515295891e-4f;
    s = s * square + 8.3321608736e-3f;
    s = s * square - 1.6666654611e-1f;
    s = s * square * x + x;

    const bool swapped = octant & 2;
    const uint32_t sine_sign = (octant & 4) << 29, cosine_sign = ((octant + 2) & 4) << 29;
    sine = std::bit_cast<float>(std::bit_cast<uint32_t>(swapped ? c : s) ^ sine_sign);
    cosine = std::bit_cast<float>(std::bit_cast<uint32_t>(swapped ? s : c) ^ cosine_sign);
}

// The first `n` numbers of the stream that belongs to `seed`, into `out`.
inline void gaussians(uint32_t seed, float* out, size_t n) {
    constexpr size_t kPairs = 8;
    constexpr float kTurn = 6.28318530717958647692f;
    Sfmt607 draw(seed);
    for (size_t done = 0; done < n; done += 2 * kPairs) {
        uint32_t radii[kPairs], angles[kPairs];
        for (size_t i = 0; i < kPairs; ++i) {
            radii[i] = draw();
            angles[i] = draw();
        }
        float values[2 * kPairs];
        for (size_t i = 0; i < kPairs; ++i) {
            const float a = 1.0f - static_cast<float>(static_cast<int32_t>(radii[i] >> 8)) * 0x1p-24f;
            const float b = 1.0f - static_cast<float>(static_cast<int32_t>(angles[i] >> 8)) * 0x1p-24f;
            const float radius = std::sqrt(-2.0f * polynomial_log(a));
            float sine, cosine;
            polynomial_sine_cosine(kTurn * b, sine, cosine);
            values[2 * i] = radius * sine;
            values[2 * i + 1] = radius * cosine;
        }
        for (size_t i = 0; i < 2 * kPairs && done + i < n; ++i) out[done + i] = values[i];
    }
}

}  // namespace duma::neighbors
