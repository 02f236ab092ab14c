// The linear classifiers: one weight vector per label, learned from one labelled datum after another.
//
// Safe to call from several threads. Updates run one at a time; analyses run beside each other and get in between the
// slices of a long update.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "convert/conversion.hpp"
#include "linear/methods.hpp"
#include "linear/store.hpp"
#include "model/datums.hpp"
#include "model/label_counts.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/slices.hpp"
#include "model/snapshot.hpp"
#include "model/unlearner.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::linear {

class LinearClassifier {
public:
    LinearClassifier(Method method, float c, std::shared_ptr<const convert::Converter> converter, std::unique_ptr<Unlearner> unlearner)
        : method_(method), c_(c), converter_(std::move(converter)), learner_(*converter_), unlearner_(std::move(unlearner)) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back || (unlearner_ && unlearner_->calls_back()); }

    // Learns from [[label, datum]...]; returns how many. All of it is checked before the first is learned; a datum that
    // cannot be converted ends the call with what came before it learned.
    uint64_t train(std::string_view data) {
        check_examples(data, "a labelled datum is [label, datum]", [](msgpack::Reader& in) { in.raw(); });
        std::lock_guard update(updates_);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        in_slices<std::lock_guard<FairMutex>>(mutex_, in, n, [&] { train_one(in); });
        return n;
    }

    // Answers [[[label, score]...]...] for [datum...].
    void classify(std::string_view data, msgpack::Buffer& answer) {
        check_datums(data);
        const Rooms<Room>::Borrowed room(rooms_, *converter_);
        msgpack::Writer out(answer);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        out.array(n);
        in_slices<std::shared_lock<FairMutex>>(mutex_, in, n, [&] {
            score(room->conversion.convert(in, store_.names, store_.weights, convert::Unknown::skip), room->scores);
            out.array(store_.labels.size());
            for (const Label& label : store_.labels.ordered()) {
                out.array(2);
                out.raw(label.name);
                out.real(room->scores[label.slot]);
            }
        });
    }

    // {label: how often trained}
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
        require_room(label);
        const bool registered = !store_.labels.find(label);
        store_.labels.slot_of(label);
        const bool counted = counts_.add(label);
        if (registered && counted && unlearner_) return touch(label);
        return registered && counted;
    }

    bool delete_label(const std::string& label) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto [unregistered, uncounted] = forget(label);
        if (unregistered && uncounted && unlearner_) return unlearner_->remove(label);
        return unregistered && uncounted;
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        store_.clear();
        counts_.clear();
        if (unlearner_) unlearner_->clear();
    }

    Status status() {
        std::shared_lock lock(mutex_);
        Status status = store_.status();
        if (unlearner_)
            for (auto& entry : unlearner_->status()) status.push_back(entry);
        convert::add_status(status, store_.weights);
        return status;
    }

    // The model as it is between two updates, [1, [[S, L] or [U, S, L], weights]]: unlearner, store, label counts. Costs a
    // pointer per thousand features; blocks are copied as they change.
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(store_.names.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([&](auto& out) {
            pack_user_data_head(out);
            out.array(2);
            out.array(unlearner_ ? 3 : 2);
        });
        if (unlearner_) unlearner_->add_to(*snapshot);
        store_.add_to(*snapshot, names);
        snapshot->add_packed([&](auto& out) { counts_.pack(out); });
        convert::add_weights(*snapshot, names, store_.weights);
        return snapshot;
    }

    // The state of random draws, which model files do not hold.
    std::string hidden_state() {
        std::shared_lock lock(mutex_);
        return unlearner_ ? unlearner_->hidden_state() : std::string();
    }
    void set_hidden_state(const std::string& state) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        if (unlearner_) unlearner_->set_hidden_state(state);
    }

    std::unique_ptr<LinearClassifier> empty_copy() {
        std::shared_lock lock(mutex_);  // an update may draw from the generator that is copied
        return std::make_unique<LinearClassifier>(method_, c_, converter_, unlearner_ ? unlearner_->empty_copy() : nullptr);
    }

    // Fills this empty classifier from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "a classifier's data");
        expect_array(in, unlearner_ ? 3 : 2, unlearner_ ? "a linear model with unlearner" : "a linear model without unlearner");
        if (unlearner_) unlearner_->unpack(in);
        store_.load(in, progress);
        counts_.load(in);
        convert::unpack_weights(in, store_.weights, store_.names);
    }

private:
    // ---- training

    void train_one(msgpack::Reader& in) {
        uint32_t fields = in.array();
        const std::string_view label = in.raw();
        learner_.update(in, store_.names, store_.weights);
        while (fields-- > 2) in.skip();
        learn(label, learner_.merge_duplicates());
    }

    using Features = std::vector<convert::Feature>;

    void learn(std::string_view name, const Features& features) {
        if (unlearner_) require_room(std::string(name));
        counts_.increment(name);
        const Label* right = store_.labels.find(name);
        if (store_.cells.narrow() && uses_covariance(method_) && store_.labels.size() <= (right ? 2 : 1) && store_.labels.slots() <= 2 &&
            all_finite(features))
            return learn_narrow(name, right, features);
        score(features, scores_);
        if (method_ == Method::perceptron) return learn_perceptron(name, right, features);

        const Label* wrong = best([&](const Label& label) { return &label != right; });
        const double margin = (right ? scores_[right->slot] : 0) - (wrong ? scores_[wrong->slot] : 0);
        if (!uses_covariance(method_)) return learn_passive_aggressive(name, wrong, features, 1 - margin);
        learn_with_covariance(name, wrong, features, margin, total_variance(features, right, wrong));
    }

    // Two labels at most, the datum's among them, both in the first two slots: scores and variance in one pass. A slot
    // without label has no cells.
    void learn_narrow(std::string_view name, const Label* right, const Features& features) {
        double a = 0, b = 0, variance = 0;
        const auto covariance = [](const Cell& cell) { return missing(cell) ? 1.0 : cell.covariance; };
        for (const auto& [id, x] : features) {
            const Cell* row = store_.cells.narrow_row(id);
            if (!row) {
                variance += 2 * x * x;
                continue;
            }
            a += row[0].weight * x;
            b += row[1].weight * x;
            variance += (covariance(row[0]) + covariance(row[1])) * x * x;
        }
        const Label* wrong = nullptr;
        for (const Label& label : store_.labels.ordered())
            if (&label != right) wrong = &label;
        const double scores[2] = {a, b};
        const double margin = (right ? scores[right->slot] : 0) - (wrong ? scores[wrong->slot] : 0);
        learn_with_covariance(name, wrong, features, margin, variance);
    }

    void learn_with_covariance(std::string_view name, const Label* wrong, const Features& features, double margin, double variance) {
        switch (method_) {
            case Method::cw: return learn_covariance(ConfidenceWeighted::step(margin, variance, c_), name, wrong, features);
            case Method::arow: return learn_covariance(Arow::step(margin, variance, c_), name, wrong, features);
            default: return learn_covariance(NormalHerd::step(margin, variance, c_), name, wrong, features);
        }
    }

    void learn_perceptron(std::string_view name, const Label* right, const Features& features) {
        const Label* predicted = best([](const Label&) { return true; });
        if (predicted && predicted == right) return;
        add(features, 1, name, predicted);
    }

    void learn_passive_aggressive(std::string_view name, const Label* wrong, const Features& features, double loss) {
        if (loss < 0) {
            if (method_ != Method::pa) store_.labels.slot_of(name);
            return;
        }
        double norm = 0;
        for (const auto& [id, x] : features) norm += x * x;
        if (norm == 0) {
            store_.labels.slot_of(name);
            return;
        }
        add(features, passive_aggressive_step(method_, loss, norm, c_), name, wrong);
    }

    // The right label's weights gain step * x, the wrong one's lose it.
    void add(const Features& features, double step, std::string_view name, const Label* wrong) {
        each_cell(features, name, wrong, 0, [&](Cell& cell, double x, double sign) { cell.weight += sign * (x * step); });
    }

    template <class Step>
    void learn_covariance(const std::optional<Step>& step, std::string_view name, const Label* wrong, const Features& features) {
        if (!step) {
            store_.labels.slot_of(name);
            return;
        }
        // AROW and NHERD register a label with its first cell, CW in any case.
        if (features.empty() && method_ != Method::cw) return;
        each_cell(features, name, wrong, 1, *step);
    }

    // Calls apply(cell, x, sign) for the cells of the right (+1) and the wrong label (-1, if there is one); a cell that
    // does not exist yet is made as (0, `covariance`). A label that is new is registered.
    template <class Apply>
    void each_cell(const Features& features, std::string_view name, const Label* wrong, double covariance, const Apply& apply) {
        const std::optional<uint32_t> z = wrong ? std::optional(wrong->slot) : std::nullopt;
        const uint32_t y = store_.labels.slot_of(name);
        if (z && std::max(y, *z) < Cells::kDenseSlots) {
            for (const auto& [id, x] : features) {
                Cell* row = store_.cells.make_dense(id, y, *z, covariance);
                apply(row[y], x, 1.0);
                apply(row[*z], x, -1.0);
            }
        } else {
            for (const auto& [id, x] : features) {
                apply(store_.cells.make(id, y, covariance), x, 1.0);
                if (z) apply(store_.cells.make(id, *z, covariance), x, -1.0);
            }
        }
        if (unlearner_) touch(std::string(name));
    }

    // The first of the highest scores in the labels' order. A NaN wins only if it comes first.
    template <class Among>
    const Label* best(Among&& among) const {
        const Label* best = nullptr;
        for (const Label& label : store_.labels.ordered())
            if (among(label) && (!best || scores_[label.slot] > scores_[best->slot])) best = &label;
        return best;
    }

    double total_variance(const Features& features, const Label* right, const Label* wrong) const {
        const auto covariance = [](const Cells::Row& row, const Label* label) {
            if (!label) return 1.0;
            const Cell cell = row.at(label->slot);
            return missing(cell) ? 1.0 : cell.covariance;
        };
        double variance = 0;
        for (const auto& [id, x] : features) {
            const Cells::Row row = store_.cells.row(id);
            variance += (covariance(row, right) + covariance(row, wrong)) * x * x;
        }
        return variance;
    }

    // ---- scores, by slot

    void score(const Features& features, std::vector<double>& scores) const {
        scores.assign(std::max(store_.labels.slots(), 2u), 0);
        const bool finite = all_finite(features);
        if (!finite || !store_.cells.narrow()) return score_each(features, scores, finite);
        double a = 0, b = 0;
        for (const auto& [id, x] : features) {
            const Cell* row = store_.cells.narrow_row(id);
            if (!row) continue;
            a += row[0].weight * x;
            b += row[1].weight * x;
        }
        scores[0] = a;
        scores[1] = b;
    }

    static bool all_finite(const Features& features) {
        double zero = 0;  // stays 0 while all values are finite
        for (const auto& [id, x] : features) zero += x * 0;
        return zero == 0;
    }

    void score_each(const Features& features, std::vector<double>& scores, bool finite) const {
        if (scores.size() < Cells::kDenseSlots) scores.resize(Cells::kDenseSlots);
        for (const auto& [id, x] : features) {
            const Cells::Row row = store_.cells.row(id);
            if (finite && !row.wide)  // cells that do not exist weigh 0
                for (uint32_t slot = 0; slot < row.width; ++slot) scores[slot] += row.dense[slot].weight * x;
            else
                row.each([&](uint32_t slot, const Cell& cell) { scores[slot] += cell.weight * x; });
        }
    }

    // ---- unlearning

    void require_room(const std::string& label) const {
        if (unlearner_ && !unlearner_->can_touch(label))
            throw ModelFull("cannot add new label as number of sticky labels reached the maximum size of unlearner: " + label);
    }

    bool touch(const std::string& label) {
        return unlearner_->touch(label, [this](const std::string& gone) { forget(gone); });
    }

    std::pair<bool, bool> forget(const std::string& label) {
        bool registered = false;
        if (const Label* known = store_.labels.find(label)) {
            store_.cells.erase_slot(known->slot);
            store_.labels.erase(label);
            registered = true;
        }
        return {registered, counts_.erase(label)};
    }

    // One caller's room for analyses.
    struct Room {
        explicit Room(const convert::Converter& converter) : conversion(converter) {}
        convert::Conversion conversion;
        std::vector<double> scores;
    };

    const Method method_;
    const float c_;
    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Store store_;
    LabelCounts counts_;
    convert::Conversion learner_;
    std::vector<double> scores_;
    std::unique_ptr<Unlearner> unlearner_;

    Rooms<Room> rooms_;
};

}  // namespace duma::linear
