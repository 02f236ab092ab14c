// The linear classifiers: one weight vector per label, learned from one labelled datum after another.
//
// Safe to call from several threads. Updates run one at a time; analyses run beside each other and get in between the
// slices of a long update.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
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
#include "convert/conversion.hpp"
#include "linear/cells.hpp"
#include "linear/labels.hpp"
#include "linear/methods.hpp"
#include "linear/snapshot.hpp"
#include "linear/unlearner.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "names/names.hpp"

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
        check_labelled_datums(data);
        std::lock_guard update(updates_);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        for (uint32_t done = 0; done < n;) {
            std::lock_guard slice(mutex_);
            for (const size_t from = in.position(); done < n && in.position() - from < kSliceBytes; ++done) train_one(in);
        }
        return n;
    }

    // Answers [[[label, score]...]...] for [datum...].
    void classify(std::string_view data, msgpack::Buffer& answer) {
        check_datums(data);
        const Worker worker(*this);
        msgpack::Writer out(answer);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        out.array(n);
        for (uint32_t done = 0; done < n;) {
            std::shared_lock slice(mutex_);
            for (const size_t from = in.position(); done < n && in.position() - from < kSliceBytes; ++done) {
                const auto& features = worker->conversion.convert(in, names_, weights_, convert::Unknown::skip);
                score(features, worker->scores);
                out.array(labels_.size());
                for (const Label& label : labels_.ordered()) {
                    out.array(2);
                    out.raw(label.name);
                    out.real(worker->scores[label.slot]);
                }
            }
        }
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
        const bool registered = !labels_.find(label);
        labels_.slot_of(label);
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

    // Versions stay: they count MIXes.
    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        names_.clear();
        cells_.clear();
        labels_ = Labels();
        counts_.clear();
        weights_.clear();
        unmixed_ = unmixed_empty();
        if (unlearner_) unlearner_->clear();
    }

    Status status() {
        std::shared_lock lock(mutex_);
        Status status{{"num_features", std::to_string(cells_.rows_in_use())},
                      {"num_classes", std::to_string(labels_.size())},
                      {"storage", "local_storage"}};
        if (unlearner_)
            for (auto& entry : unlearner_->status()) status.push_back(entry);
        status.emplace_back("weight_manager_version", std::to_string(weights_.version));
        for (const auto& [prefix, record] : {std::pair{"diff_", &weights_.diff}, std::pair{"master_", &weights_.master}}) {
            const auto add = [&, prefix = std::string(prefix)](const char* key, uint64_t n) { status.emplace_back(prefix + key, std::to_string(n)); };
            add("document_count", record->document_count);
            add("num_document_frequencies", record->document_frequencies.distinct());
            add("num_group_frequencies", record->group_frequencies.size());
            add("num_group_total_lengths", record->group_total_lengths.size());
            add("num_weights", record->user_weights.size());
        }
        return status;
    }

    // The model as it is between two updates. Costs a pointer per thousand features; blocks are copied as they change.
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        std::optional<std::string> unlearner;
        if (unlearner_) {
            msgpack::Buffer packed;
            msgpack::Writer out(packed);
            unlearner_->pack(out);
            unlearner = std::move(packed.bytes);
        }
        return std::make_unique<Snapshot>(Snapshot::Parts{
            names_.share(), cells_.share(), labels_, counts_, weights_.share(), std::move(unlearner), unmixed_, version_});
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

    // Fills this empty classifier from user data, [1, [[S, L] or [U, S, L], weights]]. `progress` is told the bytes read.
    void load(std::string_view user_data, const std::function<void(size_t)>& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        const auto exactly = [&](uint32_t n, const char* what) {
            if (in.array() != n) throw msgpack::TypeMismatch(std::string(what) + " is an array of " + std::to_string(n));
        };
        exactly(2, "user data");
        in.unsigned_integer();
        exactly(2, "a classifier's data");
        exactly(unlearner_ ? 3 : 2, unlearner_ ? "a linear model with unlearner" : "a linear model without unlearner");
        if (unlearner_) unlearner_->unpack(in);
        load_store(in, progress);
        load_counts(in);
        convert::unpack_weights(in, weights_, names_);
    }

private:
    // ---- training

    static void check_labelled_datums(std::string_view data) {
        msgpack::Reader in(data);
        for (uint32_t n = in.array(); n--;) {
            uint32_t fields = in.array();
            if (fields < 2) throw msgpack::TypeMismatch("a labelled datum is [label, datum]");
            in.raw();
            check_datum(in);
            while (fields-- > 2) in.skip();
        }
    }

    static void check_datums(std::string_view data) {
        msgpack::Reader in(data);
        for (uint32_t n = in.array(); n--;) check_datum(in);
    }

    static void check_datum(msgpack::Reader& in) {
        uint32_t lists = in.array();
        for (uint32_t list = 0; list < lists; ++list) {
            if (list > 2) { in.skip(); continue; }
            for (uint32_t n = in.array(); n--;) {
                if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
                in.raw();
                if (list == 1) in.real();
                else in.raw();
            }
        }
    }

    void train_one(msgpack::Reader& in) {
        uint32_t fields = in.array();
        const std::string_view label = in.raw();
        learner_.update(in, names_, weights_);
        while (fields-- > 2) in.skip();
        learn(label, learner_.merge_duplicates());
    }

    using Features = std::vector<convert::Feature>;

    void learn(std::string_view name, const Features& features) {
        if (unlearner_) require_room(std::string(name));
        counts_.increment(name);
        const Label* right = labels_.find(name);
        if (cells_.narrow() && uses_covariance(method_) && labels_.size() <= (right ? 2 : 1) && labels_.slots() <= 2 &&
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
            const Cell* row = cells_.narrow_row(id);
            if (!row) {
                variance += 2 * x * x;
                continue;
            }
            a += row[0].weight * x;
            b += row[1].weight * x;
            variance += (covariance(row[0]) + covariance(row[1])) * x * x;
        }
        const Label* wrong = nullptr;
        for (const Label& label : labels_.ordered())
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
            if (method_ != Method::pa) labels_.slot_of(name);
            return;
        }
        double norm = 0;
        for (const auto& [id, x] : features) norm += x * x;
        if (norm == 0) {
            labels_.slot_of(name);
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
            labels_.slot_of(name);
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
        const uint32_t y = labels_.slot_of(name);
        if (z && std::max(y, *z) < Cells::kDenseSlots) {
            for (const auto& [id, x] : features) {
                Cell* row = cells_.make_dense(id, y, *z, covariance);
                apply(row[y], x, 1.0);
                apply(row[*z], x, -1.0);
            }
        } else {
            for (const auto& [id, x] : features) {
                apply(cells_.make(id, y, covariance), x, 1.0);
                if (z) apply(cells_.make(id, *z, covariance), x, -1.0);
            }
        }
        if (unlearner_) touch(std::string(name));
    }

    // The first of the highest scores in the labels' order. A NaN wins only if it comes first.
    template <class Among>
    const Label* best(Among&& among) const {
        const Label* best = nullptr;
        for (const Label& label : labels_.ordered())
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
            const Cells::Row row = cells_.row(id);
            variance += (covariance(row, right) + covariance(row, wrong)) * x * x;
        }
        return variance;
    }

    // ---- scores, by slot

    void score(const Features& features, std::vector<double>& scores) const {
        scores.assign(std::max(labels_.slots(), 2u), 0);
        const bool finite = all_finite(features);
        if (!finite || !cells_.narrow()) return score_each(features, scores, finite);
        double a = 0, b = 0;
        for (const auto& [id, x] : features) {
            const Cell* row = cells_.narrow_row(id);
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
            const Cells::Row row = cells_.row(id);
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
        if (const Label* known = labels_.find(label)) {
            cells_.erase_slot(known->slot);
            labels_.erase(label);
            registered = true;
        }
        return {registered, counts_.erase(label)};
    }

    // ---- loading

    static std::string unmixed_empty() { return std::string(1, '\x80'); }

    // [table, [{name: id}, {id: name}, next id], table of unmixed differences, [version]]
    void load_store(msgpack::Reader& in, const std::function<void(size_t)>& progress) {
        if (in.array() < 4) throw msgpack::TypeMismatch("a weight store is an array of 4");
        std::vector<std::pair<uint64_t, uint32_t>> slots;  // label id -> slot, in the order of first sight
        const auto slot_of = [&](uint64_t id) {
            for (const auto& [known, slot] : slots)
                if (known == id) return slot;
            slots.emplace_back(id, static_cast<uint32_t>(slots.size()));
            return slots.back().second;
        };
        size_t reported = in.position();
        for (uint32_t rows = in.map(); rows--;) {
            const uint32_t feature = names_.intern(in.raw());
            for (uint32_t n = in.map(); n--;) load_cell(in, feature, slot_of(in.unsigned_integer()));
            if (progress && in.position() - reported > kProgressBytes) progress(reported = in.position());
        }
        load_labels(in, slot_of);
        for (const auto& [id, slot] : slots)
            if (std::none_of(labels_.ordered().begin(), labels_.ordered().end(), [&, id = id](const Label& label) { return label.id == id; }))
                throw msgpack::TypeMismatch("weights of a label without a name");
        unmixed_ = std::string(in.skip());
        version_ = convert::unpack_version(in);
    }

    void load_cell(msgpack::Reader& in, uint32_t feature, uint32_t slot) {
        uint32_t n = in.array();
        const auto next = [&] { return n > 0 ? (--n, in.real()) : 0; };
        const double weight = next(), covariance = next();
        while (n--) in.skip();
        const Cell cell{weight, covariance};
        cells_.make(feature, slot, 0) = missing(cell) ? Cell{weight, std::nan("")} : cell;
    }

    template <class SlotOf>
    void load_labels(msgpack::Reader& in, SlotOf& slot_of) {
        if (in.array() < 3) throw msgpack::TypeMismatch("a label registry is an array of 3");
        std::vector<Label> labels;
        for (uint32_t n = in.map(); n--;) {
            const std::string name(in.raw());
            const uint64_t id = in.unsigned_integer();
            for (const Label& label : labels)
                if (label.id == id || label.name == name) throw msgpack::TypeMismatch("a label stands twice in the registry");
            labels.push_back({name, id, slot_of(id)});
        }
        in.skip();  // {id: name} says the same
        labels_.restore(std::move(labels), in.unsigned_integer());
    }

    void load_counts(msgpack::Reader& in) {
        if (in.array() < 3) throw msgpack::TypeMismatch("label counts are an array of 3");
        for (Counts* counts : {&counts_.master, &counts_.diff})
            for (uint32_t n = in.map(); n--;) {
                const std::string label(in.raw());
                counts->insert_or_assign(label, in.unsigned_integer());
            }
        counts_.version = convert::unpack_version(in);
    }

    // ---- one caller's room for analyses

    struct Room {
        explicit Room(const convert::Converter& converter) : conversion(converter) {}
        convert::Conversion conversion;
        std::vector<double> scores;
    };

    class Worker {
    public:
        explicit Worker(LinearClassifier& owner) : owner_(owner) {
            std::lock_guard lock(owner.rooms_mutex_);
            if (owner.rooms_.empty()) {
                room_ = std::make_unique<Room>(*owner.converter_);
            } else {
                room_ = std::move(owner.rooms_.back());
                owner.rooms_.pop_back();
            }
        }
        ~Worker() {
            std::lock_guard lock(owner_.rooms_mutex_);
            owner_.rooms_.push_back(std::move(room_));
        }
        Room* operator->() const { return room_.get(); }

    private:
        LinearClassifier& owner_;
        std::unique_ptr<Room> room_;
    };

    static constexpr size_t kProgressBytes = 4 << 20;

    const Method method_;
    const float c_;
    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Names names_;
    Cells cells_;
    Labels labels_;
    LabelCounts counts_;
    convert::Weights weights_;
    std::string unmixed_ = unmixed_empty();  // differences not yet mixed, from a server of a cluster: kept, not used
    uint64_t version_ = 0;
    convert::Conversion learner_;
    std::vector<double> scores_;
    std::unique_ptr<Unlearner> unlearner_;

    std::mutex rooms_mutex_;
    std::vector<std::unique_ptr<Room>> rooms_;
};

}  // namespace duma::linear
