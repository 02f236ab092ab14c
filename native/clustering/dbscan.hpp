// DBSCAN: clusters are what lies close together; what lies alone is noise and belongs to none. Weights do not count.
//
// M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A density-based algorithm for discovering clusters in large spatial
// databases with noise", KDD 1996.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "clustering/neighborhoods.hpp"
#include "clustering/outcome.hpp"

namespace duma::clustering {

class Dbscan final : public Method {
public:
    // `radius` is above 0; a point with `least` others nearer than that, itself counted, is a core of a cluster.
    Dbscan(double radius, uint32_t least, Distance distance) : radius_(radius), least_(least), distance_(distance) {}

    Outcome cluster(const Points& points, size_t own, const NameList& names, const Outcome&) override {
        if (points.empty()) return {};
        const PointMatrix matrix(points, names);
        auto groups = std::make_shared<Groups>();
        groups->own = own;
        groups->indices = Scan(matrix, distance_, radius_, least_).clusters();
        for (const auto& indices : groups->indices) {
            groups->points.emplace_back();
            for (const uint32_t i : indices) groups->points.back().push_back(points[i]);
        }
        return {nullptr, std::move(groups), {}};
    }

    bool has_centers() const override { return false; }
    uint64_t cost(uint64_t n) const override { return n * n; }

    void pack(Output& out) const override { out.array(0); }
    void unpack(msgpack::Reader& in) override { in.skip(); }
    std::shared_ptr<const Centers> unpack_centers(msgpack::Reader&) const override { throw msgpack::TypeMismatch("dbscan has no centers"); }
    std::unique_ptr<Method> copy() const override { return std::make_unique<Dbscan>(*this); }

private:
    class Scan {
    public:
        Scan(const PointMatrix& matrix, Distance distance, double radius, uint32_t least)
            : near_(matrix.rows, matrix.columns.size(), distance, radius),
              least_(least),
              states_(matrix.rows.size(), State::unclassified),
              queued_(matrix.rows.size()) {}

        std::vector<std::vector<uint32_t>> clusters() {
            std::vector<std::vector<uint32_t>> result;
            for (uint32_t i = 0; i < states_.size(); ++i) {
                if (states_[i] != State::unclassified) continue;
                std::vector<uint32_t> found = cluster_of(i);
                // It can be smaller: points at its border may belong to another one already.
                if (!found.empty() && found.size() >= least_) result.push_back(std::move(found));
            }
            return result;
        }

    private:
        enum class State : uint8_t { unclassified, classified, noise };

        std::vector<uint32_t> cluster_of(uint32_t first) {
            std::vector<uint32_t> cluster, near;
            near_.of(first, near);
            if (near.size() < least_) {
                states_[first] = State::noise;
                return cluster;
            }
            states_[first] = State::classified;
            cluster.push_back(first);
            std::vector<uint32_t> waiting;
            for (const uint32_t j : near) enqueue(waiting, j);
            for (size_t next = 0; next < waiting.size(); ++next) {
                const uint32_t point = waiting[next];
                if (states_[point] == State::classified) continue;
                states_[point] = State::classified;
                cluster.push_back(point);
                near_.of(point, near);
                if (near.size() < least_) continue;
                for (const uint32_t j : near) {
                    if (states_[j] == State::unclassified) {
                        enqueue(waiting, j);
                    } else if (states_[j] == State::noise) {
                        states_[j] = State::classified;
                        cluster.push_back(j);
                    }
                }
            }
            for (const uint32_t point : waiting) queued_[point] = 0;
            return cluster;
        }

        void enqueue(std::vector<uint32_t>& waiting, uint32_t point) {
            if (queued_[point]) return;
            queued_[point] = 1;
            waiting.push_back(point);
        }

        Neighborhoods near_;
        const uint32_t least_;
        std::vector<State> states_;
        std::vector<char> queued_;
    };

    double radius_;
    uint32_t least_;
    Distance distance_;
};

}  // namespace duma::clustering
