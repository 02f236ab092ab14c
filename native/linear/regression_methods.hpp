// How the linear regressions step towards a target. What a step does to a cell is in methods.hpp, with the papers.
//
// Sensitivity is the width of the tube around the prediction in which nothing is learned; PA, PA1 and PA2 multiply it by
// the standard deviation of the targets seen so far. All parameters are float32, as are products of them alone (2C, C*C).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "linear/methods.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::linear {

struct RegressionSettings {
    Method method;
    float regularization_weight;  // those that a method does not have are not read
    float sensitivity;
    float learning_rate;
};

inline bool is_passive_aggressive(Method method) { return method == Method::pa || method == Method::pa1 || method == Method::pa2; }

// The targets that were seen. Model files do not hold this.
struct TargetStatistics {
    double sum = 0, squares = 0;
    uint64_t count = 0;

    void add(double target) {
        sum += target;
        squares += target * target;
        ++count;
    }

    // NaN if rounding takes the radicand below 0, as in the original: then nothing is learned.
    double deviation() const {
        const auto n = static_cast<double>(count);
        const double average = sum / n;
        return std::sqrt(squares / n - average * average);
    }

    std::string pack() const {
        msgpack::Buffer buffer;
        msgpack::Writer out(buffer);
        out.array(3);
        out.real(sum);
        out.real(squares);
        out.unsigned_integer(count);
        return buffer.bytes;
    }

    static TargetStatistics unpack(std::string_view packed) {
        msgpack::Reader in(packed);
        if (in.array() != 3) throw msgpack::TypeMismatch("statistics of targets are an array of 3");
        const double sum = in.real(), squares = in.real();
        return {sum, squares, in.unsigned_integer()};
    }
};

// The factor of the features' values; infinite if there is nothing to change. `norm` is the sum of their squares.
inline double passive_aggressive_factor(Method method, double sign, double loss, double norm, float c) {
    // PA2 is PA here: the original computes the term with C in integers, where it is 0.
    return method == Method::pa1 ? sign * std::min<double>(c, loss / norm) : sign * loss / norm;
}

inline ConfidenceWeighted confidence_weighted_step(double error, double variance, float c) {
    const double b = 1 - 2 * c * error;
    return {(-b + std::sqrt(b * b + 8 * c * (error + c * variance))) / (4 * c * variance), c};
}

inline Arow arow_step(double loss, double variance, float c) {
    const double beta = 1 / (variance + 1.0 / c);
    return {loss * beta, beta};
}

inline NormalHerd normal_herd_step(double loss, double variance, float c) {
    return {loss, variance + 1.0 / c, 2 * c + (c * c) * variance};
}

}  // namespace duma::linear
