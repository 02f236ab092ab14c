// Local outlier factors over signatures: one column table with the signatures of the points, one with their densities.
//
// When a point comes, only the densities of its `reverse_k` nearest are estimated anew; those of others stay as they are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "neighbors/column_table.hpp"
#include "neighbors/outlier_detector.hpp"
#include "neighbors/signature_index.hpp"

namespace duma::neighbors {

class LightLof final : public OutlierDetector {
public:
    LightLof(const LofSettings& settings, const SignatureSettings& signatures, std::unique_ptr<Unlearner> unlearner)
        : OutlierDetector(settings, std::move(unlearner)), index_(signatures) {}

    // A point that will be ignored needs none.
    void require_room(const std::string& id) const override {
        if (unlearner_ && !settings_.ignore_same && !unlearner_->can_touch(id)) throw_full(id);
    }

    double add(const Point& point) override { return overwrite(point); }
    double update(const Point&) override { throw std::logic_error("light_lof has no update"); }
    void remove(const std::string&) override { throw std::logic_error("light_lof has no clear_row"); }

    double overwrite(const Point& point) override {
        const Query query = index_.query(point.features);
        if (ignores(query)) {
            count_ignored();
            return score(query);
        }
        std::vector<std::string> changed = neighbors_of(point.id);
        make_room(point.id);
        set(point.id, query);
        add_score_row(point.id);
        add_keys(index_.neighbors(query, settings_.reverse_k), changed);
        changed.push_back(point.id);
        estimate(changed);
        return score_of(point.id);
    }

    // If there is no room for a point, it and those behind it are taken out again, and the call fails with what came before
    // it stored.
    std::vector<std::string> add_all(const std::vector<Point>& points) override {
        std::vector<std::string> stored, changed;
        std::vector<Query> queries;
        for (const Point& point : points) {
            Query query = index_.query(point.features);
            if (ignores(query)) {
                count_ignored();
                continue;
            }
            for (std::string& key : neighbors_of(point.id)) changed.push_back(std::move(key));
            set(point.id, query);
            stored.push_back(point.id);
            queries.push_back(std::move(query));
        }
        const size_t fit = make_room(stored);
        queries.resize(fit);
        for (const auto& nearest : search(queries, settings_.reverse_k)) add_keys(nearest, changed);
        changed.insert(changed.end(), stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(fit));
        estimate(changed);
        if (fit < stored.size()) throw_full(stored[fit]);
        return stored;
    }

    double score(const FeatureVector& features) override { return score(index_.query(features)); }

    void each_id(const std::function<void(std::string_view)>& visit) override {
        for (uint32_t row = 0; row < index_.table().size(); ++row) visit(index_.table().key(row));
    }

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>&) override {
        add_head(snapshot);
        index_.table().add_to(snapshot);
        densities_.add_to(snapshot);
    }

    void load(msgpack::Reader& in, Names&, const Progress& progress) override {
        load_head(in);
        index_.table().load(in, progress);
        densities_.load(in, progress);
        for (uint32_t row = 0; row < index_.table().size(); ++row) without_density_ += !usable(density(row));
    }

    std::unique_ptr<OutlierDetector> empty_copy(const Names&) const override {
        return std::make_unique<LightLof>(settings_, index_.settings(), unlearner_ ? unlearner_->empty_copy() : nullptr);
    }

private:
    using Query = SignatureIndex::Query;
    using Nearest = std::vector<Neighbor>;
    static constexpr uint32_t kNone = ColumnTable::kNone;
    static constexpr size_t kKDistance = 0, kReachability = 1;  // columns
    static constexpr Density kUnknown = {-1, -1};
    static constexpr size_t kQueriesAtOnce = 64;
    static constexpr size_t kWritesAtOnce = 1024;  // under one lock

    const char* name() const override { return "light_lof"; }
    size_t search_work() const override { return index_.table().size() * (index_.table().signatures().width() + 1); }
    void add_counts(Status& status) const override { status.emplace_back("num_id", std::to_string(index_.table().size())); }
    void clear_points() override {
        index_.table().clear();
        densities_.clear();
        without_density_ = 0;
    }

    // ---- rows of the two tables, which are mostly the same

    uint32_t density_row(uint32_t row) const {
        const std::string& key = index_.table().key(row);
        return row < densities_.size() && densities_.key(row) == key ? row : densities_.find(key);
    }
    std::optional<Density> density(uint32_t row) const {
        const uint32_t at = density_row(row);
        if (at == kNone) return std::nullopt;
        return Density{densities_.real(at, kKDistance), densities_.real(at, kReachability)};
    }

    // Not that of a point that is being added right now.
    static bool usable(const std::optional<Density>& density) { return density && !(density->k_distance < 0); }

    // ---- scores

    double score(const Query& query) { return outlier_factor(dense(query, settings_.k)); }

    // A stored point does not count as its own neighbour.
    double score_of(const std::string& id) {
        const uint32_t row = index_.table().find(id);
        if (row == kNone) return outlier_factor({});
        Nearest nearest = index_.neighbors(index_.stored(row), settings_.k + 1);
        const auto own = std::find_if(nearest.begin(), nearest.end(), [&](const Neighbor& neighbor) { return neighbor.row == row; });
        if (own != nearest.end()) {
            std::swap(*own, nearest.back());
            nearest.pop_back();
        }
        if (nearest.size() > settings_.k) nearest.resize(settings_.k);
        return outlier_factor(with_densities(nearest));
    }

    // The `k` nearest that have a density. Others are being added right now, or were left behind by a Jubatus that failed.
    std::vector<Near> dense(const Query& query, size_t k) {
        Nearest nearest = index_.neighbors(query, k);
        std::vector<Near> found = with_densities(nearest);
        if (found.size() < nearest.size()) {
            found = with_densities(index_.neighbors(query, k + without_density_));
            if (found.size() > k) found.resize(k);
        }
        return found;
    }

    std::vector<Near> with_densities(const Nearest& nearest) const {
        std::vector<Near> found;
        found.reserve(nearest.size());
        for (const auto& [row, distance] : nearest)
            if (const auto known = density(row); usable(known)) found.push_back({distance, *known});
        return found;
    }

    // ---- updates

    // Whether the point would be the k-th at its place, and such are not wanted.
    bool ignores(const Query& query) {
        if (!settings_.ignore_same || settings_.k < 2) return false;
        const Nearest nearest = index_.neighbors(query, settings_.k - 1);
        return nearest.size() + 1 == settings_.k && nearest.back().distance == 0;
    }

    void set(const std::string& id, const Query& query) {
        std::lock_guard lock(mutex_);
        const bool is_new = index_.table().find(id) == kNone;
        index_.set(id, query);
        without_density_ += is_new;
    }

    // A row for the densities of a point, which are not known yet if it is new.
    void add_score_row(const std::string& id) {
        std::lock_guard lock(mutex_);
        const bool is_new = densities_.find(id) == kNone;
        const uint32_t at = densities_.put(id);
        if (is_new) set_density(at, kUnknown);
    }

    void take_out(const std::string& id) {
        std::lock_guard lock(mutex_);
        const uint32_t row = index_.table().find(id);
        if (row == kNone) return;
        without_density_ -= !usable(density(row));
        index_.table().remove(id);
        densities_.remove(id);
    }

    // Whose densities a stored point had a part in.
    std::vector<std::string> neighbors_of(const std::string& id) {
        std::vector<std::string> keys;
        const uint32_t row = index_.table().find(id);
        if (row != kNone && density_row(row) != kNone) add_keys(index_.neighbors(index_.stored(row), settings_.reverse_k), keys);
        return keys;
    }

    void add_keys(const Nearest& nearest, std::vector<std::string>& keys) const {
        for (const Neighbor& neighbor : nearest) keys.push_back(index_.table().key(neighbor.row));
    }

    std::vector<Nearest> search(const std::vector<Query>& queries, size_t k) {
        std::vector<Nearest> all;
        all.reserve(queries.size());
        for (size_t done = 0; done < queries.size(); done += kQueriesAtOnce)
            for (Nearest& nearest : index_.neighbors(std::span(queries).subspan(done, std::min(kQueriesAtOnce, queries.size() - done)), k))
                all.push_back(std::move(nearest));
        return all;
    }

    // Estimates the densities of points, as far as they have a row for them.
    void estimate(const std::vector<std::string>& keys) {
        std::vector<uint32_t> rows;
        std::vector<Query> queries;
        std::unordered_map<uint32_t, Density> estimates;
        for (const std::string& key : keys) {
            const uint32_t row = index_.table().find(key);
            if (row == kNone) continue;
            const auto known = density(row);
            if (!known || !estimates.emplace(row, *known).second) continue;
            rows.push_back(row);
            queries.push_back(index_.stored(row));
        }
        const std::vector<Nearest> nearest = search(queries, settings_.k);
        for (size_t i = 0; i < rows.size(); ++i)
            if (!nearest[i].empty()) estimates[rows[i]].k_distance = nearest[i].back().distance;
        for (size_t i = 0; i < rows.size(); ++i) {
            std::vector<Near> found;
            for (const auto& [row, distance] : nearest[i]) {
                const auto now = estimates.find(row);
                const auto known = now != estimates.end() ? std::optional(now->second) : density(row);
                if (known) found.push_back({distance, *known});
            }
            estimates[rows[i]].reachability = reachability_density(found);
        }
        for (size_t done = 0; done < rows.size();) {
            std::lock_guard lock(mutex_);
            for (const size_t end = std::min(done + kWritesAtOnce, rows.size()); done < end; ++done) write(rows[done], estimates.at(rows[done]));
        }
    }

    void write(uint32_t row, const Density& estimate) {
        without_density_ -= !usable(density(row)) && usable(estimate);
        const uint32_t at = density_row(row);
        densities_.renew(at);
        set_density(at, estimate);
    }

    void set_density(uint32_t at, const Density& density) {
        densities_.set_real(at, kKDistance, density.k_distance);
        densities_.set_real(at, kReachability, density.reachability);
    }

    // ---- unlearning

    [[noreturn]] static void throw_full(const std::string& id) {
        throw ModelFull("cannot add new ID as number of sticky IDs reached the maximum size of unlearner: " + id);
    }

    void make_room(const std::string& id) {
        const Touched touched = touch(id);
        if (!touched.fits) throw_full(id);
        if (touched.gone) forget(*touched.gone);
    }

    // The same for points that are in the index already, in order, until there is none; returns for how many there is.
    size_t make_room(const std::vector<std::string>& ids) {
        for (size_t i = 0; i < ids.size(); ++i) {
            const Touched touched = touch(ids[i]);
            if (touched.gone) forget(*touched.gone);
            if (touched.fits) {
                if (index_.table().find(ids[i]) != kNone) add_score_row(ids[i]);
                continue;
            }
            for (size_t out = i; out < ids.size(); ++out) take_out(ids[out]);
            return i;
        }
        return ids.size();
    }

    void forget(const std::string& id) {
        std::vector<std::string> changed;
        if (const uint32_t row = index_.table().find(id); row != kNone) add_keys(index_.neighbors(index_.stored(row), settings_.reverse_k), changed);
        take_out(id);
        estimate(changed);
    }

    SignatureIndex index_;
    ColumnTable densities_{0, 2};
    size_t without_density_ = 0;  // rows of the index that have no usable one
};

}  // namespace duma::neighbors
