// The rows of a recommender: their features, an index to search them, and what is forgotten when there are too many.
//
// Saved as [rows, index], or as [unlearner, rows, index] if there is one. It locks nothing: whoever owns it lets searches
// run beside each other and changes run alone.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "model/unlearner.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/recommender_index.hpp"
#include "neighbors/sparse_rows.hpp"

namespace duma::neighbors {

class RecommenderStore {
public:
    // `names` are the model's; the unlearner may be null.
    RecommenderStore(const Names& names, std::unique_ptr<RecommenderIndex> index, std::unique_ptr<Unlearner> unlearner)
        : rows_(names), index_(std::move(index)), unlearner_(std::move(unlearner)) {}

    bool calls_back() const { return unlearner_ && unlearner_->calls_back(); }

    // Whether a search takes so long that others should not wait for it.
    bool slow() const { return index_->slow(); }

    // Whether prepare() computes signatures, which takes a while.
    bool signs() const { return index_->needs_whole_row(); }

    size_t size() const { return index_->size(); }

    bool contains(std::string_view key) const { return rows_.contains(key); }

    // ---- changing

    // Adds features to a row, in place of those of the same name. Raises ModelFull if there is no room for the row.
    void update(const std::string& key, const FeatureVector& features) {
        require_room(key);
        store(key, features, prepare(key, features));
    }

    // The steps of an update, for one who wants nobody to wait for signatures: only the last needs the store for itself, and
    // between them nobody else may change it.
    void require_room(const std::string& key) const {
        if (!unlearner_ || unlearner_->can_touch(key)) return;
        const bool ids = index_->makes_room_first();
        throw ModelFull(std::string("cannot add new ") + (ids ? "ID as number of sticky IDs" : "row as number of sticky rows") +
                        " reached the maximum size of unlearner: " + key);
    }
    Prepared prepare(std::string_view key, const FeatureVector& features) const {
        return index_->needs_whole_row() ? index_->prepare(rows_.merged(key, features)) : Prepared();
    }
    void store(const std::string& key, const FeatureVector& features, const Prepared& whole) {
        if (index_->makes_room_first()) touch(key);
        rows_.set(key, features);
        index_->set(key, features, whole);
        if (!index_->makes_room_first()) touch(key);
    }

    // A row that is not there may be removed, too.
    void remove(const std::string& key) {
        drop(key);
        if (unlearner_) unlearner_->remove(key);
    }

    void clear() {
        rows_.clear();
        index_->clear();
        if (unlearner_) unlearner_->clear();
    }

    // ---- searching

    // A row's features, in the order of their first use; none if it is not there.
    FeatureVector row(std::string_view key) const { return rows_.features(key); }

    // A row's features as they would be after an update with these.
    FeatureVector merged(std::string_view key, const FeatureVector& features) const { return rows_.merged(key, features); }

    // What similar() and nearest() search for; needs no lock.
    Prepared prepare(FeatureVector features) const { return index_->prepare(std::move(features)); }

    // The `k` rows most like a query, most alike first, and their scores.
    std::vector<ScoredRow> similar(const Prepared& query, size_t k) const { return index_->similar(query, k); }
    std::vector<ScoredRow> similar_to(std::string_view key, size_t k) const {
        auto rows = index_->similar_to(key, k);
        return rows ? *std::move(rows) : index_->similar(index_->prepare(row(key)), k);
    }

    // The same with distances, the nearest first.
    std::vector<ScoredRow> nearest(const Prepared& query, size_t k) const { return index_->nearest(query, k); }
    std::vector<ScoredRow> nearest_to(std::string_view key, size_t k) const {
        auto rows = index_->nearest_to(key, k);
        return rows ? *std::move(rows) : index_->nearest(index_->prepare(row(key)), k);
    }

    // Calls visit(key) for each of the size() rows, in a fixed order.
    void each_key(const RecommenderIndex::Visit& visit) const { index_->each_key(visit); }

    // ---- keeping

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) {
        snapshot.add_packed([&](auto& out) { out.array(unlearner_ ? 3 : 2); });
        if (unlearner_) unlearner_->add_to(snapshot);
        rows_.add_to(snapshot, names);
        index_->add_to(snapshot, names);
    }

    // Fills this empty store. Features get a number in `names`, the model's.
    void load(msgpack::Reader& in, Names& names, const Progress& progress) {
        expect_array(in, unlearner_ ? 3 : 2, "a recommender's rows");
        if (unlearner_) unlearner_->unpack(in);
        rows_.load(in, names, progress);
        index_->load(in, names, progress);
    }

    // The same settings without rows, for a model with these names.
    std::unique_ptr<RecommenderStore> empty_copy(const Names& names) const {
        return std::make_unique<RecommenderStore>(names, index_->empty_copy(), unlearner_ ? unlearner_->empty_copy() : nullptr);
    }

    // What model files do not hold but later choices depend on.
    std::string hidden_state() const { return unlearner_ ? unlearner_->hidden_state() : std::string(); }
    void set_hidden_state(const std::string& state) {
        if (unlearner_) unlearner_->set_hidden_state(state);
    }

private:
    void touch(const std::string& key) {
        if (unlearner_) unlearner_->touch(key, [this](const std::string& gone) { drop(gone); });
    }

    void drop(std::string_view key) {
        index_->remove(key, rows_.features(key));
        rows_.remove(key);
    }

    SparseRows rows_;
    std::unique_ptr<RecommenderIndex> index_;
    std::unique_ptr<Unlearner> unlearner_;
};

}  // namespace duma::neighbors
