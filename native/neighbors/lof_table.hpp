// The densities of points by their ids, as lof saves them: [master, diff], each {id: [k-distance, reachability]}.
//
// `master` is what the servers of a cluster agreed on at the last MIX, `diff` what came since then and hides it; without a
// cluster all is in `diff`. A k-distance below 0 marks a point that was removed, for the next MIX to tell the others. Where
// there is never a MIX such marks would pile up: only the last kMostRemoved are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "common/cow_rows.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "neighbors/outlier_factor.hpp"
#include "neighbors/row_keys.hpp"

namespace duma::neighbors {

class LofTable {
public:
    static constexpr size_t kMostRemoved = 16 * 1024;

    size_t in_master() const { return in_master_; }
    size_t in_diff() const { return in_diff_; }  // marks included

    bool contains(std::string_view id) const { return keys_.find(id) != RowKeys::kNone; }

    std::optional<Density> find(std::string_view id) const {
        const uint32_t row = keys_.find(id);
        if (row == RowKeys::kNone) return std::nullopt;
        return Density{values_[row][0], values_[row][1]};
    }

    void set(std::string_view id, const Density& density) { put(id, kDiff, density); }

    // Marks a point as removed, which need not be there.
    void remove(std::string_view id) {
        if (marks_by_id_.contains(std::string(id))) return;
        Mark mark{std::string(id), 0, kDiff};
        if (const uint32_t row = keys_.find(id); row != RowKeys::kNone) {
            mark.reachability = values_[row][1];
            mark.where |= where_[row];
            take_out(row);
        }
        add_mark(std::move(mark));
    }

    void clear() {
        keys_.clear();
        values_.clear();
        where_.clear();
        marks_.clear();
        marks_by_id_.clear();
        in_master_ = in_diff_ = 0;
    }

    // Adds the two maps to a snapshot.
    void add_to(Snapshot& snapshot) {
        const auto keys = std::make_shared<const RowKeys::List>(keys_.share());
        const auto marks = std::make_shared<const std::vector<Mark>>(marks_.begin(), marks_.end());
        for (const Where map : {kMaster, kDiff}) {
            snapshot.add_packed([&](auto& out) { out.map(map == kMaster ? in_master_ : in_diff_); });
            add_rows(snapshot, keys_.size(), [map, keys, values = values_.share(), where = where_.share()](auto& out, uint32_t row) {
                if (where[row] & map) write(out, (*keys)[row], values[row][0], values[row][1]);
            });
            add_rows(snapshot, static_cast<uint32_t>(marks->size()), [map, marks](auto& out, uint32_t i) {
                const Mark& mark = (*marks)[i];
                if (mark.where & map) write(out, mark.id, kRemoved, mark.reachability);
            });
        }
    }

    // Fills an empty table.
    void load(msgpack::Reader& in, const Progress& progress) {
        for (const Where map : {kMaster, kDiff})
            for (uint32_t n = in.map(); n--;) {
                const std::string_view id = in.raw();
                expect_array(in, 2, "a point's densities");
                const double k_distance = in.real();
                const double reachability = in.real();
                load_one(id, map, {k_distance, reachability});
                if (progress && n % kRowsPerReport == 0) progress(in.position());
            }
    }

private:
    using Where = uint8_t;
    static constexpr Where kMaster = 1, kDiff = 2;
    static constexpr double kRemoved = -1;
    static constexpr uint32_t kRowsPerReport = 64 * 1024;

    struct Mark {
        std::string id;
        double reachability;  // the last one
        Where where;
    };

    template <class Out>
    static void write(Out& out, std::string_view id, double k_distance, double reachability) {
        out.raw(id);
        out.array(2);
        out.real(k_distance);
        out.real(reachability);
    }

    void count(Where where, int by) {
        if (where & kMaster) in_master_ += static_cast<size_t>(by);
        if (where & kDiff) in_diff_ += static_cast<size_t>(by);
    }

    void put(std::string_view id, Where where, const Density& density) {
        uint32_t row = keys_.find(id);
        if (row == RowKeys::kNone) {
            row = keys_.add(id);
            values_.add();
            where_.grow(row + size_t{1});
            where_.mutable_at(row) = 0;
            if (const auto mark = marks_by_id_.find(std::string(id)); mark != marks_by_id_.end()) {
                count(mark->second->where, -1);
                set_where(row, mark->second->where);
                marks_.erase(mark->second);
                marks_by_id_.erase(mark);
            }
        }
        set_where(row, where | where_[row]);
        double* values = values_.mutable_at(row);
        values[0] = density.k_distance;
        values[1] = density.reachability;
    }

    void set_where(uint32_t row, Where where) {
        if (where_[row] == where) return;
        count(where_[row], -1);
        where_.mutable_at(row) = where;
        count(where, 1);
    }

    void take_out(uint32_t row) {
        set_where(row, 0);
        const uint32_t last = keys_.size() - 1;
        keys_.remove(row);
        values_.remove(row);
        where_.mutable_at(row) = where_[last];
        where_.shrink(last);
    }

    void add_mark(Mark mark) {
        count(mark.where, 1);
        marks_.push_back(std::move(mark));
        marks_by_id_[marks_.back().id] = std::prev(marks_.end());
        if (marks_.size() <= kMostRemoved) return;
        count(marks_.front().where, -1);
        marks_by_id_.erase(marks_.front().id);
        marks_.pop_front();
    }

    // Comes first from the master, then from the diff, which wins.
    void load_one(std::string_view id, Where map, const Density& density) {
        if (!(density.k_distance < 0)) return put(id, map, density);
        Mark mark{std::string(id), density.reachability, map};
        if (const auto old = marks_by_id_.find(mark.id); old != marks_by_id_.end()) {
            mark.where |= old->second->where;
            count(old->second->where, -1);
            marks_.erase(old->second);
            marks_by_id_.erase(old);
        }
        if (const uint32_t row = keys_.find(id); row != RowKeys::kNone) {
            mark.where |= where_[row];
            take_out(row);
        }
        add_mark(std::move(mark));
    }

    RowKeys keys_;
    CowRows<double> values_{2};  // k-distance and reachability
    CowArray<Where, 1024> where_;
    std::list<Mark> marks_;  // those that were removed first in front
    std::unordered_map<std::string, std::list<Mark>::iterator> marks_by_id_;
    size_t in_master_ = 0, in_diff_ = 0;
};

}  // namespace duma::neighbors
