// A linear classifier as it was at one moment, written piece by piece as user data (the layout of Jubatus' model files):
//
//   [1, [model, weights]]      model = [S, L], or [U, S, L] with an unlearner
//   S = [{feature: {label id: [weight, covariance, 0]}}, [{label: id}, {id: label}, next id], unmixed differences, [version]]
//   L = [{label: count} before the last MIX, {label: count} since, [version]]
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "convert/weights.hpp"
#include "linear/cells.hpp"
#include "linear/labels.hpp"
#include "msgpack/writer.hpp"
#include "names/names.hpp"

namespace duma::linear {

class Snapshot {
public:
    struct Parts {
        NameList names;
        Cells cells;
        Labels labels;
        LabelCounts counts;
        convert::Weights weights;
        std::optional<std::string> unlearner;  // packed
        std::string unmixed;                   // packed
        uint64_t version;
    };

    explicit Snapshot(Parts parts) : parts_(std::move(parts)), label_ids_(std::max(parts_.labels.slots(), Cells::kDenseSlots)) {
        for (const Label& label : parts_.labels.ordered()) label_ids_[label.slot] = label.id;
    }

    // Bytes of the whole.
    uint64_t size() const {
        msgpack::Counter counter;
        msgpack::Writer out(counter);
        for (Place place; write(out, place, UINT32_MAX);) {}
        return counter.bytes;
    }

    // The next piece, of about `target` bytes; empty at the end.
    std::string next(size_t target) {
        msgpack::Buffer buffer;
        buffer.bytes.reserve(target + target / 8);
        msgpack::Writer out(buffer);
        while (buffer.bytes.size() < target && write(out, place_, kRowsAtOnce)) {}
        return std::move(buffer.bytes);
    }

private:
    enum class Part { head, rows, middle, diff_frequencies, between, master_frequencies, tail, end };
    struct Place {
        Part part = Part::head;
        uint32_t row = 0;
    };
    static constexpr uint32_t kRowsAtOnce = 512;

    // Writes one part, of a long one at most `rows` rows; false if all is written.
    template <class Sink>
    bool write(msgpack::Writer<Sink>& out, Place& place, uint32_t rows) const {
        const auto ranged = [&](uint32_t end, auto&& write_row) {
            const uint32_t to = end - place.row > rows ? place.row + rows : end;
            for (; place.row < to; ++place.row) write_row(place.row);
            if (place.row < end) return;
            place.row = 0;
            advance(place);
        };
        const auto frequencies = [&](const convert::Frequencies& counts) {
            ranged(static_cast<uint32_t>(std::min(counts.end(), parts_.names.size())), [&](uint32_t id) {
                if (counts[id] == 0) return;
                out.raw(parts_.names[id]);
                out.real(counts[id]);
            });
        };
        switch (place.part) {
            case Part::head: write_head(out); advance(place); return true;
            case Part::rows:
                ranged(static_cast<uint32_t>(std::min<size_t>(parts_.cells.end(), parts_.names.size())),
                       [&](uint32_t id) { write_row(out, id); });
                return true;
            case Part::middle: write_middle(out); advance(place); return true;
            case Part::diff_frequencies: frequencies(parts_.weights.diff.document_frequencies); return true;
            case Part::between:
                convert::pack_record_tail(out, parts_.weights.diff);
                convert::pack_record_head(out, parts_.weights.master);
                advance(place);
                return true;
            case Part::master_frequencies: frequencies(parts_.weights.master.document_frequencies); return true;
            case Part::tail: convert::pack_record_tail(out, parts_.weights.master); advance(place); return true;
            case Part::end: break;
        }
        return false;
    }

    static void advance(Place& place) { place.part = static_cast<Part>(static_cast<int>(place.part) + 1); }

    template <class Sink>
    void write_head(msgpack::Writer<Sink>& out) const {
        out.array(2);
        out.unsigned_integer(1);
        out.array(2);
        out.array(parts_.unlearner ? 3 : 2);
        if (parts_.unlearner) out.packed(*parts_.unlearner);
        out.array(4);
        out.map(parts_.cells.rows_in_use());
    }

    template <class Sink>
    void write_row(msgpack::Writer<Sink>& out, uint32_t id) const {
        const Cells::Row row = parts_.cells.row(id);
        const size_t n = row.count();
        if (n == 0) return;
        out.raw(parts_.names[id]);
        out.map(n);
        row.each([&](uint32_t slot, const Cell& cell) {
            out.unsigned_integer(label_ids_[slot]);
            out.array(3);
            out.real(cell.weight);
            out.real(cell.covariance);
            out.real(0);
        });
    }

    template <class Sink>
    void write_middle(msgpack::Writer<Sink>& out) const {
        const auto& labels = parts_.labels.ordered();
        out.array(3);
        out.map(labels.size());
        for (const Label& label : labels) {
            out.raw(label.name);
            out.unsigned_integer(label.id);
        }
        out.map(labels.size());
        for (const Label& label : labels) {
            out.unsigned_integer(label.id);
            out.raw(label.name);
        }
        out.unsigned_integer(parts_.labels.next_id());
        out.packed(parts_.unmixed);
        write_version(out, parts_.version);

        out.array(3);
        write_counts(out, parts_.counts.master);
        write_counts(out, parts_.counts.diff);
        write_version(out, parts_.counts.version);

        out.array(3);
        write_version(out, parts_.weights.version);
        convert::pack_record_head(out, parts_.weights.diff);
    }

    template <class Sink>
    static void write_counts(msgpack::Writer<Sink>& out, const Counts& counts) {
        out.map(counts.size());
        for (const auto& [label, count] : counts) {
            out.raw(label);
            out.unsigned_integer(count);
        }
    }

    template <class Sink>
    static void write_version(msgpack::Writer<Sink>& out, uint64_t version) {
        out.array(1);
        out.unsigned_integer(version);
    }

    Parts parts_;
    std::vector<uint64_t> label_ids_;  // by slot
    Place place_;
};

}  // namespace duma::linear
