// A normal distribution with a full covariance.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace duma::clustering {

// Where row i of a symmetric matrix begins, of which only what is on and left of the diagonal is kept.
constexpr size_t packed_row(size_t i) { return i * (i + 1) / 2; }

class Gaussian {
public:
    // The lower half of `covariance` row by row, d (d + 1) / 2 numbers. It is factored as L D L', without pivoting
    // (G. Golub, C. Van Loan, "Matrix Computations", 4.1); a matrix that has no such factors makes densities that are
    // no numbers.
    Gaussian(std::vector<double> mean, std::vector<double> covariance) : mean_(std::move(mean)), factor_(std::move(covariance)) {
        const size_t d = mean_.size();
        std::vector<double> scaled(d);
        for (size_t i = 0; i < d; ++i) {
            double* const row = &factor_[packed_row(i)];
            for (size_t j = 0; j < i; ++j) {
                const double* const other = &factor_[packed_row(j)];
                double sum = row[j];
                for (size_t k = 0; k < j; ++k) sum -= scaled[k] * other[k];
                scaled[j] = sum;  // L D
                row[j] = sum / other[j];
            }
            for (size_t j = 0; j < i; ++j) row[i] -= scaled[j] * row[j];
        }
        count_determinant();
    }

    static Gaussian from_factor(std::vector<double> mean, std::vector<double> factor) {
        Gaussian made;
        made.mean_ = std::move(mean);
        made.factor_ = std::move(factor);
        made.count_determinant();
        return made;
    }

    const std::vector<double>& mean() const { return mean_; }
    // L with D on its diagonal, in the form of the constructor's `covariance`.
    const std::vector<double>& factor() const { return factor_; }

    // -1/2 (ln |covariance| + (x - mean)' covariance^-1 (x - mean)) of `n` points side by side: the value of feature i of
    // point p is at x[i * n + p]. `room` is as large as `x`.
    template <size_t n>
    void log_densities(const double* x, double* room, double* result) const {
        double sums[n] = {};
        for (size_t i = 0; i < mean_.size(); ++i) {
            const double* const row = &factor_[packed_row(i)];
            double rest[n];
            for (size_t p = 0; p < n; ++p) rest[p] = x[i * n + p] - mean_[i];
            for (size_t j = 0; j < i; ++j)
                for (size_t p = 0; p < n; ++p) rest[p] -= row[j] * room[j * n + p];
            for (size_t p = 0; p < n; ++p) {
                room[i * n + p] = rest[p];
                sums[p] += rest[p] * rest[p] / row[i];
            }
        }
        for (size_t p = 0; p < n; ++p) result[p] = -0.5 * (log_determinant_ + sums[p]);
    }

private:
    Gaussian() = default;

    void count_determinant() {
        log_determinant_ = 0;
        for (size_t i = 0; i < mean_.size(); ++i) log_determinant_ += std::log(std::abs(factor_[packed_row(i) + i]));
    }

    std::vector<double> mean_, factor_;
    double log_determinant_ = 0;
};

}  // namespace duma::clustering
