// The anomaly engine's model: datums as points, and how much each of them is an outlier among its neighbours.
//
// Safe to call from several threads. Updates run one at a time; they search beside the analyses and hold the lock only while
// they change something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
#include "neighbors/outlier_detector.hpp"

namespace duma::neighbors {

class Anomaly {
public:
    using MakeDetector = std::function<std::unique_ptr<OutlierDetector>(const Names&)>;

    // `make` makes an empty detector for a model with these names.
    Anomaly(std::shared_ptr<const convert::Converter> converter, const MakeDetector& make)
        : converter_(std::move(converter)), learner_(*converter_), detector_(make(names_)), mutex_(detector_->mutex()) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back || detector_->calls_back(); }

    // Whether a search, or an update, takes so long that others should not wait for it.
    bool slow_search() {
        std::shared_lock lock(mutex_);
        return detector_->slow_search();
    }
    bool slow_update() {
        std::shared_lock lock(mutex_);
        return detector_->slow_update();
    }

    // ---- updates

    // Stores a datum under a new id; answers [id, score].
    void add(std::string_view datum, msgpack::Buffer& answer) {
        check_datum(datum);
        std::lock_guard update(updates_);
        const std::string id = draw_id();
        detector_->require_room(id);
        msgpack::Reader in(datum);
        const double score = detector_->add(point(id, in));
        msgpack::Writer out(answer);
        out.array(2);
        out.raw(id);
        out.real(score);
    }

    // Stores datums under new ids; answers the ids of those that were stored. All are converted before the first is stored.
    void add_bulk(std::string_view datums, msgpack::Buffer& answer) {
        check_datums(datums);
        std::lock_guard update(updates_);
        msgpack::Reader in(datums);
        std::vector<std::string> ids(in.array());
        for (std::string& id : ids) id = draw_id();
        std::vector<Point> points;
        points.reserve(ids.size());
        for (std::string& id : ids) points.push_back(point(id, in));
        const std::vector<std::string> stored = detector_->add_all(points);
        msgpack::Writer out(answer);
        out.array(stored.size());
        for (const std::string& id : stored) out.raw(id);
    }

    // Returns the score.
    double update(const std::string& id, std::string_view datum) {
        check_datum(datum);
        std::lock_guard update(updates_);
        detector_->require_room(id);
        msgpack::Reader in(datum);
        return detector_->update(point(id, in));
    }

    // Returns the score.
    double overwrite(const std::string& id, std::string_view datum) {
        check_datum(datum);
        std::lock_guard update(updates_);
        detector_->require_room(id);
        msgpack::Reader in(datum);
        return detector_->overwrite(point(id, in));
    }

    void clear_row(const std::string& id) {
        std::lock_guard update(updates_);
        detector_->remove(id);
    }

    // Numbers go on after those that were given to points before.
    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        detector_->clear();
        names_.clear();
        weights_.clear();
    }

    // ---- analyses

    double calc_score(std::string_view datum) {
        check_datum(datum);
        const Rooms<SearchRoom>::Borrowed room(rooms_, *converter_);
        msgpack::Reader in(datum);
        std::shared_lock lock(mutex_);
        read_features(room->conversion, room->conversion.convert(in, names_, weights_, convert::Unknown::keep), names_, room->features);
        return detector_->score(room->features);
    }

    // [id...]
    void get_all_rows(msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        size_t n = 0;
        detector_->each_id([&](std::string_view) { ++n; });
        msgpack::Writer out(answer);
        out.array(n);
        detector_->each_id([&](std::string_view id) { out.raw(id); });
    }

    Status status() {
        std::shared_lock lock(mutex_);
        return detector_->status();
    }

    // ---- keeping

    // The model as it is between two updates, [1, [points, weights]].
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(names_.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
            out.array(2);
        });
        detector_->add_to(*snapshot, names);
        convert::add_weights(*snapshot, names, weights_);
        return snapshot;
    }

    std::unique_ptr<Anomaly> empty_copy() {
        std::shared_lock lock(mutex_);  // an update may draw from the unlearner's generator, which is copied
        return std::make_unique<Anomaly>(converter_, [&](const Names& names) { return detector_->empty_copy(names); });
    }

    // Fills this empty model from user data. New ids follow the largest that begins with a number.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "an anomaly engine's data");
        detector_->load(in, names_, progress);
        convert::unpack_weights(in, weights_, names_);
        next_id_ = detector_->largest_number() + 1;
    }

    // What model files do not hold: [next id, points that were ignored, state of the unlearner's draws].
    std::string hidden_state() {
        std::lock_guard update(updates_);
        msgpack::Buffer state;
        msgpack::Writer out(state);
        out.array(3);
        out.unsigned_integer(next_id_);
        out.unsigned_integer(detector_->ignored());
        out.raw(detector_->unlearner_state());
        return state.bytes;
    }
    void set_hidden_state(const std::string& state) {
        msgpack::Reader in(state);
        expect_array(in, 3, "an anomaly engine's hidden state");
        const uint64_t next_id = in.unsigned_integer(), ignored = in.unsigned_integer();
        const std::string draws(in.raw());
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        detector_->set_unlearner_state(draws);
        detector_->set_ignored(ignored);
        next_id_ = next_id;
    }

    // Goes on drawing at random where another model is, of the same settings.
    void draw_on_from(Anomaly& other) {
        std::string draws;
        {
            std::lock_guard update(other.updates_);
            draws = other.detector_->unlearner_state();
        }
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        detector_->set_unlearner_state(draws);
    }

private:
    std::string draw_id() { return std::to_string(next_id_++); }

    // Converts a datum; its features count in the weights.
    Point point(const std::string& id, msgpack::Reader& in) {
        Point made{id, {}};
        std::lock_guard lock(mutex_);
        read_features(learner_, learner_.update(in, names_, weights_), names_, made.features);
        return made;
    }

    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;    // held by the one update that runs
    uint64_t next_id_ = 0;  // of the next point
    Names names_;
    convert::Weights weights_;
    convert::Conversion learner_;
    std::unique_ptr<OutlierDetector> detector_;
    FairMutex& mutex_;  // the detector's, which guards names and weights, too

    Rooms<SearchRoom> rooms_;
};

}  // namespace duma::neighbors
