// The converter's statistics in status answers and in model files:
//
//   [[version], diff, master]      each [documents, [frequencies], [groups], [lengths], user weights]
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/status.hpp"
#include "convert/weights.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"

namespace duma::convert {

inline void add_status(Status& status, const Weights& weights) {
    status.emplace_back("weight_manager_version", std::to_string(weights.version));
    for (const auto& [prefix, record] : {std::pair{"diff_", &weights.diff}, std::pair{"master_", &weights.master}}) {
        const auto add = [&, prefix = std::string(prefix)](const char* key, uint64_t n) { status.emplace_back(prefix + key, std::to_string(n)); };
        add("document_count", record->document_count);
        add("num_document_frequencies", record->document_frequencies.distinct());
        add("num_group_frequencies", record->group_frequencies.size());
        add("num_group_total_lengths", record->group_total_lengths.size());
        add("num_weights", record->user_weights.size());
    }
}

template <class Out>
void pack_counts(Out& out, const TextCounts& counts) {
    out.map(counts.size());
    for (const auto& [key, count] : counts) {
        out.raw(key);
        out.real(count);
    }
}

template <class Out>
void pack_record_head(Out& out, const KeywordWeights& record) {
    out.array(5);
    out.unsigned_integer(record.document_count);
    out.array(1);
    out.map(record.document_frequencies.distinct());
}

template <class Out>
void pack_record_tail(Out& out, const KeywordWeights& record) {
    out.array(1);
    pack_counts(out, record.group_frequencies);
    out.array(1);
    pack_counts(out, record.group_total_lengths);
    pack_counts(out, record.user_weights);
}

// The map of a record's frequencies, without its header: it may be long.
class FrequencyRows final : public SnapshotRows<FrequencyRows> {
public:
    FrequencyRows(std::shared_ptr<const NameList> names, Frequencies counts) : names_(std::move(names)), counts_(std::move(counts)) {}
    uint32_t rows() const override { return static_cast<uint32_t>(std::min(counts_.end(), names_->size())); }

    template <class Out>
    void write_row(Out& out, uint32_t id) const {
        if (counts_[id] == 0) return;
        out.raw((*names_)[id]);
        out.real(counts_[id]);
    }

private:
    std::shared_ptr<const NameList> names_;
    Frequencies counts_;
};

// Adds the whole to a snapshot; `names` are the model's.
inline void add_weights(Snapshot& snapshot, const std::shared_ptr<const NameList>& names, Weights& weights) {
    snapshot.add_packed([&](auto& out) {
        out.array(3);
        out.array(1);
        out.unsigned_integer(weights.version);
        pack_record_head(out, weights.diff);
    });
    snapshot.add(std::make_unique<FrequencyRows>(names, weights.diff.document_frequencies.share()));
    snapshot.add_packed([&](auto& out) {
        pack_record_tail(out, weights.diff);
        pack_record_head(out, weights.master);
    });
    snapshot.add(std::make_unique<FrequencyRows>(names, weights.master.document_frequencies.share()));
    snapshot.add_packed([&](auto& out) { pack_record_tail(out, weights.master); });
}

inline TextCounts unpack_counts(msgpack::Reader& in) {
    TextCounts counts;
    for (uint32_t n = in.map(); n--;) {
        const std::string_view key = in.raw();
        counts.insert_or_assign(std::string(key), in.real());
    }
    return counts;
}

// Missing fields stay empty and further ones are passed over, as the original read its structures.
inline void unpack_record(msgpack::Reader& in, KeywordWeights& record, Names& names) {
    const auto boxed = [&](auto&& read) {
        uint32_t n = in.array();
        if (n > 0) { read(); --n; }
        while (n--) in.skip();
    };
    uint32_t n = in.array();
    const auto field = [&](auto&& read) {
        if (n == 0) return;
        read();
        --n;
    };
    record.clear();
    field([&] { record.document_count = in.unsigned_integer(); });
    field([&] {
        boxed([&] {
            for (uint32_t k = in.map(); k--;) {
                const uint32_t id = names.intern(in.raw());
                const double count = in.real();
                record.document_frequencies.add(id, count - record.document_frequencies[id]);
            }
        });
    });
    field([&] { boxed([&] { record.group_frequencies = unpack_counts(in); }); });
    field([&] { boxed([&] { record.group_total_lengths = unpack_counts(in); }); });
    field([&] { record.user_weights = unpack_counts(in); });
    while (n--) in.skip();
}

inline uint64_t unpack_version(msgpack::Reader& in) {
    uint32_t n = in.array();
    uint64_t version = 0;
    if (n > 0) { version = in.unsigned_integer(); --n; }
    while (n--) in.skip();
    return version;
}

inline void unpack_weights(msgpack::Reader& in, Weights& weights, Names& names) {
    uint32_t n = in.array();
    weights = Weights();
    if (n > 0) { weights.version = unpack_version(in); --n; }
    if (n > 0) { unpack_record(in, weights.diff, names); --n; }
    if (n > 0) { unpack_record(in, weights.master, names); --n; }
    while (n--) in.skip();
}

}  // namespace duma::convert
