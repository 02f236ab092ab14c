// Draws from a 32-bit Mersenne Twister as Jubatus makes them, so that the same seed gives the same choices.
//
// M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998; seeded by the recurrence of 2002.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <random>
#include <sstream>
#include <string>

#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma {

class Random {
public:
    explicit Random(uint32_t seed) : words_(seed) {}

    // The next 32 bits.
    uint32_t word() { return static_cast<uint32_t>(words_()); }

    // Uniform in [0, 1), from 53 bits.
    double uniform() {
        const uint64_t a = words_() >> 5, b = words_() >> 6;
        return (static_cast<double>(a) * 67108864.0 + static_cast<double>(b)) / 9007199254740992.0;
    }

    // An integer from 0 to n - 1; 0 if n is 0.
    uint64_t below(uint64_t n) { return static_cast<uint64_t>(uniform() * static_cast<double>(n)); }

    // Standard normal. Two are made at a time (G. Box, M. Muller, 1958), the second one is kept for the next call.
    double gauss() {
        if (spare_) {
            const double z = *spare_;
            spare_.reset();
            return z;
        }
        const double a = 1 - uniform(), b = 1 - uniform();
        const double radius = std::sqrt(-2 * std::log(a)), angle = 2 * std::numbers::pi * b;
        spare_ = radius * std::cos(angle);
        return radius * std::sin(angle);
    }

    // Gamma distributed with scale 1. Up to a shape of 1 by J. Ahrens and U. Dieter (1974), above by G. Marsaglia and
    // W. Tsang (2000). The truncated e is Jubatus'.
    double gamma(double shape) {
        if (shape <= 1) {
            const double e = 2.718281828, c = e / (shape + e);
            for (;;) {
                const double u1 = uniform(), u2 = uniform();
                if (u1 < c) {
                    const double x = std::pow(u1 / c, 1 / shape);
                    if (std::log(u2) <= -x) return x;
                } else {
                    const double x = -std::log((1 - u1) / (c * shape));
                    if (std::log(u2) <= (shape - 1) * std::log(x)) return x;
                }
            }
        }
        const double c1 = shape - 1.0 / 3, c2 = 1 / std::sqrt(9 * c1);
        for (;;) {
            const double z = gauss();
            if (c2 * z <= -1) continue;
            const double root = 1 + c2 * z, v = root * root * root, u = uniform();
            if (u < 1 - 0.0331 * (z * z) * (z * z) || std::log(u) < 0.5 * z * z + c1 * (1 - v + std::log(v))) return c1 * v;
        }
    }

    double beta(double a, double b) {
        const double x = gamma(a), y = gamma(b);
        return x / (x + y);
    }

    // The state as [text, [spare]], with an empty list if there is no spare.
    template <class Out>
    void pack(Out& out) const {
        std::ostringstream text;
        text << words_;
        out.array(2);
        out.raw(text.str());
        out.array(spare_ ? 1 : 0);
        if (spare_) out.real(*spare_);
    }

    static Random unpack(msgpack::Reader& in) {
        if (in.array() != 2) throw msgpack::TypeMismatch("the state of a random generator is an array of 2");
        Random random(0);
        std::istringstream text{std::string(in.raw())};
        if (!(text >> random.words_)) throw msgpack::TypeMismatch("not the state of a random generator");
        for (uint32_t n = in.array(); n--;) random.spare_ = in.real();
        return random;
    }

private:
    std::mt19937 words_;
    std::optional<double> spare_;
};

}  // namespace duma
