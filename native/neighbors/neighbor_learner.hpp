// What classifier and regression have in common where they answer by the nearest of all datums learned: records, which
// are given random ids, and the unlearner that bounds their number.
//
// Safe to call from several threads. Updates run one at a time. A datum is converted and its signature computed beside the
// analyses of others, wherever that changes nothing; the lock is held for as long as the record is added.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "convert/conversion.hpp"
#include "convert/saved_weights.hpp"
#include "model/datums.hpp"
#include "model/loading.hpp"
#include "model/random_ids.hpp"
#include "model/rooms.hpp"
#include "model/snapshot.hpp"
#include "model/unlearner.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "neighbors/records.hpp"

namespace duma::neighbors {

class NeighborLearner {
public:
    // What such a model is built of.
    struct Parts {
        std::shared_ptr<const convert::Converter> converter;
        std::unique_ptr<Records> records;      // empty
        size_t k;                              // neighbours that decide an answer
        std::unique_ptr<Unlearner> unlearner;  // of record ids; may be null
        RandomIds draw_id;
    };

    // Whether a call may run code outside of the core.
    bool calls_back() const { return parts_.converter->calls_back || (parts_.unlearner && parts_.unlearner->calls_back()); }

    // Whether an analysis, or learning a datum, takes so long that others should not wait for it.
    bool slow() {
        std::shared_lock lock(mutex_);
        return parts_.records->prepares_long() || parts_.records->searches_long();
    }
    bool learns_slowly() const { return parts_.records->prepares_long(); }

    // The state of random draws, which model files do not hold: [of ids, of the unlearner].
    std::string hidden_state() {
        std::shared_lock lock(mutex_);
        msgpack::Buffer buffer;
        msgpack::Writer out(buffer);
        out.array(2);
        out.unsigned_integer(parts_.draw_id.state());
        out.raw(parts_.unlearner ? parts_.unlearner->hidden_state() : std::string());
        return buffer.bytes;
    }
    void set_hidden_state(const std::string& state) {
        msgpack::Reader in(state);
        expect_array(in, 2, "the state of random draws");
        const uint64_t of_ids = in.unsigned_integer();
        const std::string of_unlearner(in.raw());
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        if (parts_.unlearner) parts_.unlearner->set_hidden_state(of_unlearner);
        parts_.draw_id = RandomIds(of_ids);
    }

protected:
    explicit NeighborLearner(Parts parts) : parts_(std::move(parts)), learner_(*parts_.converter) {}
    ~NeighborLearner() = default;

    Parts empty_parts() {
        std::shared_lock lock(mutex_);  // an update may draw from the generators that are copied
        return {parts_.converter, parts_.records->empty_copy(), parts_.k, parts_.unlearner ? parts_.unlearner->empty_copy() : nullptr, parts_.draw_id};
    }

    enum class Duplicates { keep, merge };  // features of the same name

    // Learns from [[what is taught, datum]...], checked before; returns how many. `read` reads what is taught, and
    // add(taught, point) makes it a record, with the lock held.
    template <class Read, class Add>
    uint64_t learn_each(std::string_view data, Duplicates duplicates, Read&& read, Add&& add) {
        std::lock_guard update(updates_);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        for (uint32_t done = 0; done < n; ++done) {
            uint32_t fields = in.array();
            const auto taught = read(in);
            convert(in, duplicates);
            while (fields-- > 2) in.skip();
            parts_.records->prepare(point_);
            std::lock_guard lock(mutex_);
            add(taught, point_);
        }
        return n;
    }

    // Calls start(n), then for each of the n in [datum...] in turn answer(its nearest records, nearest first) with the lock
    // held.
    template <class Start, class Answer>
    void search_each(std::string_view data, Start&& start, Answer&& answer) {
        check_datums(data);
        const Rooms<Room>::Borrowed room(rooms_, *parts_.converter);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        start(n);
        for (uint32_t done = 0; done < n;) {
            std::shared_lock lock(mutex_);
            const auto batch = static_cast<uint32_t>(std::min<size_t>(n - done, parts_.records->points_at_once()));
            room->points.resize(batch);
            for (Point& point : room->points)
                read_features(room->conversion, room->conversion.convert(in, names_, weights_, convert::Unknown::keep), names_, point.features);
            // Numbers of names mean something only while the lock is held.
            if (!parts_.records->needs_names()) lock.unlock();
            for (Point& point : room->points) parts_.records->prepare(point);
            if (!lock.owns_lock()) lock.lock();
            for (const std::vector<NearRecord>& records : parts_.records->nearest(room->points, parts_.k)) answer(records);
            done += batch;
        }
    }

    // An id for a new record, `prefix` and 8 characters, and room for it: forget(id) is told which record went, if any.
    template <class Forget>
    std::string make_room(const std::string& prefix, Forget&& forget) {
        std::string id;
        do id = prefix + parts_.draw_id();
        while (parts_.records->contains(id));
        const auto unlearn = [&](const std::string& gone) {
            parts_.records->remove(gone);
            forget(gone);
        };
        if (parts_.unlearner && !parts_.unlearner->touch(id, unlearn))
            throw ModelFull("cannot add new ID as number of sticky IDs reached the maximum size of unlearner: " + id);
        return id;
    }

    void clear_records() {
        parts_.records->clear();
        names_.clear();
        weights_.clear();
        if (parts_.unlearner) parts_.unlearner->clear();
    }

    // Adds [unlearner, records, what add_others adds] to a snapshot, the first if there is one, then the weights.
    template <class AddOthers>
    std::unique_ptr<Snapshot> take_snapshot(AddOthers&& add_others) {
        const auto names = std::make_shared<const NameList>(names_.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([&](auto& out) {
            pack_user_data_head(out);
            out.array(2);
            out.array(parts_.unlearner ? 3 : 2);
        });
        if (parts_.unlearner) parts_.unlearner->add_to(*snapshot);
        parts_.records->add_to(*snapshot, names);
        add_others(*snapshot);
        convert::add_weights(*snapshot, names, weights_);
        return snapshot;
    }

    // Fills this empty model from user data; load_others reads what add_others added.
    template <class LoadOthers>
    void load_parts(std::string_view user_data, const char* what, const Progress& progress, LoadOthers&& load_others) {
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, what);
        if (parts_.unlearner) {
            expect_array(in, 3, "a neighbour model with unlearner");
            parts_.unlearner->unpack(in);
        } else {
            expect_array(in, 2, "a neighbour model without unlearner");
        }
        parts_.records->load(in, names_, progress);
        load_others(in);
        convert::unpack_weights(in, weights_, names_);
    }

    Parts parts_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards records, unlearner, names and weights; only updates change them
    Names names_;
    convert::Weights weights_;

private:
    // One caller's room for analyses.
    struct Room {
        explicit Room(const convert::Converter& converter) : conversion(converter) {}
        convert::Conversion conversion;
        std::vector<Point> points;
    };

    // Converts a datum for learning. Where that changes nothing that analyses read it needs no lock.
    void convert(msgpack::Reader& in, Duplicates duplicates) {
        std::unique_lock lock(mutex_, std::defer_lock);
        const bool needs_names = parts_.records->needs_names();
        if (needs_names || counts_documents_) lock.lock();
        const auto& features = needs_names ? learner_.update(in, names_, weights_) : learner_.count(in, names_, weights_);
        if (duplicates == Duplicates::merge) read_merged_features(learner_, features, names_, point_.features);
        else read_features(learner_, features, names_, point_.features);
    }

    const bool counts_documents_ = parts_.converter->counts_documents();
    convert::Conversion learner_;
    Point point_;
    Rooms<Room> rooms_;
};

}  // namespace duma::neighbors
