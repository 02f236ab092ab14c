// The nearest neighbour engine's model: datums as rows of signatures, searched by similarity.
//
// Safe to call from several threads. An update holds the lock only while it changes something: signatures are computed
// beside the searches of others.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
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
#include "neighbors/signature_index.hpp"

namespace duma::neighbors {

// What is told of a row that was found.
enum class Score { distance, similarity };

class NearestNeighbor {
public:
    NearestNeighbor(const SignatureSettings& settings, std::shared_ptr<const convert::Converter> converter)
        : converter_(std::move(converter)), learner_(*converter_), index_(settings) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back; }

    // Whether a search takes so long that others should not wait for it.
    bool slow() {
        std::shared_lock lock(mutex_);
        return index_.slow();
    }

    // Sets the row of an id to a datum, in place of an older one.
    void set_row(std::string_view id, std::string_view datum) {
        check_datum(datum);
        msgpack::Reader in(datum);
        std::lock_guard update(updates_);
        {
            std::lock_guard lock(mutex_);
            read_features(learner_, learner_.update(in, names_, weights_), names_, features_);
        }
        const SignatureIndex::Query row = index_.query(features_);
        std::lock_guard lock(mutex_);
        index_.set(id, row);
    }

    // [[id, score]...], the nearest `k` first; nothing for an unknown id.
    void search_by_id(std::string_view id, size_t k, Score score, msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        const uint32_t row = index_.table().find(id);
        if (row == ColumnTable::kNone) msgpack::Writer(answer).array(0);
        else search(index_.stored(row), k, score, answer);
    }

    void search_by_datum(std::string_view datum, size_t k, Score score, msgpack::Buffer& answer) {
        check_datum(datum);
        msgpack::Reader in(datum);
        const Rooms<SearchRoom>::Borrowed room(rooms_, *converter_);
        {
            std::shared_lock lock(mutex_);
            read_features(room->conversion, room->conversion.convert(in, names_, weights_, convert::Unknown::keep), names_, room->features);
        }
        const SignatureIndex::Query query = index_.query(room->features);
        std::shared_lock lock(mutex_);
        search(query, k, score, answer);
    }

    // The ids of all rows, in their order.
    void get_all_rows(msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        msgpack::Writer out(answer);
        const ColumnTable& table = index_.table();
        out.array(table.size());
        for (uint32_t row = 0; row < table.size(); ++row) out.raw(table.key(row));
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        index_.table().clear();
        names_.clear();
        weights_.clear();
    }

    Status status() {
        std::shared_lock lock(mutex_);
        return {{"data", std::to_string(index_.table().size())}};
    }

    // The model as it is between two updates, [1, [table, weights]].
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
            out.array(2);
        });
        index_.table().add_to(*snapshot);
        convert::add_weights(*snapshot, std::make_shared<const NameList>(names_.share()), weights_);
        return snapshot;
    }

    std::unique_ptr<NearestNeighbor> empty_copy() const { return std::make_unique<NearestNeighbor>(index_.settings(), converter_); }

    // Fills this empty model from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "a nearest neighbour engine's data");
        index_.table().load(in, progress);
        convert::unpack_weights(in, weights_, names_);
    }

private:
    void search(const SignatureIndex::Query& query, size_t k, Score score, msgpack::Buffer& answer) {
        const std::vector<Neighbor> found = index_.neighbors(query, k);
        msgpack::Writer out(answer);
        out.array(found.size());
        for (const auto& [row, distance] : found) {
            out.array(2);
            out.raw(index_.table().key(row));
            out.real(score == Score::distance ? distance : index_.similarity(distance));
        }
    }

    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards names, weights and rows
    Names names_;
    convert::Weights weights_;
    convert::Conversion learner_;
    FeatureVector features_;
    SignatureIndex index_;

    Rooms<SearchRoom> rooms_;
};

}  // namespace duma::neighbors
