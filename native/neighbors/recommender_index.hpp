// What a recommender can search: one kind of index over the features or the signatures of rows.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/scored_row.hpp"
#include "neighbors/signatures.hpp"

namespace duma::neighbors {

// What was made of features, to search for them or to keep them as a row.
struct Prepared {
    FeatureVector features;
    Signature signature;             // where the index has signatures, as the following
    std::vector<float> projections;  // euclid_lsh only
    double norm = 0;
};

// Safe to search from several threads, while nobody changes it.
class RecommenderIndex {
public:
    using Visit = std::function<void(std::string_view)>;

    virtual ~RecommenderIndex() = default;

    // Needs no lock: the rows play no part in it. This is where signatures are computed.
    virtual Prepared prepare(FeatureVector features) const = 0;

    // Whether set() looks at the whole row.
    virtual bool needs_whole_row() const = 0;

    // Sets a row. `given` are the features of this update, `whole` is made of all that the row has then.
    virtual void set(std::string_view key, const FeatureVector& given, const Prepared& whole) = 0;

    // Takes a row away, which has these features. It need not be there.
    virtual void remove(std::string_view key, const FeatureVector& features) = 0;

    // The `k` rows most like the query, most alike first.
    virtual std::vector<ScoredRow> similar(const Prepared& query, size_t k) const = 0;

    // The rows most like a row, by what the index itself keeps of it; none where it is the row's features that must be
    // searched for.
    virtual std::optional<std::vector<ScoredRow>> similar_to(std::string_view, size_t) const { return std::nullopt; }

    // Like similar(), with distances instead of scores.
    virtual std::vector<ScoredRow> nearest(const Prepared& query, size_t k) const { return as_distances(similar(query, k)); }
    virtual std::optional<std::vector<ScoredRow>> nearest_to(std::string_view key, size_t k) const {
        auto rows = similar_to(key, k);
        return rows ? std::optional(as_distances(*std::move(rows))) : std::nullopt;
    }

    virtual size_t size() const = 0;  // rows that each_key() lists
    virtual void each_key(const Visit& visit) const = 0;

    // Whether a search takes so long that others should not wait for it.
    virtual bool slow() const = 0;

    // Whether the unlearner makes room before a row is written, and calls rows IDs.
    virtual bool makes_room_first() const { return false; }

    virtual void clear() = 0;
    virtual void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) = 0;
    // Fills this empty index. Features get a number in `names`, the model's.
    virtual void load(msgpack::Reader& in, Names& names, const Progress& progress) = 0;
    virtual std::unique_ptr<RecommenderIndex> empty_copy() const = 0;

protected:
    virtual double distance(double score) const = 0;  // of a row with this score

private:
    std::vector<ScoredRow> as_distances(std::vector<ScoredRow> rows) const {
        for (ScoredRow& row : rows) row.score = distance(row.score);
        return rows;
    }
};

}  // namespace duma::neighbors
