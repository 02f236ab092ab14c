// Local outlier factors over a recommender's rows, with any of its indexes.
//
// When a point comes, only the densities of its `reverse_k` nearest, before and after, are estimated anew; those of others
// stay as they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "neighbors/lof_table.hpp"
#include "neighbors/outlier_detector.hpp"
#include "neighbors/recommender_store.hpp"

namespace duma::neighbors {

class Lof final : public OutlierDetector {
public:
    Lof(const LofSettings& settings, std::unique_ptr<RecommenderStore> store, std::unique_ptr<Unlearner> unlearner)
        : OutlierDetector(settings, std::move(unlearner)), store_(std::move(store)) {}

    void require_room(const std::string& id) const override {
        if (unlearner_ && !unlearner_->can_touch(id))
            throw ModelFull("cannot add new row as number of sticky rows reached the maximum size of unlearner: " + id);
    }

    double add(const Point& point) override { return update(point); }

    double update(const Point& point) override {
        if (ignores(point)) return score_ignored(point);
        Keys changed;
        store(point, changed);
        estimate(changed);
        make_room(point.id);
        return score_of(point.id);
    }

    // The old row goes even if the new one is ignored.
    double overwrite(const Point& point) override {
        if (store_->contains(point.id)) remove(point.id);
        return update(point);
    }

    // Points for which there is no room are passed over.
    std::vector<std::string> add_all(const std::vector<Point>& points) override {
        std::vector<std::string> stored;
        Keys changed;
        for (const Point& point : points) {
            if (unlearner_ && !unlearner_->can_touch(point.id)) continue;
            if (ignores(point)) {
                count_ignored();
                continue;
            }
            store(point, changed);
            make_room(point.id);
            stored.push_back(point.id);
        }
        estimate(changed);
        return stored;
    }

    // The densities of its neighbours stay as they are.
    void remove(const std::string& id) override {
        std::lock_guard lock(mutex_);
        drop(id);
        if (unlearner_) unlearner_->remove(id);
    }

    double score(const FeatureVector& features) override { return score(store_->prepare(features)); }

    void each_id(const std::function<void(std::string_view)>& visit) override { store_->each_key(visit); }

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) override {
        add_head(snapshot);
        snapshot.add_packed([](auto& out) { out.array(5); });
        table_.add_to(snapshot);
        snapshot.add_packed([&](auto& out) {
            out.unsigned_integer(settings_.k);
            out.unsigned_integer(settings_.reverse_k);
            out.boolean(settings_.ignore_same);
        });
        store_->add_to(snapshot, names);
    }

    // The numbers of neighbours are those of the saved model.
    void load(msgpack::Reader& in, Names& names, const Progress& progress) override {
        load_head(in);
        expect_array(in, 5, "lof's densities");
        table_.load(in, progress);
        settings_.k = in.unsigned_integer();
        settings_.reverse_k = in.unsigned_integer();
        settings_.ignore_same = in.boolean();
        if (settings_.k < 2 || settings_.reverse_k < settings_.k || settings_.reverse_k > INT32_MAX)
            throw msgpack::TypeMismatch("lof's numbers of neighbours are out of range: " + std::to_string(settings_.k) + " and " +
                                        std::to_string(settings_.reverse_k));
        store_->load(in, names, progress);
    }

    std::unique_ptr<OutlierDetector> empty_copy(const Names& names) const override {
        return std::make_unique<Lof>(settings_, store_->empty_copy(names), unlearner_ ? unlearner_->empty_copy() : nullptr);
    }

private:
    using Nearest = std::vector<ScoredRow>;
    using Keys = std::unordered_set<std::string>;
    static constexpr size_t kWorkPerRow = 4;
    static constexpr size_t kWritesAtOnce = 1024;  // under one lock
    static constexpr double kLeast = 1e-15;        // keeps the densities of equal points finite

    const char* name() const override { return "lof"; }
    size_t search_work() const override { return store_->size() * kWorkPerRow; }
    void add_counts(Status& status) const override {
        status.emplace_back("num_id_master", std::to_string(table_.in_master()));
        status.emplace_back("num_id_diff", std::to_string(table_.in_diff()));
    }
    void clear_points() override {
        store_->clear();
        table_.clear();
        without_density_ = 0;
    }

    // ---- scores

    // Points that have no density yet are being added right now.
    double score(const Prepared& query) const {
        const size_t k = settings_.k;
        Nearest nearest = store_->nearest(query, k);
        std::vector<Near> found = with_densities(nearest);
        if (found.size() < nearest.size() && without_density_ > 0) {
            found = with_densities(store_->nearest(query, k + without_density_));
            if (found.size() > k) found.resize(k);
        }
        return outlier_factor(found);
    }

    // A stored point does not count as its own neighbour.
    double score_of(const std::string& id) const {
        Nearest nearest = store_->nearest_to(id, settings_.k + 1);
        const auto own = std::find_if(nearest.begin(), nearest.end(), [&](const ScoredRow& row) { return row.key == id; });
        if (own != nearest.end()) {
            std::swap(*own, nearest.back());
            nearest.pop_back();
        }
        return outlier_factor(with_densities(nearest));
    }

    std::vector<Near> with_densities(const Nearest& nearest) const {
        std::vector<Near> found;
        found.reserve(nearest.size());
        for (const auto& [key, distance] : nearest)
            if (const auto known = table_.find(key)) found.push_back({distance, *known});
        return found;
    }

    // ---- updates

    // Whether the point would be the k-th at its place, and such are not wanted.
    bool ignores(const Point& point) const {
        if (!settings_.ignore_same) return false;
        const Nearest nearest = store_->nearest(store_->prepare(store_->merged(point.id, point.features)), settings_.k - 1);
        return nearest.size() + 1 == settings_.k && nearest.back().score == 0;
    }

    double score_ignored(const Point& point) {
        count_ignored();
        return score(store_->prepare(store_->merged(point.id, point.features)));
    }

    // Adds to a point's row. `changed` gets those whose densities it has a part in, before and after, and itself.
    void store(const Point& point, Keys& changed) {
        if (!store_->row(point.id).empty()) add_keys(store_->nearest_to(point.id, settings_.reverse_k), changed);
        const Prepared whole = store_->prepare(point.id, point.features);
        {
            std::lock_guard lock(mutex_);
            if (!table_.contains(point.id)) ++without_density_;
            store_->store(point.id, point.features, whole);
        }
        add_keys(store_->nearest_to(point.id, settings_.reverse_k), changed);
        changed.insert(point.id);
    }

    static void add_keys(const Nearest& nearest, Keys& keys) {
        for (const ScoredRow& row : nearest) keys.emplace(row.key);
    }

    // Estimates the densities of points that are still there.
    void estimate(const Keys& changed) {
        struct Estimate {
            std::string_view id;
            Density density;
            Nearest nearest;
        };
        std::vector<Estimate> estimates;
        estimates.reserve(changed.size());
        std::unordered_map<std::string_view, const Estimate*> by_id;
        for (const std::string& id : changed) {
            if (!store_->contains(id) && !table_.contains(id)) continue;
            Nearest nearest = store_->nearest_to(id, settings_.k);
            Density density = table_.find(id).value_or(Density{0, 0});
            if (!nearest.empty()) density.k_distance = nearest.back().score;
            estimates.push_back({id, density, std::move(nearest)});
            by_id.emplace(id, &estimates.back());
        }
        for (Estimate& estimate : estimates) {
            std::vector<Near> found;
            for (const auto& [key, distance] : estimate.nearest) {
                const auto now = by_id.find(key);
                const auto known = now != by_id.end() ? std::optional(now->second->density) : table_.find(key);
                if (known) found.push_back({distance, *known});
            }
            estimate.density.reachability = found.empty() ? 1 : static_cast<double>(found.size()) / (total_reach(found) + kLeast);
        }
        for (size_t done = 0; done < estimates.size();) {
            std::lock_guard lock(mutex_);
            for (const size_t end = std::min(done + kWritesAtOnce, estimates.size()); done < end; ++done) table_.set(estimates[done].id, estimates[done].density);
        }
        std::lock_guard lock(mutex_);
        without_density_ = 0;
    }

    // ---- unlearning

    // Forgets another point, if it must go for this one.
    void make_room(const std::string& id) {
        const Touched touched = touch(id);
        if (!touched.gone) return;
        std::lock_guard lock(mutex_);
        drop(*touched.gone);
    }

    void drop(const std::string& id) {
        store_->remove(id);
        table_.remove(id);
    }

    std::unique_ptr<RecommenderStore> store_;
    LofTable table_;
    size_t without_density_ = 0;  // points that are stored, but not in the table yet
};

}  // namespace duma::neighbors
