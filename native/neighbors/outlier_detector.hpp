// Where the anomaly engine keeps its points, and how it scores them: what lof and light_lof have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "model/unlearner.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/outlier_factor.hpp"

namespace duma::neighbors {

struct Point {
    std::string id;
    FeatureVector features;
};

class OutlierDetector {
public:
    OutlierDetector(const LofSettings& settings, std::unique_ptr<Unlearner> unlearner) : settings_(settings), unlearner_(std::move(unlearner)) {}
    virtual ~OutlierDetector() = default;

    // Guards all that is kept.
    FairMutex& mutex() { return mutex_; }

    bool calls_back() const { return unlearner_ && unlearner_->calls_back(); }

    // ---- Updates. One at a time, which so may read without the lock; it is taken only to write.

    // Raises ModelFull if it is certain that there will be no room for a point.
    virtual void require_room(const std::string& id) const = 0;

    // Store a new point, a point whose features go over those of an older one, or one in its place. Each returns the score.
    virtual double add(const Point& point) = 0;
    virtual double update(const Point& point) = 0;
    virtual double overwrite(const Point& point) = 0;
    // Stores many, and then estimates each density that changed once; returns the ids of those that were not ignored.
    virtual std::vector<std::string> add_all(const std::vector<Point>& points) = 0;
    virtual void remove(const std::string& id) = 0;

    // ---- With the lock held.

    virtual double score(const FeatureVector& features) = 0;
    virtual void each_id(const std::function<void(std::string_view)>& visit) = 0;

    // Whether a search, or an update with its many searches, takes so long that others should not wait for it.
    bool slow_search() const { return search_work() > kSlowWork; }
    bool slow_update() const { return search_work() * (2 * std::min(settings_.reverse_k, kManyNeighbors) + 4) > kSlowWork; }

    // Of all ids that begin with a number the largest; 0 if none does.
    uint64_t largest_number() {
        uint64_t largest = 0;
        each_id([&](std::string_view id) { largest = std::max(largest, leading_number(id).value_or(0)); });
        return largest;
    }

    Status status() {
        Status status = {{"storage", name()}, {"max_id", std::to_string(largest_number())}};
        add_counts(status);
        if (settings_.ignore_same) status.emplace_back("num_ignored", std::to_string(ignored_));
        if (unlearner_)
            for (auto& entry : unlearner_->status()) status.push_back(entry);
        return status;
    }

    void clear() {
        clear_points();
        if (unlearner_) unlearner_->clear();
        ignored_ = 0;
    }

    virtual void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) = 0;
    // Fills this empty detector. Features get a number in `names`, the model's.
    virtual void load(msgpack::Reader& in, Names& names, const Progress& progress) = 0;
    // The same settings without points, for a model with these names.
    virtual std::unique_ptr<OutlierDetector> empty_copy(const Names& names) const = 0;

    // Points that were not stored.
    uint64_t ignored() const { return ignored_; }
    void set_ignored(uint64_t n) { ignored_ = n; }
    std::string unlearner_state() const { return unlearner_ ? unlearner_->hidden_state() : std::string(); }
    void set_unlearner_state(const std::string& state) {
        if (unlearner_) unlearner_->set_hidden_state(state);
    }

protected:
    static constexpr size_t kManyNeighbors = 1 << 20;
    static constexpr size_t kSlowWork = 128 * 1024;

    // Roughly how many values a search goes through.
    virtual size_t search_work() const = 0;

    virtual const char* name() const = 0;
    virtual void add_counts(Status& status) const = 0;
    virtual void clear_points() = 0;

    // One element of the snapshot, or with an unlearner the first of those that follow.
    void add_head(Snapshot& snapshot) {
        snapshot.add_packed([&](auto& out) { out.array(unlearner_ ? 3 : 2); });
        if (unlearner_) unlearner_->add_to(snapshot);
    }
    void load_head(msgpack::Reader& in) {
        expect_array(in, unlearner_ ? 3 : 2, unlearner_ ? "an anomaly model with unlearner" : "an anomaly model without unlearner");
        if (unlearner_) unlearner_->unpack(in);
    }

    void count_ignored() {
        std::lock_guard lock(mutex_);
        ++ignored_;
    }

    struct Touched {
        bool fits;                        // whether there is room for the id
        std::optional<std::string> gone;  // what must be forgotten for it
    };
    Touched touch(const std::string& id) {
        if (!unlearner_) return {true, std::nullopt};
        std::lock_guard lock(mutex_);
        Touched touched{};
        touched.fits = unlearner_->touch(id, [&](const std::string& gone) { touched.gone = gone; });
        return touched;
    }

    LofSettings settings_;
    FairMutex mutex_;
    std::unique_ptr<Unlearner> unlearner_;
    uint64_t ignored_ = 0;
};

}  // namespace duma::neighbors
