// A mixture of normal distributions, fitted to weighted points by expectation maximization (A. Dempster, N. Laird,
// D. Rubin, J. R. Stat. Soc. B 39(1), 1977), as Jubatus does it: all components count alike, however many points they
// have, and 0.1 is added to the diagonal of the covariances.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clustering/gaussian.hpp"
#include "clustering/outcome.hpp"
#include "common/random.hpp"

namespace duma::clustering {

class Mixture final : public Centers {
public:
    Mixture(Names columns, RowTable means, std::vector<Gaussian> components)
        : Centers(std::move(columns), std::move(means)), components_(std::move(components)) {}

    // The component most likely responsible; 0 if none is.
    uint32_t nearest(const Row& row, std::vector<double>& room) const override {
        const size_t d = columns().size(), k = components_.size();
        room.assign(2 * d + k, 0);
        double *const x = room.data(), *const rest = x + d, *const shares = rest + d;
        for (size_t j = 0; j < row.size; ++j) x[row.columns[j]] = row.values[j];
        for (size_t c = 0; c < k; ++c) components_[c].log_densities<1>(x, rest, &shares[c]);
        responsibilities(shares, k);
        uint32_t best = 0;
        double most = 0;
        for (uint32_t c = 0; c < k; ++c)
            if (shares[c] > most) {
                most = shares[c];
                best = c;
            }
        return best;
    }

    // Makes of k log densities shares that add up to 1.
    static void responsibilities(double* values, size_t k) {
        double total = values[0];
        for (size_t c = 1; c < k; ++c) {
            const double value = values[c];
            total = std::max(total, value) + std::log(1 + std::exp(std::min(total, value) - std::max(total, value)));
        }
        for (size_t c = 0; c < k; ++c) values[c] = std::exp(values[c] - total);
    }

    void pack(Output& out) const override {
        out.array(3);
        pack_names(out, columns());
        const Row mean = rows()[0];  // all have the same columns
        out.array(mean.size);
        for (size_t j = 0; j < mean.size; ++j) out.unsigned_integer(mean.columns[j]);
        out.array(components_.size());
        for (const Gaussian& component : components_) {
            out.array(component.mean().size() + component.factor().size());
            for (const double value : component.mean()) out.real(value);
            for (const double value : component.factor()) out.real(value);
        }
    }

    static std::shared_ptr<const Mixture> unpack(msgpack::Reader& in) {
        if (in.array() != 3) throw msgpack::TypeMismatch("a mixture is an array of 3");
        Names columns = unpack_names(in);
        const size_t d = columns.size();
        std::vector<uint32_t> met;
        for (uint32_t n = in.array(); n--;) {
            const uint64_t column = in.unsigned_integer();
            if (column >= d) throw msgpack::TypeMismatch("a mixture has an unknown feature");
            met.push_back(static_cast<uint32_t>(column));
        }
        std::vector<Gaussian> components;
        for (uint32_t k = in.array(); k--;) {
            if (in.array() != d + packed_row(d)) throw msgpack::TypeMismatch("a component has another number of features");
            std::vector<double> mean(d), factor(packed_row(d));
            for (double& value : mean) value = in.real();
            for (double& value : factor) value = in.real();
            components.push_back(Gaussian::from_factor(std::move(mean), std::move(factor)));
        }
        if (components.empty()) throw msgpack::TypeMismatch("a mixture has a component");
        return made(std::move(columns), met, std::move(components));
    }

    // `met` are the columns in which a point has a value, rising: those that the centers show.
    static std::shared_ptr<const Mixture> made(Names columns, const std::vector<uint32_t>& met, std::vector<Gaussian> components) {
        RowTable means;
        for (const Gaussian& component : components) {
            for (const uint32_t column : met) means.add(column, component.mean()[column]);
            means.end_row();
        }
        return std::make_shared<const Mixture>(std::move(columns), std::move(means), std::move(components));
    }

private:
    std::vector<Gaussian> components_;
};

class GaussianMixture final : public Method {
public:
    GaussianMixture(uint32_t k, uint32_t seed) : k_(k), seed_(seed), random_(seed) {}

    Outcome cluster(const Points& points, size_t, const NameList& names, const Outcome& before) override {
        if (points.empty()) {
            random_ = Random(seed_);
            return {};
        }
        if (k_ >= kNeverFrom) return before;
        Samples samples(points, names);
        const double d = static_cast<double>(samples.columns.size()), k = k_;
        if (8 * k * (d * (d + 3) / 2 + static_cast<double>(points.size())) > kMostBytes)
            return {nullptr, nullptr, std::to_string(samples.columns.size()) + " features and " + std::to_string(k_) +
                    " components are too many for gmm, whose covariances would take more than 128 MiB: have the converter make fewer features (hash_max_size)"};
        std::vector<Gaussian> components = initial_components(samples);
        for (uint32_t iteration = 0; iteration < kMostIterations; ++iteration)
            if (step(samples, components) < kStill) break;
        return {Mixture::made(std::move(samples.columns), samples.met, std::move(components)), nullptr, {}};
    }

    uint64_t cost(uint64_t n) const override { return k_ >= kNeverFrom ? 0 : 200 * n * k_; }

    void pack(Output& out) const override { random_.pack(out); }
    void unpack(msgpack::Reader& in) override { random_ = Random::unpack(in); }
    std::shared_ptr<const Centers> unpack_centers(msgpack::Reader& in) const override { return Mixture::unpack(in); }
    std::unique_ptr<Method> copy() const override { return std::make_unique<GaussianMixture>(*this); }

private:
    static constexpr uint32_t kNeverFrom = 1u << 31;  // a negative k of the configuration
    static constexpr double kMostBytes = 128 << 20;
    static constexpr uint32_t kMostIterations = 100001;
    static constexpr double kStill = 1e-9;  // how far a mean may move and count as unmoved
    static constexpr double kRidge = 0.1;

    // Points as Jubatus' Gaussians see them: columns are in the order in which features are met, and a point that brings a
    // feature that no point before it had loses the values of its features before that one.
    struct Samples {
        Names columns;
        RowTable rows;
        std::vector<double> weights;
        std::vector<uint32_t> met;  // columns with a value, rising

        Samples(const Points& points, const NameList& names) {
            std::vector<uint32_t> column_of(names.size(), Names::kNone);
            std::vector<std::pair<uint32_t, double>> row;
            std::vector<char> has_value;
            for (const Point& point : points) {
                row.clear();
                for (const auto& [id, value] : point.record->features) {
                    uint32_t& column = column_of[id];
                    if (column == Names::kNone) {
                        column = columns.intern(names[id]);
                        has_value.push_back(0);
                        row.clear();
                    }
                    row.emplace_back(column, value);
                }
                std::sort(row.begin(), row.end());
                for (const auto& [column, value] : row) {
                    rows.add(column, value);
                    has_value[column] = 1;
                }
                rows.end_row();
                weights.push_back(point.weight);
            }
            for (uint32_t column = 0; column < has_value.size(); ++column)
                if (has_value[column]) met.push_back(column);
        }
    };

    // Points drawn as means, of which the last one never is; the identity as covariances.
    std::vector<Gaussian> initial_components(const Samples& samples) {
        const size_t d = samples.columns.size(), n = samples.rows.size();
        std::vector<Gaussian> components;
        for (uint32_t c = 0; c < k_; ++c) {
            const Row row = samples.rows[random_.below(n - 1)];
            std::vector<double> mean(d), covariance(packed_row(d));
            for (size_t j = 0; j < row.size; ++j) mean[row.columns[j]] = row.values[j];
            for (size_t i = 0; i < d; ++i) covariance[packed_row(i) + i] = 1;
            components.emplace_back(std::move(mean), std::move(covariance));
        }
        return components;
    }

    // One round of both steps; returns how far the mean that moved most moved. Means that are no numbers do not count.
    double step(const Samples& samples, std::vector<Gaussian>& components) const {
        const std::vector<double> shares = expected(samples, components);
        double farthest = 0;
        for (uint32_t c = 0; c < k_; ++c) {
            Gaussian next = maximized(samples, shares, c);
            double squares = 0;
            for (size_t i = 0; i < next.mean().size(); ++i) {
                const double moved = next.mean()[i] - components[c].mean()[i];
                squares += moved * moved;
            }
            if (std::sqrt(squares) > farthest) farthest = std::sqrt(squares);
            components[c] = std::move(next);
        }
        return farthest;
    }

    // How much of each point each component is responsible for, times the point's weight: (point, component) is at
    // point * k + component.
    std::vector<double> expected(const Samples& samples, const std::vector<Gaussian>& components) const {
        constexpr size_t lanes = 16;  // as many as a core can work on at a time
        const size_t d = samples.columns.size(), n = samples.rows.size();
        std::vector<double> shares(n * k_), x(d * lanes), room(d * lanes);
        for (size_t first = 0; first < n; first += lanes) {
            const size_t count = std::min(lanes, n - first);
            std::fill(x.begin(), x.end(), 0);
            for (size_t p = 0; p < count; ++p) {
                const Row row = samples.rows[first + p];
                for (size_t j = 0; j < row.size; ++j) x[row.columns[j] * lanes + p] = row.values[j];
            }
            double densities[lanes];
            for (uint32_t c = 0; c < k_; ++c) {
                components[c].log_densities<lanes>(x.data(), room.data(), densities);
                for (size_t p = 0; p < count; ++p) shares[(first + p) * k_ + c] = densities[p];
            }
            for (size_t p = 0; p < count; ++p) {
                double* const own = &shares[(first + p) * k_];
                Mixture::responsibilities(own, k_);
                for (uint32_t c = 0; c < k_; ++c) own[c] *= samples.weights[first + p];
            }
        }
        return shares;
    }

    // Component c for these responsibilities.
    Gaussian maximized(const Samples& samples, const std::vector<double>& shares, uint32_t c) const {
        const size_t d = samples.columns.size();
        std::vector<double> mean(d), covariance(packed_row(d));
        double total = 0;
        for (size_t i = 0; i < samples.rows.size(); ++i) {
            const double q = shares[i * k_ + c];
            if (q == 0) continue;
            total += q;
            const Row row = samples.rows[i];
            const bool full = row.size == d;  // so that columns need not be looked up
            for (size_t a = 0; a < row.size; ++a) {
                const double scaled = q * row.values[a];
                mean[row.columns[a]] += scaled;
                double* const products = &covariance[packed_row(row.columns[a])];
                if (full)
                    for (size_t b = 0; b <= a; ++b) products[b] += scaled * row.values[b];
                else
                    for (size_t b = 0; b <= a; ++b) products[row.columns[b]] += scaled * row.values[b];
            }
        }
        for (double& value : mean) value /= total;
        for (size_t i = 0; i < d; ++i) {
            double* const products = &covariance[packed_row(i)];
            for (size_t j = 0; j <= i; ++j) products[j] = products[j] / total - mean[i] * mean[j];
            products[i] += kRidge;
        }
        return Gaussian(std::move(mean), std::move(covariance));
    }

    uint32_t k_, seed_;
    Random random_;
};

}  // namespace duma::clustering
