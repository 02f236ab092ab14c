// The update rules of the linear classifiers, from one training example's point of view.
//
// perceptron: Rosenblatt 1958. PA, PA1, PA2: Crammer et al., "Online Passive-Aggressive Algorithms", JMLR 7 (2006).
// CW: Dredze, Crammer, Pereira, "Confidence-Weighted Linear Classification", ICML 2008. AROW: Crammer, Kulesza, Dredze,
// "Adaptive Regularization of Weight Vectors", NIPS 2009. NHERD: Crammer, Lee, "Learning via Gaussian Herding", NIPS 2010.
//
// C is a float32: where all operands are, the original computed in float32, and so do these (2C, 4C, 8C, C*C, 1/2C).
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "linear/cells.hpp"

namespace duma::linear {

enum class Method { perceptron, pa, pa1, pa2, cw, arow, nherd };

inline Method method_named(std::string_view name) {
    constexpr std::string_view names[] = {"perceptron", "PA", "PA1", "PA2", "CW", "AROW", "NHERD"};
    const auto found = std::find(std::begin(names), std::end(names), name);
    if (found == std::end(names)) throw std::invalid_argument("unsupported method: " + std::string(name));
    return static_cast<Method>(found - std::begin(names));
}

inline bool uses_covariance(Method method) { return method >= Method::cw; }

// The step of the passive-aggressive methods; none if the example is passed over. `loss` is 1 + best wrong score - right
// score, `norm` the sum of squares of the features.
inline double passive_aggressive_step(Method method, double loss, double norm, float c) {
    switch (method) {
        case Method::pa1: return std::min<double>(c, loss / (2 * norm));
        case Method::pa2: return loss / (2 * norm + 1 / (2 * c));
        default: return loss / (2 * norm);
    }
}

struct ConfidenceWeighted {
    double gamma;
    float c;

    // None if there is nothing to learn. M: margin, V: variance.
    static std::optional<ConfidenceWeighted> step(double margin, double variance, float c) {
        const double b = 1 + 2 * c * margin;
        const double gamma = -b + std::sqrt(b * b - 8 * c * (margin - c * variance));
        if (gamma <= 0) return std::nullopt;
        return ConfidenceWeighted{gamma / (4 * c * variance), c};
    }
    void operator()(Cell& cell, double x, double sign) const {
        cell.weight += sign * (gamma * cell.covariance * x);
        cell.covariance = 1 / (1 / cell.covariance + 2 * gamma * x * x * c);
    }
};

struct Arow {
    double alpha, beta;

    static std::optional<Arow> step(double margin, double variance, float c) {
        if (margin >= 1) return std::nullopt;
        const double beta = 1 / (variance + 1.0 / c);
        return Arow{(1 - margin) * beta, beta};
    }
    void operator()(Cell& cell, double x, double sign) const {
        cell.weight += sign * (alpha * cell.covariance * x);
        cell.covariance -= beta * cell.covariance * cell.covariance * x * x;
    }
};

struct NormalHerd {
    double loss, spread, growth;

    static std::optional<NormalHerd> step(double margin, double variance, float c) {
        if (margin >= 1) return std::nullopt;
        return NormalHerd{1 - margin, variance + 1.0 / c, 2 * c + (c * c) * variance};
    }
    void operator()(Cell& cell, double x, double sign) const {
        cell.weight += sign * (loss * (x * cell.covariance) / spread);
        cell.covariance = 1 / (1 / cell.covariance + growth * x * x);
    }
};

}  // namespace duma::linear
