// K-means over weighted points.
//
// The first center is the first point; each further one is drawn with probabilities proportional to weight times distance
// from the centers so far (as in k-means++, D. Arthur and S. Vassilvitskii, SODA 2007, but not squared). Then S. Lloyd's
// iteration (IEEE Trans. Inf. Theory 28(2), 1982) until no center moves.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "clustering/nearest.hpp"
#include "clustering/outcome.hpp"
#include "clustering/sampler.hpp"
#include "common/random.hpp"

namespace duma::clustering {

class KMeansCenters final : public Centers {
public:
    KMeansCenters(Names columns, RowTable rows, Distance distance)
        : Centers(std::move(columns), std::move(rows)), nearest_(this->rows(), this->columns().size(), distance) {}

    uint32_t nearest(const Row& row, std::vector<double>& room) const override { return nearest_(row, room); }

    void pack(Output& out) const override {
        out.array(2);
        pack_names(out, columns());
        out.array(rows().size());
        for (size_t i = 0; i < rows().size(); ++i) {
            const Row row = rows()[i];
            out.array(2 * row.size);
            for (size_t j = 0; j < row.size; ++j) {
                out.unsigned_integer(row.columns[j]);
                out.real(row.values[j]);
            }
        }
    }

private:
    Nearest nearest_;
};

class KMeans final : public Method {
public:
    KMeans(uint32_t k, uint32_t seed, Distance distance) : k_(k), distance_(distance), random_(seed) {}

    Outcome cluster(const Points& points, size_t, const NameList& names, const Outcome& before) override {
        if (points.empty()) return {};
        if (points.size() < k_) return before;
        PointMatrix matrix(points, names);
        RowTable centers = initial_centers(matrix);
        Assignment assignment(points.size(), k_);
        std::unordered_set<uint64_t> seen;
        for (bool moved = true; moved;) {
            assignment.update(matrix.rows, Nearest(centers, matrix.columns.size(), distance_), distance_);
            RowTable next = means(matrix, assignment, centers);
            std::vector<double> moves;
            for (size_t c = 0; c < k_; ++c) moves.push_back(distance(distance_, next[c], centers[c]));
            moved = std::any_of(moves.begin(), moves.end(), [](double move) { return !(move <= kStill); });
            assignment.centers_moved(moves);
            centers = std::move(next);
            // Jubatus goes on without end where means are no numbers, or, with cosine, could come back to where they were.
            if (!seen.insert(fingerprint(centers)).second) break;
        }
        return {std::make_shared<const KMeansCenters>(std::move(matrix.columns), std::move(centers), distance_), nullptr, {}};
    }

    uint64_t cost(uint64_t n) const override { return n < k_ ? 0 : 10 * n * k_; }

    void pack(Output& out) const override { random_.pack(out); }
    void unpack(msgpack::Reader& in) override { random_ = Random::unpack(in); }

    std::shared_ptr<const Centers> unpack_centers(msgpack::Reader& in) const override {
        if (in.array() != 2) throw msgpack::TypeMismatch("centers are an array of 2");
        Names columns = unpack_names(in);
        RowTable rows;
        for (uint32_t n = in.array(); n--;) {
            uint64_t least = 0;
            for (uint32_t cells = in.array() / 2; cells--;) {
                const uint64_t column = in.unsigned_integer();
                if (column < least || column >= columns.size()) throw msgpack::TypeMismatch("a center has an unknown feature");
                least = column + 1;
                rows.add(static_cast<uint32_t>(column), in.real());
            }
            rows.end_row();
        }
        if (rows.size() != k_) throw msgpack::TypeMismatch("another number of centers");
        return std::make_shared<const KMeansCenters>(std::move(columns), std::move(rows), distance_);
    }

    std::unique_ptr<Method> copy() const override { return std::make_unique<KMeans>(*this); }

private:
    static constexpr double kStill = 1e-9;  // how far a center may move and count as unmoved

    // Which center each point belongs to. With euclidean distances it is known of most points without a look at them: a
    // point that was clearly nearer to its center than to all others, by more than the centers have moved since, still is (G.
    // Hamerly, "Making k-means even faster", SDM 2010).
    class Assignment {
    public:
        Assignment(size_t points, size_t centers) : nearest(points, UINT32_MAX), changed(centers), own_(points), other_(points) {}

        std::vector<uint32_t> nearest;
        std::vector<char> changed;  // centers that points came to or went from in the last update

        void update(const RowTable& rows, const Nearest& find, Distance kind) {
            std::fill(changed.begin(), changed.end(), 0);
            for (size_t i = 0; i < nearest.size(); ++i) {
                if (own_[i] < other_[i]) continue;
                const uint32_t before = nearest[i], now = nearest[i] = find(rows[i], room_);
                if (before != now) {
                    if (before != UINT32_MAX) changed[before] = 1;
                    changed[now] = 1;
                }
                if (kind == Distance::euclidean) bound(i, find.error(rows[i]));
            }
        }

        void centers_moved(const std::vector<double>& moves) {
            const double farthest = *std::max_element(moves.begin(), moves.end());
            for (size_t i = 0; i < nearest.size(); ++i) {
                own_[i] = (own_[i] + moves[nearest[i]]) * (1 + kRounding);
                other_[i] = (other_[i] - farthest) * (1 - kRounding);
            }
        }

    private:
        static constexpr double kRounding = 1e-12;

        void bound(size_t i, double error) {
            double second = std::numeric_limits<double>::infinity();
            for (size_t c = 0; c < room_.size(); ++c)
                if (c != nearest[i] && !(room_[c] >= second)) second = room_[c];
            own_[i] = std::sqrt(std::max(0.0, room_[nearest[i]] + error));
            other_[i] = std::sqrt(std::max(0.0, second - error));
        }

        std::vector<double> own_, other_;  // at most the distance to the own center, at least that to any other
        std::vector<double> room_;
    };

    RowTable initial_centers(const PointMatrix& matrix) {
        const size_t n = matrix.rows.size();
        RowTable centers;
        centers.add_row(matrix.rows[0]);
        std::vector<double> least(n, std::numeric_limits<double>::infinity()), weights(n);
        while (centers.size() < k_) {
            const Row newest = centers[centers.size() - 1];
            for (size_t i = 0; i < n; ++i) {
                least[i] = std::min(least[i], distance(distance_, matrix.rows[i], newest));
                weights[i] = least[i] * matrix.weights[i];
            }
            Sampler draw(weights, random_.word());
            centers.add_row(matrix.rows[draw()]);
        }
        return centers;
    }

    // The weighted mean of the points of each center; one whose points weigh nothing, or are those that they were, stays
    // where it is.
    RowTable means(const PointMatrix& matrix, const Assignment& assignment, const RowTable& centers) const {
        const std::vector<uint32_t>& nearest = assignment.nearest;
        std::vector<size_t> ends(k_ + size_t{1});
        for (const uint32_t c : nearest) ++ends[c + size_t{1}];
        for (size_t c = 0; c < k_; ++c) ends[c + 1] += ends[c];
        std::vector<uint32_t> members(nearest.size());
        {
            std::vector<size_t> next(ends.begin(), ends.end() - 1);
            for (uint32_t i = 0; i < nearest.size(); ++i) members[next[nearest[i]]++] = i;
        }
        RowTable result;
        std::vector<double> sums(matrix.columns.size());
        std::vector<char> met(matrix.columns.size());
        std::vector<uint32_t> touched;
        for (size_t c = 0; c < k_; ++c) {
            if (!assignment.changed[c]) {
                result.add_row(centers[c]);
                continue;
            }
            double weight = 0;
            touched.clear();
            for (size_t m = ends[c]; m < ends[c + 1]; ++m) {
                const Row row = matrix.rows[members[m]];
                const double own = matrix.weights[members[m]];
                weight += own;
                for (size_t j = 0; j < row.size; ++j) {
                    const uint32_t column = row.columns[j];
                    if (!met[column]) {
                        met[column] = 1;
                        touched.push_back(column);
                    }
                    sums[column] += row.values[j] * own;
                }
            }
            std::sort(touched.begin(), touched.end());
            for (const uint32_t column : touched) {
                if (weight != 0) result.add(column, sums[column] * (1 / weight));
                sums[column] = 0;
                met[column] = 0;
            }
            if (weight != 0) result.end_row();
            else result.add_row(centers[c]);
        }
        return result;
    }

    static uint64_t fingerprint(const RowTable& rows) {
        uint64_t h = rows.cells();
        for (size_t i = 0; i < rows.size(); ++i) {
            const Row row = rows[i];
            for (size_t j = 0; j < row.size; ++j) {
                h = (h ^ row.columns[j]) * 0x9e3779b97f4a7c15ull;
                h = (std::rotl(h, 29) ^ std::bit_cast<uint64_t>(row.values[j])) * 0xbf58476d1ce4e5b9ull;
            }
        }
        return h;
    }

    uint32_t k_;
    Distance distance_;
    Random random_;
};

}  // namespace duma::clustering
