// The clustering engine's model: points, and what the last clustering of them came to.
//
// Safe to call from several threads. A clustering runs inside of `push`, on points that nobody changes meanwhile; analyses
// go on with the points and the outcome from before it, and see the new ones all at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clustering/outcome.hpp"
#include "clustering/outcome_state.hpp"
#include "clustering/storage.hpp"
#include "clustering/view.hpp"
#include "common/lock.hpp"
#include "common/status.hpp"
#include "convert/conversion.hpp"
#include "convert/saved_weights.hpp"
#include "model/datums.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/slices.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::clustering {

class Clusterer {
public:
    Clusterer(std::unique_ptr<Method> method, std::unique_ptr<Storage> storage, std::shared_ptr<const convert::Converter> converter)
        : converter_(std::move(converter)),
          new_method_(method->copy()),
          new_storage_(storage->copy()),
          method_(std::move(method)),
          storage_(std::move(storage)),
          learner_(*converter_) {
        publish_sizes();
    }

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back; }

    // Whether a push of less than 16 KiB may take long: with it a clustering can come due, or one runs.
    bool push_is_slow() const {
        constexpr uint64_t most_points = 16 * 1024 / 6;  // the smallest is [id, [[], [], []]]
        return busy_ || (additions_left_ <= most_points && next_cost_ > kQuickWork);
    }
    // Whether an analysis that looks at every point may take long.
    bool points_are_many() const { return size_ > kQuickWork / 64; }
    // Whether an analysis that looks at the centers may take long.
    bool centers_are_large() const { return center_cells_ > kQuickWork; }

    // Adds points: [[id, datum]...]. All of it is checked and converted before the first is added; a datum that cannot be
    // converted ends the call without points, the statistics have counted the datums before it then.
    void push(std::string_view data) {
        check_examples(data, "an indexed point is [id, datum]", [](msgpack::Reader& in) { in.raw(); });
        std::lock_guard update(updates_);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        std::vector<std::shared_ptr<const Record>> records;
        in_slices<std::lock_guard<FairMutex>>(mutex_, in, n, [&] { records.push_back(read(in)); });
        for (auto& record : records) add({1, std::move(record)});
        if (storage_->forgets()) forget_names();
    }

    // How often a clustering came due.
    uint64_t revision() {
        std::shared_lock lock(mutex_);
        return revision_;
    }

    // [[[weight, datum or id]...]...], one list per cluster: all points, as they belong to the centers of the last
    // clustering; or, without centers, the points that it found to be clusters.
    void core_members(Told told, msgpack::Buffer& answer) {
        const View view = this->view();
        msgpack::Writer out(answer);
        if (!method_->has_centers()) {
            return pack_grouped(out, told, view);
        }
        const Centers& centers = centers_of(view);
        std::vector<std::vector<const Point*>> members(centers.rows().size());
        each_assigned(view, centers, [&](const Point& point, uint32_t cluster) { members[cluster].push_back(&point); });
        out.array(members.size());
        for (const auto& cluster : members) pack_members(out, told, cluster);
    }

    // [datum...]: the centers, as far as features can be made data again.
    void k_center(msgpack::Buffer& answer) {
        require_centers("get_k_center");
        const View view = this->view();
        const Centers& centers = centers_of(view);
        msgpack::Writer out(answer);
        out.array(centers.rows().size());
        for (size_t i = 0; i < centers.rows().size(); ++i) pack_center(out, centers, i);
    }

    // The center of the cluster that a datum belongs to.
    void nearest_center(std::string_view datum, msgpack::Buffer& answer) {
        const auto [view, cluster] = cluster_of(datum, "get_nearest_center");
        msgpack::Writer out(answer);
        pack_center(out, *view.outcome.centers, cluster);
    }

    // [[weight, datum or id]...]: the points of the cluster that a datum belongs to.
    void nearest_members(std::string_view datum, Told told, msgpack::Buffer& answer) {
        const auto [view, wanted] = cluster_of(datum, "get_nearest_center_index");
        std::vector<const Point*> members;
        each_assigned(view, *view.outcome.centers, [&, wanted = wanted](const Point& point, uint32_t cluster) {
            if (cluster == wanted) members.push_back(&point);
        });
        msgpack::Writer out(answer);
        pack_members(out, told, members);
    }

    // Random draws and the count of additions go on.
    void clear() {
        std::lock_guard update(updates_);
        Levels levels(1);  // what goes is given back when others need not wait any more
        std::lock_guard lock(mutex_);
        weights_.clear();
        counted_names_.clear();
        point_names_.clear();
        names_in_use_ = 0;
        std::swap(levels_, levels);
        others_ = {};
        revision_ = 0;
        storage_->clear();
        outcome_ = method_->cluster({}, 0, {}, {});
        publish_sizes();
    }

    // Never waits for a clustering.
    Status status() const {
        return {{"num_points", std::to_string(size_)},
                {"additions_to_clustering", std::to_string(additions_left_)},
                {"is_clustering", busy_ ? "1" : "0"}};
    }

    // The model as it is between two updates, [1, [[[revision, others' points], own points...], weights]].
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(point_names_.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([&](auto& out) {
            pack_user_data_head(out);
            out.array(2);
            out.array(storage_->fields());
            out.array(2);
            out.unsigned_integer(revision_);
        });
        others_.add_to(*snapshot, names);
        storage_->add_own(*snapshot, names, levels_);
        convert::add_weights(*snapshot, std::make_shared<const NameList>(counted_names_.share()), weights_);
        return snapshot;
    }

    std::unique_ptr<Clusterer> empty_copy() const { return std::make_unique<Clusterer>(new_method_->copy(), new_storage_->copy(), converter_); }

    // Fills this empty model from user data. It has clusters when it `takes_over`.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "a clustering's data");
        expect_array(in, storage_->fields(), "this storage");
        expect_array(in, 2, "the head of a storage");
        revision_ = in.unsigned_integer();
        others_.unpack(in, point_names_);
        if (progress) progress(in.position());
        levels_ = storage_->unpack_own(in, point_names_);
        if (progress) progress(in.position());
        convert::unpack_weights(in, weights_, counted_names_);
        publish_sizes();
    }

    // Takes the place of a running model: goes on with its random draws and counts, and clusters what was loaded. The
    // running model stays as it is.
    void take_over(Clusterer& running) {
        std::lock_guard update(updates_);
        std::lock_guard running_update(running.updates_);
        method_ = running.method_->copy();
        method_->cluster({}, 0, {}, {});  // as the original, which empties itself first
        storage_->go_on_from(*running.storage_);
        Outcome outcome = cluster(levels_, {});
        std::lock_guard lock(mutex_);
        outcome_ = std::move(outcome);
        publish_sizes();
    }

    // What model files do not hold: [storage's counts and draws, method's draws, [] or [kind, outcome]].
    std::string hidden_state() {
        std::lock_guard update(updates_);
        msgpack::Buffer buffer;
        msgpack::Writer out(buffer);
        out.array(3);
        storage_->pack_state(out);
        method_->pack(out);
        pack_outcome(out, outcome_);
        return std::move(buffer.bytes);
    }

    void set_hidden_state(const std::string& state) {
        std::lock_guard update(updates_);
        msgpack::Reader in(state);
        expect_array(in, 3, "a clustering's state");
        auto storage = storage_->copy();
        auto method = method_->copy();
        storage->unpack_state(in);
        method->unpack(in);
        Points own, others;
        for (const PointList& level : levels_) append(own, level);
        for (const auto& [server, list] : others_.lists) append(others, list);
        Outcome outcome = unpack_outcome(in, *method, own, others);
        std::lock_guard lock(mutex_);
        storage_ = std::move(storage);
        method_ = std::move(method);
        outcome_ = std::move(outcome);
        publish_sizes();
    }

private:
    static constexpr uint64_t kQuickWork = 16 * 1024;  // distances, or values, that take less than a millisecond

    View view() {
        std::shared_lock lock(mutex_);
        return locked_view();
    }
    View locked_view() const { return {levels_, others_.lists, point_names_.share(), outcome_}; }

    // ---- adding points

    std::shared_ptr<const Record> read(msgpack::Reader& in) {
        auto record = std::make_shared<Record>();
        uint32_t fields = in.array();
        record->id = in.raw();
        const std::string_view datum = in.skip();
        while (fields-- > 2) in.skip();
        msgpack::Reader original(datum), converted(datum);
        record->datum = packed_datum(original);
        NamedFeatures features;
        for (const auto& [id, value] : learner_.count(converted, counted_names_, weights_))
            features.emplace_back(learner_.name(id, counted_names_), value);
        sort_and_merge(features);
        record->features = interned(features, point_names_);
        return record;
    }

    void add(Point point) {
        if (storage_->additions_to_clustering(levels_) > 1) {
            std::lock_guard lock(mutex_);
            storage_->add(levels_, std::move(point));
            return publish_sizes();
        }
        const Busy busy(busy_);
        Levels levels = levels_;
        const Levels due = storage_->add_and_cluster(levels, std::move(point), point_names_.share());
        Outcome outcome = cluster(due, outcome_);
        std::lock_guard lock(mutex_);
        levels_ = std::move(levels);
        outcome_ = std::move(outcome);
        ++revision_;
        publish_sizes();
    }

    Outcome cluster(const Levels& levels, const Outcome& before) {
        Points points;
        for (const PointList& level : levels) append(points, level);
        const size_t own = points.size();
        for (const auto& [server, list] : others_.lists) append(points, list);
        return method_->cluster(points, own, point_names_.share(), before);
    }

    // Where points are dropped their features' names go, too, before there are twice as many as are in use.
    void forget_names() {
        constexpr size_t spare = 4096;
        if (point_names_.size() < 2 * names_in_use_ + spare) return;
        std::lock_guard lock(mutex_);
        Names kept;
        const auto renamed = [&](PointList& list) {
            Points points;
            append(points, list);
            for (Point& point : points) {
                auto record = std::make_shared<Record>(*point.record);
                for (Feature& feature : record->features) feature.id = kept.intern(point_names_[feature.id]);
                point.record = std::move(record);
            }
            list = list_of(points);
        };
        for (PointList& level : levels_) renamed(level);
        for (auto& [server, list] : others_.lists) renamed(list);
        point_names_ = std::move(kept);
        names_in_use_ = point_names_.size();
    }

    // Says so that a clustering runs, as long as it lives.
    class Busy {
    public:
        explicit Busy(std::atomic<bool>& flag) : flag_(flag) { flag_ = true; }
        ~Busy() { flag_ = false; }
        Busy(const Busy&) = delete;
        Busy& operator=(const Busy&) = delete;

    private:
        std::atomic<bool>& flag_;
    };

    void publish_sizes() {
        size_ = count(levels_);
        for (const auto& [server, list] : others_.lists) size_ += list.size();
        additions_left_ = storage_->additions_to_clustering(levels_);
        next_cost_ = method_->cost(size_ + additions_left_);
        center_cells_ = outcome_.centers ? outcome_.centers->rows().cells() : 0;
    }

    // ---- answering

    void require_centers(const char* question) const {
        if (!method_->has_centers()) throw NoAnswer("unsupported method (" + std::string(question) + ")");
    }

    // The cluster that a datum belongs to, and the view in which it does.
    std::pair<View, uint32_t> cluster_of(std::string_view datum, const char* question) {
        msgpack::Reader checked(datum), in(datum);
        check_datum(checked);
        const Rooms<convert::Conversion>::Borrowed conversion(rooms_, *converter_);
        std::vector<double> room;
        std::shared_lock lock(mutex_);
        NamedFeatures features;
        for (const auto& [id, value] : conversion->convert(in, counted_names_, weights_, convert::Unknown::keep))
            features.emplace_back(conversion->name(id, counted_names_), value);
        sort_and_merge(features);
        require_centers(question);
        View view = locked_view();
        const Centers& centers = centers_of(view);
        Projection projection(centers, view.names);
        const uint32_t cluster = centers.nearest(projection(features), room);
        return {std::move(view), cluster};
    }

    const std::shared_ptr<const convert::Converter> converter_;
    const std::unique_ptr<const Method> new_method_;  // as they are before the first point
    const std::unique_ptr<const Storage> new_storage_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows; the update that runs may read without it
    std::unique_ptr<Method> method_;
    std::unique_ptr<Storage> storage_;
    Names counted_names_;  // of the features that the converter's statistics know
    convert::Weights weights_;
    Names point_names_;  // of the points' features
    size_t names_in_use_ = 0;
    Levels levels_ = Levels(1);
    OthersPoints others_;
    uint64_t revision_ = 0;
    Outcome outcome_;
    convert::Conversion learner_;

    // What may be read at any time, to tell which calls are slow.
    std::atomic<bool> busy_ = false;
    std::atomic<uint64_t> size_ = 0, next_cost_ = 0, additions_left_ = 0, center_cells_ = 0;

    Rooms<convert::Conversion> rooms_;
};

}  // namespace duma::clustering
