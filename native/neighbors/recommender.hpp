// The recommender engine's model: rows of features that grow with each update, and the rows that are most alike.
//
// Safe to call from several threads. An update holds the lock only while it changes something: signatures are computed
// beside the searches of others.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "convert/conversion.hpp"
#include "convert/saved_weights.hpp"
#include "model/datums.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/recommender_store.hpp"
#include "neighbors/revert.hpp"

namespace duma::neighbors {

// How many rows are asked for: a number, all with a score of at least a bound, or a share of all.
class Limit {
public:
    static Limit size(size_t n) { return {Kind::size, n, 0, 0}; }
    static Limit score(double least) { return {Kind::score, 0, least, 0}; }
    static Limit rate(float share) { return {Kind::rate, 0, 0, share}; }  // in (0, 1]

    size_t rows(size_t all) const {
        switch (kind_) {
            case Kind::size: return n_;
            case Kind::score: return all;
            case Kind::rate: return static_cast<size_t>(std::ceil(static_cast<float>(all) * share_));
        }
        return 0;
    }

    // Drops what the bound excludes from rows in the order of their scores.
    void apply(std::vector<ScoredRow>& rows) const {
        if (kind_ != Kind::score) return;
        while (!rows.empty() && rows.back().score < least_) rows.pop_back();
    }

private:
    enum class Kind { size, score, rate };
    Limit(Kind kind, size_t n, double least, float share) : kind_(kind), n_(n), least_(least), share_(share) {}

    Kind kind_;
    size_t n_;
    double least_;
    float share_;
};

class Recommender {
public:
    Recommender(std::unique_ptr<RecommenderIndex> index, std::shared_ptr<const convert::Converter> converter, std::unique_ptr<Unlearner> unlearner)
        : converter_(std::move(converter)),
          learner_(*converter_),
          store_(std::make_unique<RecommenderStore>(names_, std::move(index), std::move(unlearner))) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back || store_->calls_back(); }

    // Whether a search takes so long that others should not wait for it.
    bool slow() {
        std::shared_lock lock(mutex_);
        return store_->slow();
    }

    // ---- updates

    // Adds a datum's features to a row, in place of those of the same name.
    void update_row(std::string_view id, std::string_view datum) {
        check_datum(datum);
        msgpack::Reader in(datum);
        const std::string key(id);
        std::lock_guard update(updates_);
        {
            std::lock_guard lock(mutex_);
            store_->require_room(key);
            read_features(learner_, learner_.update(in, names_, weights_), names_, features_);
        }
        const Prepared whole = store_->prepare(key, features_);  // only updates change what this reads
        std::lock_guard lock(mutex_);
        store_->store(key, features_, whole);
        ++updated_rows_;
    }

    // Forgets a row, if it is there.
    void clear_row(std::string_view id) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        store_->remove(std::string(id));
        ++cleared_rows_;
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        store_->clear();
        names_.clear();
        weights_.clear();
        updated_rows_ = cleared_rows_ = 0;
    }

    // ---- analyses

    // [[id, score]...], the rows most like a row first.
    void similar_by_id(std::string_view id, Limit limit, msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        answer_rows(store_->similar_to(id, limit.rows(store_->size())), limit, answer);
    }

    void similar_by_datum(std::string_view datum, Limit limit, msgpack::Buffer& answer) {
        const Rooms<SearchRoom>::Borrowed room(rooms_, *converter_);
        std::shared_lock lock(mutex_, std::defer_lock);
        const Prepared query = prepare(datum, *room, lock);
        answer_rows(store_->similar(query, limit.rows(store_->size())), limit, answer);
    }

    // A datum of the mean features of the rows most like a row.
    void complete_by_id(std::string_view id, msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        // The row's features are what is searched for, even where the index keeps a signature of it.
        answer_mean(store_->similar(store_->prepare(store_->row(id)), kCompletingRows), answer);
    }

    void complete_by_datum(std::string_view datum, msgpack::Buffer& answer) {
        const Rooms<SearchRoom>::Borrowed room(rooms_, *converter_);
        std::shared_lock lock(mutex_, std::defer_lock);
        const Prepared query = prepare(datum, *room, lock);
        answer_mean(store_->similar(query, kCompletingRows), answer);
    }

    // A row's datum, as far as its features tell.
    void decode_row(std::string_view id, msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        RevertedDatum datum;
        for (const HashedFeature& feature : store_->row(id)) datum.add({names_[feature.id], feature.value});
        msgpack::Writer out(answer);
        datum.write(out);
    }

    // The ids of all rows, in a fixed order.
    void get_all_rows(msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        msgpack::Writer out(answer);
        out.array(store_->size());
        store_->each_key([&](std::string_view key) { out.raw(key); });
    }

    // The cosine of two datums.
    double calc_similarity(std::string_view left, std::string_view right) {
        check_datum(left);
        check_datum(right);
        const Rooms<SearchRoom>::Borrowed a(rooms_, *converter_), b(rooms_, *converter_);
        std::shared_lock lock(mutex_);
        convert(left, *a);
        convert(right, *b);
        const double left_norm = norm(a->features), right_norm = norm(b->features);
        if (left_norm == 0 || right_norm == 0) return 0;
        return dot(named(*a), named(*b)) / left_norm / right_norm;
    }

    double calc_l2norm(std::string_view datum) {
        check_datum(datum);
        const Rooms<SearchRoom>::Borrowed room(rooms_, *converter_);
        std::shared_lock lock(mutex_);
        convert(datum, *room);
        return norm(room->features);
    }

    Status status() {
        std::shared_lock lock(mutex_);
        return {{"clear_row_cnt", std::to_string(cleared_rows_)}, {"update_row_cnt", std::to_string(updated_rows_)}};
    }

    // ---- keeping

    // The model as it is between two updates, [1, [rows, weights]].
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(names_.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
            out.array(2);
        });
        store_->add_to(*snapshot, names);
        convert::add_weights(*snapshot, names, weights_);
        return snapshot;
    }

    std::unique_ptr<Recommender> empty_copy() const { return std::unique_ptr<Recommender>(new Recommender(*this, Empty())); }

    // Fills this empty model from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "a recommender's data");
        store_->load(in, names_, progress);
        convert::unpack_weights(in, weights_, names_);
    }

    // Goes on where another model, in whose place this one comes, has stopped: with its counts and its draws.
    void succeed(Recommender& other) {
        std::scoped_lock update(updates_, other.updates_);
        std::lock_guard lock(mutex_);
        updated_rows_ = other.updated_rows_;
        cleared_rows_ = other.cleared_rows_;
        store_->set_hidden_state(other.store_->hidden_state());
    }

    std::string hidden_state() {
        std::lock_guard update(updates_);
        return store_->hidden_state();
    }
    void set_hidden_state(const std::string& state) {
        std::lock_guard update(updates_);
        if (!state.empty()) store_->set_hidden_state(state);
    }

private:
    struct Empty {};

    static constexpr size_t kCompletingRows = 128;

    Recommender(const Recommender& other, Empty)
        : converter_(other.converter_), learner_(*converter_), store_(other.store_->empty_copy(names_)) {}

    void convert(std::string_view datum, SearchRoom& room) const {
        msgpack::Reader in(datum);
        read_features(room.conversion, room.conversion.convert(in, names_, weights_, convert::Unknown::keep), names_, room.features);
    }

    // What is searched for by a datum. Takes the lock, but not for the time in which a signature is computed.
    Prepared prepare(std::string_view datum, SearchRoom& room, std::shared_lock<FairMutex>& lock) {
        check_datum(datum);
        lock.lock();
        convert(datum, room);
        const bool signs = store_->signs();
        if (signs) lock.unlock();
        Prepared query = store_->prepare(std::move(room.features));
        if (signs) lock.lock();
        return query;
    }

    static void answer_rows(std::vector<ScoredRow> rows, const Limit& limit, msgpack::Buffer& answer) {
        limit.apply(rows);
        msgpack::Writer out(answer);
        out.array(rows.size());
        for (const auto& [key, score] : rows) {
            out.array(2);
            out.raw(key);
            out.real(score);
        }
    }

    // The sum of the features of these rows, over the number of those that have any.
    void answer_mean(const std::vector<ScoredRow>& rows, msgpack::Buffer& answer) const {
        std::vector<NamedFeature> all, sums;
        size_t filled = 0;
        for (const ScoredRow& row : rows) {
            const FeatureVector features = store_->row(row.key);
            filled += !features.empty();
            for (const HashedFeature& feature : features) all.push_back({names_[feature.id], feature.value});
        }
        sort(all);
        for (const NamedFeature& feature : all) {
            if (!sums.empty() && sums.back().name == feature.name) sums.back().value += feature.value;
            else sums.push_back(feature);
        }
        RevertedDatum datum;
        for (const auto& [name, sum] : sums) datum.add({name, sum / static_cast<double>(filled)});
        msgpack::Writer out(answer);
        datum.write(out);
    }

    // By name, then by value; what is no number comes last.
    static void sort(std::vector<NamedFeature>& features) {
        std::sort(features.begin(), features.end(), [](const NamedFeature& a, const NamedFeature& b) {
            if (const int order = a.name.compare(b.name); order != 0) return order < 0;
            return std::isnan(b.value) ? !std::isnan(a.value) : a.value < b.value;
        });
    }

    std::vector<NamedFeature> named(const SearchRoom& room) const {
        std::vector<NamedFeature> features;
        for (const HashedFeature& feature : room.features) features.push_back({room.conversion.name(feature.id, names_), feature.value});
        sort(features);
        return features;
    }

    static double dot(const std::vector<NamedFeature>& a, const std::vector<NamedFeature>& b) {
        double sum = 0;
        for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
            const int order = a[i].name.compare(b[j].name);
            if (order == 0) sum += a[i].value * b[j].value;
            i += order <= 0;
            j += order >= 0;
        }
        return sum;
    }

    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Names names_;
    convert::Weights weights_;
    convert::Conversion learner_;
    FeatureVector features_;
    std::unique_ptr<RecommenderStore> store_;
    uint64_t updated_rows_ = 0, cleared_rows_ = 0;

    Rooms<SearchRoom> rooms_;
};

}  // namespace duma::neighbors
