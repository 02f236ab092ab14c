// Standard normal numbers in single precision, by the method of Box and Muller.
//
// Logarithm, sine and cosine are the single-precision polynomials of the Cephes library (Moshier), as in Jubatus: every
// machine gets the same bits, whatever its C library, and loops over them become vector instructions.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "neighbors/sfmt.hpp"

namespace duma::neighbors {

// Natural logarithm of a positive normal number.
[[gnu::always_inline]] inline float polynomial_log(float x) {
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
[[gnu::always_inline]] inline void polynomial_sine_cosine(float angle, float& sine, float& cosine) {
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

namespace detail {

inline constexpr size_t kPairs = 80;  // eight states of the generator

// Pairs of normal numbers from pairs of drawn ones. One definition for every kind of processor: the attributes of the
// callers decide which instructions it becomes.
[[gnu::always_inline]] inline void box_muller(const uint32_t (&first)[kPairs], const uint32_t (&second)[kPairs], float (&sines)[kPairs], float (&cosines)[kPairs]) {
    constexpr float kTurn = 6.28318530717958647692f;
    for (size_t i = 0; i < kPairs; ++i) {
        const float a = 1.0f - static_cast<float>(static_cast<int32_t>(first[i] >> 8)) * 0x1p-24f;
        const float b = 1.0f - static_cast<float>(static_cast<int32_t>(second[i] >> 8)) * 0x1p-24f;
        const float radius = std::sqrt(-2.0f * polynomial_log(a));
        float sine, cosine;
        polynomial_sine_cosine(kTurn * b, sine, cosine);
        sines[i] = radius * sine;
        cosines[i] = radius * cosine;
    }
}

using BoxMuller = void (*)(const uint32_t (&)[kPairs], const uint32_t (&)[kPairs], float (&)[kPairs], float (&)[kPairs]);

#if defined(__x86_64__)
[[gnu::target("avx2")]] inline void box_muller_avx2(const uint32_t (&first)[kPairs], const uint32_t (&second)[kPairs], float (&sines)[kPairs], float (&cosines)[kPairs]) {
    box_muller(first, second, sines, cosines);
}
#endif

inline void box_muller_plain(const uint32_t (&first)[kPairs], const uint32_t (&second)[kPairs], float (&sines)[kPairs], float (&cosines)[kPairs]) {
    box_muller(first, second, sines, cosines);
}

inline BoxMuller fastest_box_muller() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return box_muller_avx2;
#endif
    return box_muller_plain;
}

}  // namespace detail

// The first `n` numbers of the stream that belongs to `seed`, into `out`.
inline void gaussians(uint32_t seed, float* out, size_t n) {
    const detail::BoxMuller box_muller = detail::fastest_box_muller();
    Sfmt607 generator(seed);
    for (size_t done = 0; done < n; done += 2 * detail::kPairs) {
        uint32_t drawn[2 * detail::kPairs], first[detail::kPairs], second[detail::kPairs];
        for (size_t i = 0; i < 2 * detail::kPairs; i += Sfmt607::kInts) generator.next(drawn + i);
        for (size_t i = 0; i < detail::kPairs; ++i) {
            first[i] = drawn[2 * i];
            second[i] = drawn[2 * i + 1];
        }
        float sines[detail::kPairs], cosines[detail::kPairs];
        box_muller(first, second, sines, cosines);
        for (size_t i = 0; done + i < n && i < 2 * detail::kPairs; ++i) out[done + i] = i % 2 == 0 ? sines[i / 2] : cosines[i / 2];
    }
}

}  // namespace duma::neighbors
