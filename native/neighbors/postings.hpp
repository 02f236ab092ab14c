// For each feature the rows that have it, with their values.
//
// A posting's cells are sorted by slot and lie side by side in chunks: setting or erasing one moves no more than a chunk, and
// a snapshot that shares the chunks costs a copy of those that change.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"

namespace duma::neighbors {

class Posting {
    template <class Cells>
    static auto lower_bound(Cells& cells, uint32_t slot) {
        return std::lower_bound(cells.begin(), cells.end(), slot, [](const auto& cell, uint32_t s) { return cell.slot < s; });
    }

public:
    struct Cell {
        double value;
        uint32_t slot;
    };

    bool empty() const { return parts_.empty(); }

    size_t size() const {
        size_t n = 0;
        for (const Part& part : parts_) n += part.cells->size();
        return n;
    }

    const Cell* find(uint32_t slot) const {
        if (parts_.empty()) return nullptr;
        const Chunk& cells = *parts_[part_of(slot)].cells;
        const auto place = lower_bound(cells, slot);
        return place != cells.end() && place->slot == slot ? &*place : nullptr;
    }

    // Sets the value of a slot; true if it had none.
    bool set(uint32_t slot, double value) {
        if (parts_.empty()) {
            parts_.push_back({slot, std::make_shared<Chunk>(1, Cell{value, slot})});
            return true;
        }
        size_t at = part_of(slot);
        if (parts_[at].cells->size() >= kChunk && !has(at, slot)) at = make_room(at, slot);
        Chunk& cells = mutable_cells(at);
        const auto place = lower_bound(cells, slot);
        if (place != cells.end() && place->slot == slot) {
            place->value = value;
            return false;
        }
        cells.insert(place, {value, slot});
        parts_[at].first = cells.front().slot;
        return true;
    }

    // False if the slot had no value.
    bool erase(uint32_t slot) {
        if (parts_.empty()) return false;
        const size_t at = part_of(slot);
        if (!has(at, slot)) return false;
        Chunk& cells = mutable_cells(at);
        cells.erase(lower_bound(cells, slot));
        if (cells.empty()) parts_.erase(parts_.begin() + static_cast<ptrdiff_t>(at));
        else parts_[at].first = cells.front().slot;
        if (at > 0 && at < parts_.size()) join_if_small(at - 1);
        return true;
    }

    // Calls visit(cell) for each cell, by slot.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const Part& part : parts_)
            for (const Cell& cell : *part.cells) visit(cell);
    }

    // Takes cells sorted by slot in place of its own.
    void assign(const std::vector<Cell>& cells) {
        parts_.clear();
        for (size_t from = 0; from < cells.size(); from += kChunk) {
            const auto begin = cells.begin() + static_cast<ptrdiff_t>(from);
            const auto n = static_cast<ptrdiff_t>(std::min(kChunk, cells.size() - from));
            parts_.push_back({begin->slot, std::make_shared<Chunk>(begin, begin + n)});
        }
    }

private:
    using Chunk = std::vector<Cell>;
    struct Part {
        uint32_t first;  // slot
        std::shared_ptr<Chunk> cells;
    };

    static constexpr size_t kChunk = 512;  // cells at most

    // The part where a slot is, if it is anywhere.
    size_t part_of(uint32_t slot) const {
        const auto behind = std::upper_bound(parts_.begin(), parts_.end(), slot, [](uint32_t s, const Part& part) { return s < part.first; });
        return behind == parts_.begin() ? 0 : static_cast<size_t>(behind - parts_.begin()) - 1;
    }

    bool has(size_t at, uint32_t slot) const {
        const Chunk& cells = *parts_[at].cells;
        const auto place = lower_bound(cells, slot);
        return place != cells.end() && place->slot == slot;
    }

    Chunk& mutable_cells(size_t at) {
        std::shared_ptr<Chunk>& cells = parts_[at].cells;
        if (cells.use_count() > 1) cells = std::make_shared<Chunk>(*cells);
        return *cells;
    }

    // Makes room for a slot in a full part, or beside it; returns where. What is added in order leaves full parts behind.
    size_t make_room(size_t at, uint32_t slot) {
        const auto next = parts_.begin() + static_cast<ptrdiff_t>(at) + 1;
        if (next == parts_.end() && slot > parts_[at].cells->back().slot) {
            parts_.push_back({slot, std::make_shared<Chunk>()});
            return at + 1;
        }
        Chunk& cells = mutable_cells(at);
        const auto middle = cells.begin() + static_cast<ptrdiff_t>(cells.size() / 2);
        auto upper = std::make_shared<Chunk>(middle, cells.end());
        cells.erase(middle, cells.end());
        const uint32_t first = upper->front().slot;
        parts_.insert(next, {first, std::move(upper)});
        return slot < first ? at : at + 1;
    }

    void join_if_small(size_t at) {
        if (at + 1 >= parts_.size() || parts_[at].cells->size() + parts_[at + 1].cells->size() > kChunk / 2) return;
        Chunk& cells = mutable_cells(at);
        cells.insert(cells.end(), parts_[at + 1].cells->begin(), parts_[at + 1].cells->end());
        parts_.erase(parts_.begin() + static_cast<ptrdiff_t>(at) + 1);
    }

    std::vector<Part> parts_;  // by slot
};

// Postings by feature.
class Postings {
public:
    // Features beyond have none.
    uint32_t features() const { return static_cast<uint32_t>(postings_.size()); }
    uint32_t filled() const { return filled_; }  // features that have one

    const Posting* find(uint32_t feature) const { return feature < postings_.size() ? &postings_[feature] : nullptr; }

    const Posting::Cell* find(uint32_t feature, uint32_t slot) const {
        const Posting* posting = find(feature);
        return posting ? posting->find(slot) : nullptr;
    }

    // True if the slot had no value.
    bool set(uint32_t feature, uint32_t slot, double value) {
        postings_.grow(feature + size_t{1});
        Posting& posting = postings_.mutable_at(feature);
        filled_ += posting.empty();
        return posting.set(slot, value);
    }

    // False if the slot had no value.
    bool erase(uint32_t feature, uint32_t slot) {
        if (!find(feature, slot)) return false;
        Posting& posting = postings_.mutable_at(feature);
        posting.erase(slot);
        filled_ -= posting.empty();
        return true;
    }

    void assign(uint32_t feature, const std::vector<Posting::Cell>& cells) {
        if (cells.empty()) return;
        postings_.grow(feature + size_t{1});
        filled_ += postings_[feature].empty();
        postings_.mutable_at(feature).assign(cells);
    }

    void clear() {
        postings_.clear();
        filled_ = 0;
    }

    Postings share() {
        Postings shared;
        shared.postings_ = postings_.share();
        shared.filled_ = filled_;
        return shared;
    }

private:
    CowArray<Posting, 64> postings_;
    uint32_t filled_ = 0;
};

}  // namespace duma::neighbors
