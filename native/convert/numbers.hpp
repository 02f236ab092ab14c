// What happens to numbers: filters, and the features made of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace duma::convert {

struct NumFilter {
    enum class Kind { add, linear, gaussian, sigmoid, callback };
    Kind kind = Kind::add;
    double a = 0;  // value; minimum; average; gain
    double b = 0;  // -; maximum; standard deviation; bias
    bool truncate = false;
    std::function<double(double)> callback;

    double operator()(double x) const {
        switch (kind) {
            case Kind::add: return x + a;
            case Kind::linear:
                if (truncate && x > b) return 1;
                if (truncate && x < a) return 0;
                return (x - a) / (b - a);
            case Kind::gaussian: return (x - a) / b;
            case Kind::sigmoid: return 1 / (1 + std::exp(-a * (x - b)));
            case Kind::callback: return callback(x);
        }
        return x;
    }
};

using NamedValues = std::vector<std::pair<std::string, double>>;

struct NumExtractor {
    enum class Kind { number, logarithm, text, callback };
    Kind kind = Kind::number;
    std::function<NamedValues(std::string_view, double)> callback;
};

// ln(max(1, x)); of NaN it is 0, as the original's order of comparison has it.
inline double log_feature(double x) { return std::log(std::max(1.0, x)); }

// Six significant digits, the default of C++ streams.
inline std::string number_text(double x) {
    char text[32];
    const int n = std::snprintf(text, sizeof text, "%g", x);
    return {text, static_cast<size_t>(n)};
}

struct BinaryExtractor {
    std::function<NamedValues(std::string_view, std::string_view)> callback;
};

struct Combiner {
    enum class Kind { add, mul, callback };
    Kind kind = Kind::add;
    bool commutative = true;
    std::function<NamedValues(std::string_view, double, double)> callback;
};

}  // namespace duma::convert
