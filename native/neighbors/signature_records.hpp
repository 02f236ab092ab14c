// Records known by their signatures: lsh, minhash, euclid_lsh.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "neighbors/records.hpp"
#include "neighbors/signature_index.hpp"

namespace duma::neighbors {

class SignatureRecords final : public Records {
public:
    explicit SignatureRecords(const SignatureSettings& settings) : index_(settings) {}

    std::unique_ptr<Records> empty_copy() const override { return std::make_unique<SignatureRecords>(index_.settings()); }

    bool needs_names() const override { return false; }
    void prepare(Point& point) override { point.signature = index_.query(point.features); }

    bool contains(std::string_view id) const override { return index_.table().find(id) != ColumnTable::kNone; }
    void set(std::string_view id, const Point& point) override { index_.set(id, point.signature); }
    void remove(std::string_view id) override { index_.table().remove(id); }
    bool removable() const override { return true; }

    std::vector<std::string> ids() const override {
        std::vector<std::string> ids;
        ids.reserve(index_.table().size());
        for (uint32_t row = 0; row < index_.table().size(); ++row) ids.push_back(index_.table().key(row));
        return ids;
    }

    std::vector<std::vector<NearRecord>> nearest(std::span<const Point> points, size_t k) override {
        std::vector<SignatureIndex::Query> queries;
        queries.reserve(points.size());
        for (const Point& point : points) queries.push_back(point.signature);
        std::vector<std::vector<NearRecord>> nearest;
        nearest.reserve(points.size());
        for (const std::vector<Neighbor>& found : index_.neighbors(queries, k)) {
            std::vector<NearRecord>& records = nearest.emplace_back();
            records.reserve(found.size());
            for (const auto& [row, distance] : found) records.push_back({index_.table().key(row), distance});
        }
        return nearest;
    }

    double smallest_distance() const override { return 0; }

    size_t points_at_once() const override {
        return std::clamp<size_t>(kWordsAtOnce / (words() + 1), 1, kPointsAtOnce);
    }
    bool searches_long() const override { return index_.slow(); }
    bool prepares_long() const override { return index_.settings().hash_num > kSlowBits; }

    void clear() override { index_.table().clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>&) override { index_.table().add_to(snapshot); }
    void load(msgpack::Reader& in, Names&, const Progress& progress) override { index_.table().load(in, progress); }

private:
    static constexpr size_t kWordsAtOnce = 512 * 1024, kPointsAtOnce = 16;
    static constexpr size_t kSlowBits = 1024;

    size_t words() const { return index_.table().size() * index_.table().signatures().width(); }

    SignatureIndex index_;
};

}  // namespace duma::neighbors
