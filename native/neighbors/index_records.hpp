// Records in an inverted index: exact search by cosine similarity or Euclid's distance. Records stay until all go.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neighbors/inverted_index.hpp"
#include "neighbors/records.hpp"

namespace duma::neighbors {

enum class IndexDistance { cosine, euclidean };  // 1 - cosine similarity, or Euclid's

class IndexRecords final : public Records {
public:
    explicit IndexRecords(IndexDistance kind) : kind_(kind) {}

    std::unique_ptr<Records> empty_copy() const override { return std::make_unique<IndexRecords>(kind_); }

    bool needs_names() const override { return true; }
    void prepare(Point&) override {}

    bool contains(std::string_view id) const override { return index_.contains(id); }
    void set(std::string_view id, const Point& point) override { index_.set(id, point.features); }
    void remove(std::string_view id) override { index_.remove(id, {}); }
    bool removable() const override { return false; }

    std::vector<std::string> ids() const override {
        std::vector<std::string> ids;
        index_.each_key([&](const std::string& id) { ids.push_back(id); });
        return ids;
    }

    std::vector<std::vector<NearRecord>> nearest(std::span<const Point> points, size_t k) override {
        std::vector<std::vector<NearRecord>> nearest;
        nearest.reserve(points.size());
        for (const Point& point : points) {
            const bool cosine = kind_ == IndexDistance::cosine;
            std::vector<NearRecord>& records = nearest.emplace_back();
            for (const auto& [id, score] : cosine ? index_.by_cosine(point.features, k) : index_.by_distance(point.features, k, false))
                records.push_back({id, cosine ? 1 - score : -score});
        }
        return nearest;
    }

    // What rounding leaves of none.
    double smallest_distance() const override { return std::numeric_limits<double>::epsilon(); }

    size_t points_at_once() const override { return 1; }
    bool searches_long() const override { return index_.cells() > kSlowCells; }
    bool prepares_long() const override { return false; }

    void clear() override { index_.clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) override { index_.add_to(snapshot, names); }
    void load(msgpack::Reader& in, Names& names, const Progress& progress) override { index_.load(in, names, progress); }

private:
    static constexpr size_t kSlowCells = 64 * 1024;

    const IndexDistance kind_;
    InvertedIndex index_;
};

}  // namespace duma::neighbors
