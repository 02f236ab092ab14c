// The kinds of index that a recommender can have.
//
// | method                       | score                              | distance    | a row is searched for by        |
// |------------------------------|------------------------------------|-------------|---------------------------------|
// | inverted_index               | cosine                             | 1 - score   | its features                    |
// | inverted_index_euclid        | negative Euclidean distance        | -score      | its features                    |
// | lsh, minhash                 | share of the bits that are equal   | 1 - score   | the signature that was kept     |
// | euclid_lsh                   | negative estimated distance        | -score      | the buckets and bits kept       |
// | nearest_neighbor_recommender | as signature_index.hpp has it      | likewise    | its features                    |
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "neighbors/bit_table.hpp"
#include "neighbors/euclid_lsh_index.hpp"
#include "neighbors/inverted_index.hpp"
#include "neighbors/projection.hpp"
#include "neighbors/recommender_index.hpp"
#include "neighbors/signature_index.hpp"

namespace duma::neighbors {

class InvertedRecommenderIndex final : public RecommenderIndex {
public:
    enum class Measure { cosine, distance, distance_without_orthogonal };

    explicit InvertedRecommenderIndex(Measure measure) : measure_(measure) {}

    Prepared prepare(FeatureVector features) const override { return {std::move(features), {}, {}, 0}; }
    bool needs_whole_row() const override { return false; }
    void set(std::string_view key, const FeatureVector& given, const Prepared&) override { index_.set(key, given); }
    void remove(std::string_view key, const FeatureVector& features) override { index_.remove(key, features); }

    std::vector<ScoredRow> similar(const Prepared& query, size_t k) const override {
        if (measure_ == Measure::cosine) return index_.by_cosine(query.features, k);
        return index_.by_distance(query.features, k, measure_ == Measure::distance_without_orthogonal);
    }

    size_t size() const override { return index_.size(); }
    void each_key(const Visit& visit) const override { index_.each_key(visit); }
    bool slow() const override { return index_.cells() > kSlowCells; }

    void clear() override { index_.clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) override { index_.add_to(snapshot, names); }
    void load(msgpack::Reader& in, Names& names, const Progress& progress) override { index_.load(in, names, progress); }
    std::unique_ptr<RecommenderIndex> empty_copy() const override { return std::make_unique<InvertedRecommenderIndex>(measure_); }

protected:
    double distance(double score) const override { return measure_ == Measure::cosine ? 1 - score : -score; }

private:
    static constexpr size_t kSlowCells = 64 * 1024;

    const Measure measure_;
    InvertedIndex index_;
};

class BitRecommenderIndex final : public RecommenderIndex {
public:
    // Signatures of cosines by a projection of `bits` dimensions, or of minhash if there is none.
    BitRecommenderIndex(size_t bits, std::shared_ptr<Projection> projection) : projection_(std::move(projection)), table_(bits) {}

    Prepared prepare(FeatureVector features) const override {
        Signature signature = projection_ ? cosine_signature((*projection_)(features))
                                          : minhash_signature(features, table_.bits(), MinhashDivision::double_precision);
        return {std::move(features), std::move(signature), {}, 0};
    }
    bool needs_whole_row() const override { return true; }
    void set(std::string_view key, const FeatureVector&, const Prepared& whole) override { table_.set(key, whole.signature); }
    void remove(std::string_view key, const FeatureVector&) override { table_.remove(key); }

    std::vector<ScoredRow> similar(const Prepared& query, size_t k) const override { return table_.search(query.signature.data(), k); }
    std::optional<std::vector<ScoredRow>> similar_to(std::string_view key, size_t k) const override {
        const uint64_t* signature = table_.find(key);
        return signature ? table_.search(signature, k) : std::vector<ScoredRow>();
    }

    size_t size() const override { return table_.size(); }
    void each_key(const Visit& visit) const override { table_.each_key(visit); }
    bool slow() const override { return table_.words() > kSlowWords; }

    void clear() override { table_.clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>&) override { table_.add_to(snapshot); }
    void load(msgpack::Reader& in, Names&, const Progress& progress) override { table_.load(in, progress); }
    std::unique_ptr<RecommenderIndex> empty_copy() const override { return std::make_unique<BitRecommenderIndex>(table_.bits(), projection_); }

protected:
    double distance(double score) const override { return 1 - score; }

private:
    static constexpr size_t kSlowWords = 64 * 1024;

    const std::shared_ptr<Projection> projection_;
    BitTable table_;
};

class EuclidRecommenderIndex final : public RecommenderIndex {
public:
    EuclidRecommenderIndex(const EuclidLshSettings& settings, std::shared_ptr<Projection> projection) : projection_(std::move(projection)), index_(settings) {}

    Prepared prepare(FeatureVector features) const override {
        std::vector<float> projections = (*projection_)(features);
        const double length = norm(features);
        return {std::move(features), {}, std::move(projections), length};
    }
    bool needs_whole_row() const override { return true; }
    void set(std::string_view key, const FeatureVector&, const Prepared& whole) override { index_.set(key, index_.entry(whole.projections, whole.norm)); }
    void remove(std::string_view key, const FeatureVector&) override { index_.remove(key); }

    std::vector<ScoredRow> similar(const Prepared& query, size_t k) const override { return index_.search(query.projections, query.norm, k); }
    std::optional<std::vector<ScoredRow>> similar_to(std::string_view key, size_t k) const override { return index_.search_stored(key, k); }

    size_t size() const override { return index_.size(); }
    void each_key(const Visit& visit) const override { index_.each_key(visit); }
    bool slow() const override { return index_.size() > kSlowRows || index_.settings().probe_num > kSlowProbes; }

    void clear() override { index_.clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>&) override { index_.add_to(snapshot); }
    void load(msgpack::Reader& in, Names&, const Progress& progress) override { index_.load(in, progress); }
    std::unique_ptr<RecommenderIndex> empty_copy() const override { return std::make_unique<EuclidRecommenderIndex>(index_.settings(), projection_); }

protected:
    double distance(double score) const override { return -score; }

private:
    static constexpr size_t kSlowRows = 4 * 1024, kSlowProbes = 1024;

    const std::shared_ptr<Projection> projection_;
    EuclidLshIndex index_;
};

// The table of the nearest neighbour engine.
class TableRecommenderIndex final : public RecommenderIndex {
public:
    explicit TableRecommenderIndex(const SignatureSettings& settings) : index_(settings) {}

    Prepared prepare(FeatureVector features) const override {
        SignatureIndex::Query query = index_.query(features);
        return {std::move(features), std::move(query.signature), {}, query.norm};
    }
    bool needs_whole_row() const override { return true; }
    void set(std::string_view key, const FeatureVector&, const Prepared& whole) override { index_.set(key, {whole.signature, whole.norm}); }
    void remove(std::string_view key, const FeatureVector&) override { index_.table().remove(key); }

    std::vector<ScoredRow> similar(const Prepared& query, size_t k) const override {
        std::vector<ScoredRow> rows = nearest(query, k);
        for (ScoredRow& row : rows) row.score = index_.similarity(row.score);
        return rows;
    }
    std::vector<ScoredRow> nearest(const Prepared& query, size_t k) const override {
        std::vector<ScoredRow> rows;
        for (const auto& [row, distance] : index_.neighbors({query.signature, query.norm}, k)) rows.push_back({index_.table().key(row), distance});
        return rows;
    }

    size_t size() const override { return index_.table().size(); }
    void each_key(const Visit& visit) const override {
        for (uint32_t row = 0; row < index_.table().size(); ++row) visit(index_.table().key(row));
    }
    bool slow() const override { return index_.slow(); }
    bool makes_room_first() const override { return true; }

    void clear() override { index_.table().clear(); }
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>&) override { index_.table().add_to(snapshot); }
    void load(msgpack::Reader& in, Names&, const Progress& progress) override { index_.table().load(in, progress); }
    std::unique_ptr<RecommenderIndex> empty_copy() const override { return std::make_unique<TableRecommenderIndex>(index_.settings()); }

protected:
    double distance(double) const override { throw std::logic_error("a table knows its distances"); }

private:
    mutable SignatureIndex index_;  // its projection and its threads are used by searches
};

}  // namespace duma::neighbors
