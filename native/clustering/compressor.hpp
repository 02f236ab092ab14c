// Makes few weighted points of many, such that a clustering of the few is about one of the many: a coreset.
//
// M. Feldman, M. Faulkner, A. Krause, "Scalable training of mixture models via coresets", NIPS 2011. First some points are
// drawn that lie near all others (`representatives`), then points by how much they matter, those far from a representative
// more often. Distances are euclidean, whatever the clustering uses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "clustering/nearest.hpp"
#include "clustering/points.hpp"
#include "clustering/sampler.hpp"
#include "clustering/select.hpp"
#include "common/random.hpp"

namespace duma::clustering {

// How much a point matters, by the clustering that follows.
enum class Importance { kmeans, gmm };

class Compressor {
public:
    Compressor(uint32_t base, uint32_t seed, Importance importance) : base_(base), importance_(importance), random_(seed) {}

    // `size` points of `source`, in whose place they stand; `source` itself if it has no more.
    Points compress(const Points& source, size_t size, const NameList& names) {
        if (size >= source.size()) return source;
        const PointMatrix matrix(source, names);
        const std::vector<uint32_t> representatives = this->representatives(matrix, size);
        std::vector<Choice> chosen;
        if (representatives.size() < size) chosen = coreset(matrix, representatives, size - representatives.size());
        balance(matrix, representatives, size, chosen);
        Points result;
        for (const auto& [index, weight] : chosen) result.push_back({std::max(weight, 0.0), source[index].record});
        return result;
    }

    void pack(Output& out) const { random_.pack(out); }
    void unpack(msgpack::Reader& in) { random_ = Random::unpack(in); }

private:
    struct Choice {
        uint32_t index;
        double weight;
    };

    // In rounds: some points are drawn, and the nearer half or more of what is left is taken out, until few are left or
    // enough are drawn.
    std::vector<uint32_t> representatives(const PointMatrix& matrix, size_t size) {
        const auto n = static_cast<double>(matrix.rows.size()), base = static_cast<double>(base_);
        const double kept = std::max(0.1, (1 - std::exp(base * (std::log(base) - std::log(n)) / static_cast<double>(size))) / 2);
        std::vector<Far> left;
        for (uint32_t i = 0; i < matrix.rows.size(); ++i) left.push_back({std::numeric_limits<double>::infinity(), i});
        std::vector<uint32_t> result;
        size_t count = base_;
        while (left.size() > 1 && result.size() < size) {
            std::vector<double> weights;
            for (const Far& far : left) weights.push_back(matrix.weights[far.index]);
            Sampler draw(weights, random_.word());
            std::vector<size_t> drawn;
            while (drawn.size() < count) drawn.push_back(draw());
            std::sort(drawn.begin(), drawn.end());
            drawn.erase(std::unique(drawn.begin(), drawn.end()), drawn.end());
            count = drawn.size();
            for (const size_t at : drawn) result.push_back(left[at].index);
            for (Far& far : left)
                for (size_t i = result.size() - count; i < result.size(); ++i)
                    far.distance = std::min(far.distance, euclidean_distance(matrix.rows[far.index], matrix.rows[result[i]]));
            keep_farthest(left, std::max<size_t>(1, static_cast<size_t>(static_cast<double>(left.size()) * kept)));
        }
        return result;
    }

    std::vector<Choice> coreset(const PointMatrix& matrix, const std::vector<uint32_t>& representatives, size_t count) {
        const size_t n = matrix.rows.size();
        const Near near(matrix, representatives);
        std::vector<uint32_t> nearest(n);
        std::vector<double> squares(n), shares(representatives.size()), importance(n);
        double total = 0, spread = 0;
        for (size_t i = 0; i < n; ++i) {
            nearest[i] = near.to(matrix.rows[i]);
            const double d = euclidean_distance(matrix.rows[i], matrix.rows[representatives[nearest[i]]]), w = matrix.weights[i];
            squares[i] = d * d * w;
            shares[nearest[i]] += w;
            spread += squares[i];
            total += w;
        }
        spread = std::max(spread, std::numeric_limits<double>::min());
        double sum = 0;
        for (size_t i = 0; i < n; ++i) {
            importance[i] = importance_ == Importance::kmeans ? std::ceil(total * (squares[i] / spread)) + 1
                                                              : std::ceil(total * (5 / shares[nearest[i]] + squares[i] / spread));
            sum += importance[i];
        }
        Sampler draw(importance, random_.word());
        std::vector<Choice> result;
        while (result.size() < count) {
            const auto i = static_cast<uint32_t>(draw());
            result.push_back({i, matrix.weights[i] * (1.0 / static_cast<double>(count) / (importance[i] / sum))});
        }
        return result;
    }

    // Adds representatives until there are `size`, with the weights that are missing near each of them.
    static void balance(const PointMatrix& matrix, const std::vector<uint32_t>& representatives, size_t size, std::vector<Choice>& chosen) {
        const size_t drawn = chosen.size();
        const std::vector<uint32_t> added(representatives.begin(),
                                          representatives.begin() + static_cast<ptrdiff_t>(std::min(size - drawn, representatives.size())));
        const Near near(matrix, added);
        for (const uint32_t index : added) chosen.push_back({index, 0});
        for (size_t i = 0; i < drawn; ++i) chosen[drawn + near.to(matrix.rows[chosen[i].index])].weight -= chosen[i].weight;
        for (size_t i = 0; i < matrix.rows.size(); ++i) chosen[drawn + near.to(matrix.rows[i])].weight += matrix.weights[i];
    }

    // The nearest of some rows of a matrix.
    class Near {
    public:
        Near(const PointMatrix& matrix, const std::vector<uint32_t>& indices)
            : rows_(rows(matrix, indices)), nearest_(rows_, matrix.columns.size(), Distance::euclidean) {}
        uint32_t to(const Row& row) const { return nearest_(row, room_); }

    private:
        static RowTable rows(const PointMatrix& matrix, const std::vector<uint32_t>& indices) {
            RowTable rows;
            for (const uint32_t i : indices) rows.add_row(matrix.rows[i]);
            return rows;
        }

        RowTable rows_;
        Nearest nearest_;
        mutable std::vector<double> room_;
    };

    uint32_t base_;  // points drawn in the first round
    Importance importance_;
    Random random_;
};

}  // namespace duma::clustering
