// Classifiers by the nearest records: each of the `k` nearest votes for its label with exp(-sensitivity * distance).
//
// A record's id is its label, "_" and 8 characters. So labels are in model files, and may contain "_" themselves.
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

#include "common/status.hpp"
#include "convert/saved_weights.hpp"
#include "model/datums.hpp"
#include "model/label_counts.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "neighbors/neighbor_learner.hpp"

namespace duma::neighbors {

class NeighborClassifier final : public NeighborLearner {
public:
    NeighborClassifier(Parts parts, float sensitivity) : NeighborLearner(std::move(parts)), sensitivity_(sensitivity) {}

    // Learns from [[label, datum]...]; returns how many. All of it is checked before the first is learned; a datum that
    // cannot be converted, or finds no room, ends the call with what came before it learned.
    uint64_t train(std::string_view data) {
        check_examples(data, "a labelled datum is [label, datum]", [](msgpack::Reader& in) { in.raw(); });
        return learn_each(data, Duplicates::merge, [](msgpack::Reader& in) { return in.raw(); }, [&](std::string_view label, const Point& point) {
            const std::string id = make_room(std::string(label) + '_', [&](const std::string& gone) { counts_.decrement(label_of(gone)); });
            parts_.records->set(id, point);
            counts_.increment(label);
        });
    }

    // Answers [[[label, score]...]...] for [datum...], by label.
    void classify(std::string_view data, msgpack::Buffer& answer) {
        msgpack::Writer out(answer);
        search_each(data, [&](uint32_t n) { out.array(n); }, [&](const std::vector<NearRecord>& records) {
            const std::vector<LabelScore> scores = score(records);
            out.array(scores.size());
            for (const auto& [label, value] : scores) {
                out.array(2);
                out.raw(label);
                out.real(value);
            }
        });
    }

    // {label: how many records}
    void get_labels(msgpack::Buffer& answer) {
        std::shared_lock lock(mutex_);
        msgpack::Writer out(answer);
        const Counts totals = counts_.totals();
        out.map(totals.size());
        for (const auto& [label, count] : totals) {
            out.raw(label);
            out.unsigned_integer(count);
        }
    }

    bool set_label(const std::string& label) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        return counts_.add(label);
    }

    // False if the label is not counted, or records stay. Others get in between while its records go, and see those that
    // are left.
    bool delete_label(const std::string& label) {
        if (!parts_.records->removable()) return false;
        std::lock_guard update(updates_);
        if (!counts_.contains(label)) return false;
        std::vector<std::string> ids = parts_.records->ids();
        std::erase_if(ids, [&](const std::string& id) { return label_of(id) != label; });
        for (size_t done = 0; done < ids.size();) {
            std::lock_guard slice(mutex_);
            for (const size_t end = std::min(ids.size(), done + kRemovedAtOnce); done < end; ++done) {
                parts_.records->remove(ids[done]);
                if (parts_.unlearner) parts_.unlearner->remove(ids[done]);
                counts_.decrement(label);
            }
        }
        std::lock_guard lock(mutex_);
        counts_.erase(label);
        return true;
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        clear_records();
        counts_.clear();
    }

    Status status() {
        std::shared_lock lock(mutex_);
        Status status;
        convert::add_status(status, weights_);
        return status;
    }

    // The model as it is between two updates, [1, [[T, L] or [U, T, L], weights]]: unlearner, records, label counts.
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        return take_snapshot([&](Snapshot& snapshot) { snapshot.add_packed([&](auto& out) { counts_.pack(out); }); });
    }

    std::unique_ptr<NeighborClassifier> empty_copy() { return std::make_unique<NeighborClassifier>(empty_parts(), sensitivity_); }

    // Fills this empty classifier from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        load_parts(user_data, "a classifier's data", progress, [&](msgpack::Reader& in) { counts_.load(in); });
    }

private:
    using LabelScore = std::pair<std::string_view, double>;

    static constexpr size_t kRemovedAtOnce = 256;

    static std::string_view label_of(std::string_view id) { return id.substr(0, id.rfind('_')); }

    // By label: all that are counted, and those of records that are not.
    std::vector<LabelScore> score(const std::vector<NearRecord>& records) const {
        std::vector<LabelScore> scores;
        scores.reserve(counts_.master.size() + counts_.diff.size());
        for (const auto& [label, count] : counts_.diff) scores.emplace_back(label, 0);
        if (!counts_.master.empty()) {
            for (const auto& [label, count] : counts_.master) scores.emplace_back(label, 0);
            std::sort(scores.begin(), scores.end());
            scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
        }
        for (const auto& [id, distance] : records) {
            const std::string_view label = label_of(id);
            auto place = std::lower_bound(scores.begin(), scores.end(), label, [](const LabelScore& one, std::string_view l) { return one.first < l; });
            if (place == scores.end() || place->first != label) place = scores.insert(place, {label, 0});
            place->second += std::exp(-sensitivity_ * distance);
        }
        return scores;
    }

    const double sensitivity_;  // a single-precision value
    LabelCounts counts_;
};

}  // namespace duma::neighbors
