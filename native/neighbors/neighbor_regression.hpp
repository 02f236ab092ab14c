// Regressions by the nearest records: the estimate is the mean of the targets of the `k` nearest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/status.hpp"
#include "model/datums.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "neighbors/column_table.hpp"
#include "neighbors/neighbor_learner.hpp"

namespace duma::neighbors {

// What a neighbour counts: all the same, or the nearer the more, by the inverse of its distance.
enum class Weighting { uniform, distance };

class NeighborRegression final : public NeighborLearner {
public:
    NeighborRegression(Parts parts, Weighting weighting) : NeighborLearner(std::move(parts)), weighting_(weighting) {}

    // Learns from [[target, datum]...]; returns how many. All of it is checked before the first is learned; a datum that
    // cannot be converted, or finds no room, ends the call with what came before it learned.
    uint64_t train(std::string_view data) {
        check_examples(data, "a scored datum is [score, datum]", [](msgpack::Reader& in) { in.real(); });
        return learn_each(data, Duplicates::keep, [](msgpack::Reader& in) { return in.real(); }, [&](double target, const Point& point) {
            const std::string id = make_room("", [&](const std::string& gone) { targets_.remove(gone); });
            parts_.records->set(id, point);
            targets_.set_real(targets_.put(id), 0, target);
        });
    }

    // Answers [estimate...] for [datum...].
    void estimate(std::string_view data, msgpack::Buffer& answer) {
        msgpack::Writer out(answer);
        search_each(data, [&](uint32_t n) { out.array(n); }, [&](const std::vector<NearRecord>& records) { out.real(mean(records)); });
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        clear_records();
        targets_.clear();
    }

    Status status() const { return {}; }

    // The model as it is between two updates, [1, [[T, TT] or [U, T, TT], weights]]: unlearner, records, targets.
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        return take_snapshot([&](Snapshot& snapshot) { targets_.add_to(snapshot); });
    }

    std::unique_ptr<NeighborRegression> empty_copy() { return std::make_unique<NeighborRegression>(empty_parts(), weighting_); }

    // Fills this empty regression from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        load_parts(user_data, "a regression's data", progress, [&](msgpack::Reader& in) { targets_.load(in, progress); });
    }

private:
    struct Target {
        double value;
        double distance;
    };

    // 0 without neighbours.
    double mean(const std::vector<NearRecord>& records) const {
        std::vector<Target> near;
        near.reserve(records.size());
        for (const auto& [id, distance] : records) {
            const uint32_t row = targets_.find(id);
            if (row != ColumnTable::kNone) near.push_back({targets_.real(row, 0), distance});  // others say nothing
        }
        if (near.empty()) return 0;
        if (weighting_ == Weighting::uniform) return plain_mean(near);
        // Neighbours without a distance would outweigh all others: they decide alone.
        const auto apart = [none = parts_.records->smallest_distance()](const Target& target) { return !(target.distance <= none); };
        if (!apart(near.front())) {
            near.erase(std::find_if(near.begin(), near.end(), apart), near.end());
            return plain_mean(near);
        }
        double sum = 0, weights = 0;
        for (const auto& [value, distance] : near) {
            const double weight = 1 / distance;
            sum += weight * value;
            weights += weight;
        }
        return sum / weights;
    }

    static double plain_mean(const std::vector<Target>& targets) {
        double sum = 0;
        for (const Target& target : targets) sum += target.value;
        return sum / static_cast<double>(targets.size());
    }

    const Weighting weighting_;
    ColumnTable targets_{0, 1};  // by record id
};

}  // namespace duma::neighbors
