// What every linear model holds: names, cells and labels, and the converter's statistics; and how it is saved:
//
//   [table, [{label: id}, {id: label}, next id], unmixed differences, [version]]
//   table = {feature: {label id: [weight, covariance, 0]}}
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/status.hpp"
#include "convert/saved_weights.hpp"
#include "convert/weights.hpp"
#include "linear/cells.hpp"
#include "linear/labels.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"

namespace duma::linear {

// The rows of the table, without its header.
class TableRows final : public SnapshotRows<TableRows> {
public:
    TableRows(std::shared_ptr<const NameList> names, Cells cells, const Labels& labels)
        : names_(std::move(names)), cells_(std::move(cells)), label_ids_(std::max(labels.slots(), Cells::kDenseSlots)) {
        for (const Label& label : labels.ordered()) label_ids_[label.slot] = label.id;
    }

    uint32_t rows() const override { return static_cast<uint32_t>(std::min<size_t>(cells_.end(), names_->size())); }

    template <class Out>
    void write_row(Out& out, uint32_t id) const {
        const Cells::Row row = cells_.row(id);
        const size_t n = row.count();
        if (n == 0) return;
        out.raw((*names_)[id]);
        out.map(n);
        row.each([&](uint32_t slot, const Cell& cell) {
            out.unsigned_integer(label_ids_[slot]);
            out.array(3);
            out.real(cell.weight);
            out.real(cell.covariance);
            out.real(0);
        });
    }

private:
    std::shared_ptr<const NameList> names_;
    Cells cells_;
    std::vector<uint64_t> label_ids_;  // by slot
};

struct Store {
    Names names;
    Cells cells;
    Labels labels;
    convert::Weights weights;
    std::string unmixed = no_rows();  // differences not yet mixed, from a server of a cluster: kept, not used
    uint64_t version = 0;

    // Versions stay: they count MIXes.
    void clear() {
        names.clear();
        cells.clear();
        labels = Labels();
        weights.clear();
        unmixed = no_rows();
    }

    Status status() const {
        return {{"num_features", std::to_string(cells.rows_in_use())},
                {"num_classes", std::to_string(labels.size())},
                {"storage", "local_storage"}};
    }

    // Adds the store without the statistics, which stand elsewhere.
    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& shared_names) {
        snapshot.add_packed([&](auto& out) {
            out.array(4);
            out.map(cells.rows_in_use());
        });
        snapshot.add(std::make_unique<TableRows>(shared_names, cells.share(), labels));
        snapshot.add_packed([&](auto& out) {
            const auto& ordered = labels.ordered();
            out.array(3);
            out.map(ordered.size());
            for (const Label& label : ordered) {
                out.raw(label.name);
                out.unsigned_integer(label.id);
            }
            out.map(ordered.size());
            for (const Label& label : ordered) {
                out.unsigned_integer(label.id);
                out.raw(label.name);
            }
            out.unsigned_integer(labels.next_id());
            out.packed(unmixed);
            out.array(1);
            out.unsigned_integer(version);
        });
    }

    // Fills an empty store.
    void load(msgpack::Reader& in, const Progress& progress) {
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
            const uint32_t feature = names.intern(in.raw());
            for (uint32_t n = in.map(); n--;) load_cell(in, feature, slot_of(in.unsigned_integer()));
            if (progress && in.position() - reported > kProgressBytes) progress(reported = in.position());
        }
        load_labels(in, slot_of);
        for (const auto& [id, slot] : slots)
            if (std::none_of(labels.ordered().begin(), labels.ordered().end(), [&, id = id](const Label& label) { return label.id == id; }))
                throw msgpack::TypeMismatch("weights of a label without a name");
        unmixed = std::string(in.skip());
        version = convert::unpack_version(in);
    }

private:
    static std::string no_rows() { return std::string(1, '\x80'); }

    void load_cell(msgpack::Reader& in, uint32_t feature, uint32_t slot) {
        uint32_t n = in.array();
        const auto next = [&] { return n > 0 ? (--n, in.real()) : 0; };
        const double weight = next(), covariance = next();
        while (n--) in.skip();
        const Cell cell{weight, covariance};
        cells.make(feature, slot, 0) = missing(cell) ? Cell{weight, std::nan("")} : cell;
    }

    template <class SlotOf>
    void load_labels(msgpack::Reader& in, SlotOf& slot_of) {
        if (in.array() < 3) throw msgpack::TypeMismatch("a label registry is an array of 3");
        std::vector<Label> read;
        for (uint32_t n = in.map(); n--;) {
            const std::string name(in.raw());
            const uint64_t id = in.unsigned_integer();
            for (const Label& label : read)
                if (label.id == id || label.name == name) throw msgpack::TypeMismatch("a label stands twice in the registry");
            read.push_back({name, id, slot_of(id)});
        }
        in.skip();  // {id: name} says the same
        labels.restore(std::move(read), in.unsigned_integer());
    }
};

}  // namespace duma::linear
