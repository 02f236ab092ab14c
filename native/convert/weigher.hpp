// The weight engine's model: the converter's statistics alone, and the features that datums have under them.
//
// Safe to call from several threads.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "common/lock.hpp"
#include "common/status.hpp"
#include "convert/conversion.hpp"
#include "convert/saved_weights.hpp"
#include "model/datums.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::convert {

class Weigher {
public:
    explicit Weigher(std::shared_ptr<const Converter> converter) : converter_(std::move(converter)), counting_(*converter_) {}

    // Whether a call may run code outside of the core.
    bool calls_back() const { return converter_->calls_back; }

    // Counts a datum and answers its features as they are then: [[key, value]...], one for each key, by key.
    void update(std::string_view datum, msgpack::Buffer& answer) {
        check_datum(datum);
        msgpack::Reader in(datum);
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        counting_.count(in, names_, weights_);
        write(counting_, answer);
    }

    // The features that update would answer, if it did not count the datum.
    void calc_weight(std::string_view datum, msgpack::Buffer& answer) {
        check_datum(datum);
        msgpack::Reader in(datum);
        const Rooms<Conversion>::Borrowed conversion(rooms_, *converter_);
        std::shared_lock lock(mutex_);
        conversion->convert(in, names_, weights_, Unknown::keep);
        write(*conversion, answer);
    }

    void clear() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        names_.clear();
        weights_.clear();
    }

    Status status() {
        std::shared_lock lock(mutex_);
        Status status;
        add_status(status, weights_);
        return status;
    }

    // The model as it is between two updates, [1, [weights]].
    std::unique_ptr<Snapshot> snapshot() {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        const auto names = std::make_shared<const NameList>(names_.share());
        auto snapshot = std::make_unique<Snapshot>();
        snapshot->add_packed([](auto& out) {
            pack_user_data_head(out);
            out.array(1);
        });
        add_weights(*snapshot, names, weights_);
        return snapshot;
    }

    std::unique_ptr<Weigher> empty_copy() const { return std::make_unique<Weigher>(converter_); }

    // Fills this empty model from user data. `progress` is told when it is read.
    void load(std::string_view user_data, const Progress& progress) {
        std::lock_guard update(updates_);
        std::lock_guard lock(mutex_);
        msgpack::Reader in(user_data);
        pass_user_data_head(in);
        expect_array(in, 1, "a weight engine's data");
        unpack_weights(in, weights_, names_);
        if (progress) progress(in.position());
    }

private:
    // The features of the last conversion.
    void write(Conversion& conversion, msgpack::Buffer& answer) const {
        std::vector<std::pair<std::string_view, double>> features;
        for (const auto& [id, value] : conversion.merge_duplicates()) features.emplace_back(conversion.name(id, names_), value);
        std::sort(features.begin(), features.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        msgpack::Writer out(answer);
        out.array(features.size());
        for (const auto& [key, value] : features) {
            out.array(2);
            out.raw(key);
            out.real(value);
        }
    }

    const std::shared_ptr<const Converter> converter_;

    std::mutex updates_;  // held by the one update that runs
    FairMutex mutex_;     // guards all that follows
    Names names_;
    Weights weights_;
    Conversion counting_;

    Rooms<Conversion> rooms_;
};

}  // namespace duma::convert
