// The weights of a linear model: for each feature a row, in it for each label a cell (weight, covariance).
//
// A label has a slot. The first 16 slots of a row lie side by side; a block of rows widens (2, 4, 8, 16) when one of its
// rows needs it. Labels beyond have their cells in a list per row, since a row rarely knows all of many labels. Blocks
// are shared with snapshots and copied on the first write after one was taken.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_map>
#include <vector>

namespace duma::linear {

struct Cell {
    double weight;
    double covariance;  // or kMissing's bits: this cell does not exist
};

// A NaN that no arithmetic yields.
inline constexpr uint64_t kMissingBits = 0x7ff8'6475'6d61'0001ull;
inline bool missing(const Cell& cell) { return std::bit_cast<uint64_t>(cell.covariance) == kMissingBits; }
inline Cell missing_cell() { return {0, std::bit_cast<double>(kMissingBits)}; }

class Cells {
public:
    static constexpr uint32_t kBlockRows = 1024;
    static constexpr uint32_t kDenseSlots = 16;

    struct WideCell {
        uint32_t slot;
        Cell cell;
    };

    struct Row {
        const Cell* dense = nullptr;
        uint32_t width = 0;
        const std::vector<WideCell>* wide = nullptr;  // by slot, ascending

        Cell at(uint32_t slot) const {
            if (slot < width) return dense[slot];
            if (wide && slot >= kDenseSlots)
                for (const WideCell& w : *wide)
                    if (w.slot == slot) return w.cell;
            return missing_cell();
        }
        template <class Visit>
        void each(Visit&& visit) const {
            for (uint32_t slot = 0; slot < width; ++slot)
                if (!missing(dense[slot])) visit(slot, dense[slot]);
            if (wide)
                for (const WideCell& w : *wide) visit(w.slot, w.cell);
        }
        size_t count() const {
            size_t n = 0;
            each([&](uint32_t, const Cell&) { ++n; });
            return n;
        }
    };

    uint64_t rows_in_use() const { return rows_in_use_; }
    uint32_t end() const { return static_cast<uint32_t>(blocks_.size()) * kBlockRows; }

    // Whether every row is exactly two slots wide at most: the case that has a path of its own.
    bool narrow() const { return narrow_; }

    // A row of a narrow table: two cells, or null where there is none.
    [[gnu::always_inline]] const Cell* narrow_row(uint32_t id) const {
        const uint32_t b = id / kBlockRows;
        if (b >= blocks_.size() || blocks_[b].width == 0) return nullptr;
        return blocks_[b].cells + size_t{id % kBlockRows} * 2;
    }

    Row row(uint32_t id) const {
        const uint32_t b = id / kBlockRows;
        if (b >= blocks_.size() || blocks_[b].width == 0) return {};
        const Ref& ref = blocks_[b];
        Row row{ref.cells + size_t{id % kBlockRows} * ref.width, ref.width, nullptr};
        if (ref.has_wide) {
            const auto found = ref.block->wide.find(id % kBlockRows);
            if (found != ref.block->wide.end()) row.wide = &found->second;
        }
        return row;
    }

    // The cell for writing; one that does not exist yet is made (0, `covariance`).
    Cell& make(uint32_t id, uint32_t slot, double covariance) {
        Cell& cell = reach(id, slot);
        if (missing(cell)) {
            if (!in_use(id)) ++rows_in_use_;
            cell = {0, covariance};
        }
        return cell;
    }

    // Two slots of one row at once, where both are known to be dense: no second look-up.
    [[gnu::always_inline]] Cell* make_dense(uint32_t id, uint32_t slot_a, uint32_t slot_b, double covariance) {
        Ref& ref = writable(id / kBlockRows, std::max(slot_a, slot_b) + 1);
        Cell* row = ref.cells + size_t{id % kBlockRows} * ref.width;
        if (missing(row[slot_a])) {
            if (!in_use(id)) ++rows_in_use_;
            row[slot_a] = {0, covariance};
        }
        if (missing(row[slot_b])) row[slot_b] = {0, covariance};
        return row;
    }

    // Removes a label's cells everywhere; rows that become empty are no longer in use.
    void erase_slot(uint32_t slot) {
        for (uint32_t b = 0; b < blocks_.size(); ++b) {
            if (slot < kDenseSlots ? slot >= blocks_[b].width : !blocks_[b].has_wide) continue;
            Ref& ref = writable(b, 0);
            for (uint32_t r = 0; r < kBlockRows; ++r) {
                const uint32_t id = b * kBlockRows + r;
                if (missing(row(id).at(slot))) continue;
                if (slot < kDenseSlots) ref.cells[size_t{r} * ref.width + slot] = missing_cell();
                else erase_wide(ref, r, slot);
                if (!in_use(id)) --rows_in_use_;
            }
        }
    }

    void clear() { *this = Cells(); }

    // The same contents for a reader; a block is copied before it is written from now on.
    Cells share() {
        for (Ref& ref : blocks_) ref.shared = true;
        return *this;
    }

private:
    struct Block {
        std::unique_ptr<Cell[]> cells;
        std::unordered_map<uint32_t, std::vector<WideCell>> wide;
    };
    struct Ref {
        Cell* cells = nullptr;
        uint32_t width = 0;
        bool shared = false;
        bool has_wide = false;
        std::shared_ptr<Block> block;
    };

    [[gnu::noinline]] bool in_use(uint32_t id) const {
        const Row r = row(id);
        for (uint32_t slot = 0; slot < r.width; ++slot)
            if (!missing(r.dense[slot])) return true;
        if (!r.wide) return false;
        // One that was reached just now is in the list, but missing still.
        return std::any_of(r.wide->begin(), r.wide->end(), [](const WideCell& w) { return !missing(w.cell); });
    }

    Cell& reach(uint32_t id, uint32_t slot) {
        const uint32_t r = id % kBlockRows;
        if (slot < kDenseSlots) {
            Ref& ref = writable(id / kBlockRows, slot + 1);
            return ref.cells[size_t{r} * ref.width + slot];
        }
        Ref& ref = writable(id / kBlockRows, 1);
        narrow_ = false;
        ref.has_wide = true;
        std::vector<WideCell>& wide = ref.block->wide[r];
        const auto at = std::lower_bound(wide.begin(), wide.end(), slot, [](const WideCell& w, uint32_t s) { return w.slot < s; });
        if (at != wide.end() && at->slot == slot) return at->cell;
        return wide.insert(at, {slot, missing_cell()})->cell;
    }

    static void erase_wide(Ref& ref, uint32_t r, uint32_t slot) {
        auto& wide = ref.block->wide[r];
        std::erase_if(wide, [&](const WideCell& w) { return w.slot == slot; });
        if (wide.empty()) ref.block->wide.erase(r);
    }

    // The block, owned by nobody else and at least so wide.
    [[gnu::always_inline]] Ref& writable(uint32_t b, uint32_t width) {
        if (b < blocks_.size() && width <= blocks_[b].width && !blocks_[b].shared) [[likely]] return blocks_[b];
        return made_writable(b, width);
    }

    [[gnu::noinline]] Ref& made_writable(uint32_t b, uint32_t width) {
        if (b >= blocks_.size()) blocks_.resize(b + 1);
        Ref& ref = blocks_[b];
        if (width > ref.width) replace(ref, std::max(2u, std::bit_ceil(width)));
        else if (ref.shared) {
            if (ref.block.use_count() > 1) replace(ref, ref.width);
            ref.shared = false;
        }
        return ref;
    }

    void replace(Ref& ref, uint32_t width) {
        auto block = std::make_shared<Block>();
        block->cells = std::make_unique_for_overwrite<Cell[]>(size_t{kBlockRows} * width);
        for (uint32_t r = 0; r < kBlockRows; ++r)
            for (uint32_t slot = 0; slot < width; ++slot)
                block->cells[size_t{r} * width + slot] =
                    slot < ref.width ? ref.cells[size_t{r} * ref.width + slot] : missing_cell();
        if (ref.block) block->wide = ref.block->wide;
        ref.cells = block->cells.get();
        ref.width = width;
        ref.shared = false;
        ref.block = std::move(block);
        if (width > 2) narrow_ = false;
    }

    std::vector<Ref> blocks_;
    uint64_t rows_in_use_ = 0;
    bool narrow_ = true;
};

}  // namespace duma::linear
