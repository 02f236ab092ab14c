// The linear regressions: one weight per feature, learned from one pair of target and datum after another.
//
// Safe to call from several threads, like the classifiers. A feature that stands twice in a datum counts twice: the second
// time its cell is read again.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "convert/conversion.hpp"
#include "linear/regression_methods.hpp"
#include "linear/store.hpp"
#include "model/datums.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/slices.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::linear {

class LinearRegression {
public:
    LinearRegression(const RegressionSettings& settings, std::shared_ptr<const convert::Converter> converter)
        : settings_(settings), converter_(std::move(converter)), learner_(*converter_) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back; }

    // Learns from [[target, datum]...]; returns how many. All of it is checked before the first is learned; a datum that
    // cannot be converted ends the call with what came before it learned.
    uint64_t train(std::string_view data) {
        check_examples(data, "a scored datum is [score, datum]", [](msgpack::Reader& in) { in.real(); });
        std::lock_guard update(updates_);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        in_slices<std::lock_guard<FairMutex>>(mutex_, in, n, [&] { train_one(in); });
        return n;
    }

    // Answers [estimate...] for [datum...].
    void estimate(std::string_view data, msgpack::Buffer& answer) {
        check_datums(data);
        const Rooms<convert::Conversion>::Borrowed conversion(rooms_, *converter_);
        msgpack::Writer out(answer);
        msgpack::Reader in(data);
        const uint32_t n = in.array();
        out.array(n);
        in_slices<std::shared_lock<FairMutex>>(mutex_, in, n, [&] {
            out.real(predict(conversion->convert(in, store_.names, store_.weights, convert::Unknown::skip)));
        });
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        store_.clear();
        targets_ = {};
    }

    Status status() {
        std::shared_lock lock(mutex_);
        return store_.status();
    }

    // The model as it is between two updates, [1, [[S], weights]] with the store S.
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(store_.names.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
            out.array(2);
            out.array(1);
        });
        store_.add_to(*snapshot, names);
        convert::add_weights(*snapshot, names, store_.weights);
        return snapshot;
    }

    // What the passive-aggressive methods know of the targets, which model files do not hold; empty for the others.
    std::string hidden_state() {
        std::shared_lock lock(mutex_);
        return is_passive_aggressive(settings_.method) ? targets_.pack() : std::string();
    }
    void set_hidden_state(const std::string& state) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        if (is_passive_aggressive(settings_.method)) targets_ = TargetStatistics::unpack(state);
    }

    std::unique_ptr<LinearRegression> empty_copy() const { return std::make_unique<LinearRegression>(settings_, converter_); }

    // Fills this empty regression from user data.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 2, "a regression's data");
        expect_array(in, 1, "a linear model");
        store_.load(in, progress);
        convert::unpack_weights(in, store_.weights, store_.names);
    }

private:
    using Features = std::vector<convert::Feature>;

    static constexpr std::string_view kLabel = "+";  // whose weights they are, in model files

    void train_one(msgpack::Reader& in) {
        uint32_t fields = in.array();
        const double target = in.real();
        learn(target, learner_.update(in, store_.names, store_.weights));
        while (fields-- > 2) in.skip();
    }

    void learn(double target, const Features& features) {
        const double error = target - predict(features);
        if (settings_.method == Method::perceptron) return add(features, error * settings_.learning_rate);
        const double sign = error > 0 ? 1 : -1, distance = sign * error;
        if (is_passive_aggressive(settings_.method)) {
            targets_.add(target);
            return learn_passive_aggressive(features, sign, distance - settings_.sensitivity * targets_.deviation());
        }
        const double loss = distance - settings_.sensitivity;
        if (!(loss > 0)) return;
        const double variance = total_variance(features);
        const float c = settings_.regularization_weight;
        switch (settings_.method) {
            case Method::cw: return apply(features, confidence_weighted_step(distance, variance, c), sign);
            case Method::arow: return apply(features, arow_step(loss, variance, c), sign);
            default: return apply(features, normal_herd_step(loss, variance, c), sign);
        }
    }

    void learn_passive_aggressive(const Features& features, double sign, double loss) {
        if (!(loss > 0)) return;
        double norm = 0;
        for (const auto& [id, x] : features) norm += x * x;
        const double factor = passive_aggressive_factor(settings_.method, sign, loss, norm, settings_.regularization_weight);
        if (!std::isinf(factor)) add(features, factor);
    }

    void add(const Features& features, double factor) {
        const uint32_t slot = store_.labels.slot_of(kLabel);
        for (const auto& [id, x] : features) store_.cells.make(id, slot, 0).weight += x * factor;
    }

    template <class Step>
    void apply(const Features& features, const Step& step, double sign) {
        if (features.empty()) return;  // the label comes with its first cell
        const uint32_t slot = store_.labels.slot_of(kLabel);
        for (const auto& [id, x] : features) step(store_.cells.make(id, slot, 1), x, sign);
    }

    double predict(const Features& features) const {
        double sum = 0;
        each_cell(features, [&](const Cell& cell, double x) {
            if (!missing(cell)) sum += cell.weight * x;
        });
        return sum;
    }

    double total_variance(const Features& features) const {
        double variance = 0;
        each_cell(features, [&](const Cell& cell, double x) { variance += (missing(cell) ? 1.0 : cell.covariance) * x * x; });
        return variance;
    }

    template <class Visit>
    void each_cell(const Features& features, Visit&& visit) const {
        const Label* label = store_.labels.find(kLabel);
        const uint32_t slot = label ? label->slot : UINT32_MAX;
        if (store_.cells.narrow() && slot < 2) {
            for (const auto& [id, x] : features) {
                const Cell* row = store_.cells.narrow_row(id);
                visit(row ? row[slot] : missing_cell(), x);
            }
        } else {
            for (const auto& [id, x] : features) visit(store_.cells.row(id).at(slot), x);
        }
    }

    const RegressionSettings settings_;
    const std::shared_ptr<const convert::Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Store store_;
    TargetStatistics targets_;
    convert::Conversion learner_;

    Rooms<convert::Conversion> rooms_;
};

}  // namespace duma::linear
