// Exact search by cosine or Euclidean distance: for each feature the rows that have it.
//
// A search adds up the products of the query's values with those of each row, feature by feature, and so touches only rows
// that share a feature with the query. How it is saved:
//
//   [master, diff, master norms, diff norms, [{row: id}, {id: row}, next id]]
//
// with {feature: {id: value}} and {id: squared norm}. The master is what the last MIX brought, the diff what was learned
// since; a value in the diff stands for the master's, a norm is the sum of both. Without a cluster all is in the diff.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "model/loading.hpp"
#include "model/rooms.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/postings.hpp"
#include "neighbors/product_sums.hpp"
#include "neighbors/row_ids.hpp"
#include "neighbors/scored_row.hpp"
#include "neighbors/top_k.hpp"

namespace duma::neighbors {

// Safe to search from several threads, while nobody changes it.
class InvertedIndex {
public:
    uint32_t size() const { return listed_; }  // rows with a norm
    size_t cells() const { return cells_; }
    bool contains(std::string_view key) const { return ids_.find(key) != RowIds::kNone; }  // a row that is there or rests

    // Sets features of a row, one after the other; others stay. All ids are the model's.
    void set(std::string_view key, const FeatureVector& features) {
        if (features.empty()) return;
        const uint32_t slot = ids_.make(key);
        fit(slot);
        for (const auto& [id, hash, value] : features) set(id, slot, value);
        settle(slot);
    }

    // Takes a row away. `features` are those that it is known to have; with others it takes longer.
    void remove(std::string_view key, const FeatureVector& features) {
        const uint32_t slot = ids_.find(key);
        if (slot == RowIds::kNone) return;
        for (const HashedFeature& feature : features) erase(feature.id, slot);
        for (uint32_t id = 0; counts_[slot].live > 0 && id < std::max(diff_.features(), master_.features()); ++id) erase(id, slot);
        const double mixed = norms_[slot].master;
        set_norm(slot, mixed == 0 ? 0 : -mixed);
        settle(slot);
    }

    // The `k` rows with the greatest cosine, greatest first; of equal ones the row with the greater id. Rows without a
    // feature of the query are not among them.
    std::vector<ScoredRow> by_cosine(const FeatureVector& query, size_t k) const {
        const double squared = squared_norm(query);
        if (squared == 0) return {};
        const Rooms<ProductSums>::Borrowed room(rooms_);
        const ProductSums::Cleaning cleaning{*room};
        add_products<false>(query, *room);
        const double length = std::sqrt(squared);
        Best best(std::min<size_t>(k, ids_.size()));
        Bound bound;
        room->each_touched(ids_.slots(), [&](uint32_t slot) {
            const double dot = room->dots[slot];
            if (dot == 0 || sums_[slot] == 0 || dot < bound.value * lengths_[slot]) return;
            const double cosine = sums_[slot] == squared && sums_[slot] == dot ? 1.0 : dot / lengths_[slot] / length;
            if (std::isnan(cosine)) return;
            best.offer({cosine, ids_.id(slot), slot});
            if (best.full() && !best.empty()) bound.set_below(best.worst().score * length);
        });
        std::vector<ScoredRow> rows = named(best.sorted());
        for (ScoredRow& row : rows) row.score = std::clamp(row.score, -1.0, 1.0);
        return rows;
    }

    // The `k` rows with the greatest score, which is the negative distance, greatest first; of equal ones the row with the
    // greater id. If `ignore_orthogonal`, rows without a feature of the query are not among them.
    std::vector<ScoredRow> by_distance(const FeatureVector& query, size_t k, bool ignore_orthogonal) const {
        const double squared = squared_norm(query);
        const Rooms<ProductSums>::Borrowed room(rooms_);
        const ProductSums::Cleaning cleaning{*room};
        Best best(std::min<size_t>(k, ids_.size()));
        double farthest = std::numeric_limits<double>::infinity();
        const auto offer = [&](uint32_t slot) {
            if (sums_[slot] == 0) return;
            const double distance = squared + sums_[slot] - 2 * room->dots[slot];
            if (distance > farthest) return;
            best.offer({-std::sqrt(std::max(0.0, distance)), ids_.id(slot), slot});
            // A little more than the square of the worst distance, whose root was rounded.
            if (best.full() && !best.empty()) farthest = best.worst().score * best.worst().score * (1 + kMargin);
        };
        if (ignore_orthogonal) {
            add_products<true>(query, *room);
            room->each_touched(ids_.slots(), [&](uint32_t slot) {
                if (room->touched[slot]) offer(slot);
            });
        } else {
            add_products<false>(query, *room);
            for (uint32_t slot = 0; slot < ids_.slots(); ++slot) offer(slot);
        }
        return named(best.sorted());
    }

    // Calls visit(key) for each row that has a norm: those with one in the master first, each in the order of their keys'
    // first use.
    template <class Visit>
    void each_key(Visit&& visit) const {
        if (master_norms_ > 0)
            for (uint32_t row = 0; row < ids_.size(); ++row)
                if (norms_[ids_.slot(row)].master != 0) visit(ids_.key(ids_.slot(row)));
        for (uint32_t row = 0; row < ids_.size(); ++row) {
            const Norm& norm = norms_[ids_.slot(row)];
            if (norm.master == 0 && norm.diff > 0) visit(ids_.key(ids_.slot(row)));
        }
    }

    void clear() {
        ids_.clear();
        diff_.clear();
        master_.clear();
        norms_.clear();
        sums_.clear();
        lengths_.clear();
        counts_.clear();
        listed_ = diff_norms_ = master_norms_ = 0;
        cells_ = 0;
    }

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) {
        const auto ids = ids_.share();
        snapshot.add_packed([&](auto& out) { out.array(5); });
        add_postings(snapshot, master_, names, ids);
        add_postings(snapshot, diff_, names, ids);
        add_norms(snapshot, master_norms_, &Norm::master, ids);
        add_norms(snapshot, diff_norms_, &Norm::diff, ids);
        ids_.add_to(snapshot, ids);
    }

    // Fills this empty index from a model file, whose features get a number in `names`, the model's.
    void load(msgpack::Reader& in, Names& names, const Progress& progress) {
        expect_array(in, 5, "an inverted index");
        const size_t begin = in.position();
        msgpack::Reader body(std::string_view(in.skip()));
        const size_t diff_begin = in.position();
        msgpack::Reader diff(in.skip()), master_norms(in.skip()), diff_norms(in.skip());
        const SavedIds saved = load_ids(in);
        const std::unordered_set<uint64_t> used = used_ids(saved, body, diff, master_norms, diff_norms);
        const PlacesById slots = ids_.load(saved, [&](uint64_t id) { return used.contains(id); });
        if (ids_.size() > 0) fit(ids_.size() - 1);
        load_postings(body, master_, names, slots, progress, begin);
        load_postings(diff, diff_, names, slots, progress, diff_begin);
        load_norms(master_norms, &Norm::master, slots);
        load_norms(diff_norms, &Norm::diff, slots);
        count_cells();
        for (uint32_t slot = 0; slot < ids_.slots(); ++slot) settle_loaded(slot);
        forget_overdue();
    }

private:
    struct Norm {
        double diff, master;  // squared; 0: none
    };
    struct Count {
        uint32_t live;  // features of which the row has a value
        uint32_t held;  // cells in the postings
    };

    struct Found {
        double score;
        uint64_t id;
        uint32_t slot;
    };
    struct Better {
        bool operator()(const Found& a, const Found& b) const { return a.score > b.score || (a.score == b.score && a.id > b.id); }
    };
    using Best = TopK<Found, Better>;

    static constexpr double kMargin = 1e-12;  // for what is compared before it is rounded

    // What a dot product must reach, relative to the row's length, to be worth a division.
    struct Bound {
        double value = -std::numeric_limits<double>::infinity();
        void set_below(double worst) { value = worst - std::abs(worst) * kMargin; }
    };

    template <bool Mark>
    void add_products(const FeatureVector& query, ProductSums& room) const {
        room.fit(ids_.slots());
        for (const auto& [id, hash, value] : query) {
            const Posting* diff = diff_.find(id);
            const Posting* master = master_.find(id);
            const auto add = [&room, value = value](const Posting::Cell& cell) {
                room.dots[cell.slot] += value * cell.value;
                room.blocks[cell.slot / ProductSums::kBlock] = 1;
                if constexpr (Mark) room.touched[cell.slot] = 1;
            };
            if (diff) diff->each(add);
            if (master)
                master->each([&](const Posting::Cell& cell) {
                    if (!diff || !diff->find(cell.slot)) add(cell);
                });
        }
    }

    std::vector<ScoredRow> named(const std::vector<Found>& found) const {
        std::vector<ScoredRow> rows;
        rows.reserve(found.size());
        for (const Found& one : found) rows.push_back({ids_.key(one.slot), one.score});
        return rows;
    }

    // ---- changing

    void fit(uint32_t slot) {
        if (slot < sums_.size()) return;
        norms_.grow(slot + size_t{1});
        sums_.resize(slot + size_t{1});
        lengths_.resize(slot + size_t{1});
        counts_.resize(slot + size_t{1});
    }

    void set(uint32_t feature, uint32_t slot, double value) {
        const Posting::Cell* own = diff_.find(feature, slot);
        const Posting::Cell* mixed = master_.find(feature, slot);
        const double old = own ? own->value : mixed ? mixed->value : 0;
        set_norm(slot, norms_[slot].diff - old * old + value * value);
        put(feature, slot, value, own, mixed);
    }

    // Without a change of the norm.
    void erase(uint32_t feature, uint32_t slot) {
        const Posting::Cell* own = diff_.find(feature, slot);
        const Posting::Cell* mixed = master_.find(feature, slot);
        if (own || mixed) put(feature, slot, 0, own, mixed);
    }

    // A 0 has a cell only where it hides one of the master.
    void put(uint32_t feature, uint32_t slot, double value, const Posting::Cell* own, const Posting::Cell* mixed) {
        Count& count = counts_[slot];
        count.live -= own ? own->value != 0 : mixed != nullptr;
        count.live += value != 0;
        if (value != 0 || mixed) {
            const bool added = diff_.set(feature, slot, value);
            count.held += added;
            cells_ += added;
        } else if (own) {
            diff_.erase(feature, slot);
            --count.held;
            --cells_;
        }
    }

    bool listed(uint32_t slot) const { return norms_[slot].master != 0 || norms_[slot].diff > 0; }

    void set_norm(uint32_t slot, double diff) {
        Norm& norm = norms_.mutable_at(slot);
        listed_ -= listed(slot);
        diff_norms_ += (diff != 0) - (norm.diff != 0);
        norm.diff = diff;
        listed_ += listed(slot);
        sums_[slot] = norm.diff + norm.master;
        lengths_[slot] = std::sqrt(sums_[slot]);
    }

    // Lets a row that has nothing left rest.
    void settle(uint32_t slot) {
        if (!idle(slot)) return ids_.wake(slot);
        ids_.rest(slot);
        forget_overdue();
    }

    void settle_loaded(uint32_t slot) {
        if (idle(slot)) ids_.rest(slot);
    }

    void forget_overdue() {
        for (uint32_t slot; (slot = ids_.overdue()) != RowIds::kNone;) ids_.forget(slot);
    }

    bool idle(uint32_t slot) const { return counts_[slot].held == 0 && norms_[slot].diff == 0 && norms_[slot].master == 0; }

    // ---- saving and loading

    static void add_postings(Snapshot& snapshot, Postings& postings, const std::shared_ptr<const NameList>& names, const std::shared_ptr<const RowIds::Shared>& ids) {
        snapshot.add_packed([&](auto& out) { out.map(postings.filled()); });
        add_rows(snapshot, postings.features(), [names, ids, shared = postings.share()](auto& out, uint32_t feature) {
            const Posting& posting = *shared.find(feature);
            if (posting.empty()) return;
            out.raw((*names)[feature]);
            out.map(posting.size());
            posting.each([&](const Posting::Cell& cell) {
                out.unsigned_integer(ids->id(cell.slot));
                out.real(cell.value);
            });
        });
    }

    void add_norms(Snapshot& snapshot, uint32_t n, double Norm::* kind, const std::shared_ptr<const RowIds::Shared>& ids) {
        snapshot.add_packed([&](auto& out) { out.map(n); });
        if (n == 0) return;
        add_rows(snapshot, ids->size(), [ids, kind, norms = norms_.share()](auto& out, uint32_t row) {
            const uint32_t slot = ids->slot(row);
            if (norms[slot].*kind == 0) return;
            out.unsigned_integer(ids->id(slot));
            out.real(norms[slot].*kind);
        });
    }

    // The rows that have a cell or a norm, if there may be others than may rest. A row that rests has no norm.
    static std::unordered_set<uint64_t> used_ids(const SavedIds& saved, msgpack::Reader master, msgpack::Reader diff, msgpack::Reader master_norms,
                                                 msgpack::Reader diff_norms) {
        std::unordered_set<uint64_t> used;
        const auto add_ids = [&](msgpack::Reader& in, uint32_t n) {
            while (n--) {
                used.insert(in.unsigned_integer());
                in.real();
            }
        };
        const uint32_t mixed = master_norms.map(), own = diff_norms.map();
        if (saved.names.size() <= RowIds::kResting) return used;
        add_ids(master_norms, mixed);
        add_ids(diff_norms, own);
        if (saved.names.size() <= RowIds::kResting + used.size()) {
            for (const auto& [name, id] : saved.names) used.insert(id);
            return used;
        }
        for (msgpack::Reader* postings : {&master, &diff})
            for (uint32_t n = postings->map(); n--;) {
                postings->raw();
                add_ids(*postings, postings->map());
            }
        return used;
    }

    static void load_postings(msgpack::Reader& in, Postings& postings, Names& names, const PlacesById& slots, const Progress& progress, size_t begin) {
        size_t told = 0;
        std::vector<Posting::Cell> cells;
        for (uint32_t n = in.map(); n--;) {
            const std::string_view name = in.raw();
            const uint32_t feature = names.intern(name);
            const Posting* known = postings.find(feature);
            if (known && !known->empty()) throw msgpack::TypeMismatch("a feature stands twice in an index: " + std::string(name));
            cells.clear();
            for (uint32_t k = in.map(); k--;) {
                const uint32_t slot = slots[in.unsigned_integer()];
                cells.push_back({in.real(), slot});
            }
            const auto before = [](const Posting::Cell& a, const Posting::Cell& b) { return a.slot < b.slot; };
            if (!std::is_sorted(cells.begin(), cells.end(), before)) std::sort(cells.begin(), cells.end(), before);
            for (size_t i = 1; i < cells.size(); ++i)
                if (cells[i - 1].slot == cells[i].slot) throw msgpack::TypeMismatch("a row stands twice with a feature: " + std::string(name));
            postings.assign(feature, cells);
            if (progress && in.position() - told >= kProgressBytes) progress(begin + (told = in.position()));
        }
    }

    void load_norms(msgpack::Reader& in, double Norm::* kind, const PlacesById& slots) {
        for (uint32_t n = in.map(); n--;) {
            const uint32_t slot = slots[in.unsigned_integer()];
            norms_.mutable_at(slot).*kind = in.real();
        }
    }

    // Counts what was loaded; zeros that hide nothing go.
    void count_cells() {
        for (uint32_t feature = 0; feature < diff_.features(); ++feature) {
            std::vector<uint32_t> zeros;
            diff_.find(feature)->each([&](const Posting::Cell& cell) {
                if (cell.value == 0 && !master_.find(feature, cell.slot)) return zeros.push_back(cell.slot);
                counts_[cell.slot].live += cell.value != 0;
                ++counts_[cell.slot].held;
                ++cells_;
            });
            for (const uint32_t slot : zeros) diff_.erase(feature, slot);
        }
        for (uint32_t feature = 0; feature < master_.features(); ++feature)
            master_.find(feature)->each([&](const Posting::Cell& cell) {
                counts_[cell.slot].live += !diff_.find(feature, cell.slot);
                ++counts_[cell.slot].held;
                ++cells_;
            });
        for (uint32_t slot = 0; slot < ids_.slots(); ++slot) {
            const Norm& norm = norms_[slot];
            diff_norms_ += norm.diff != 0;
            master_norms_ += norm.master != 0;
            listed_ += listed(slot);
            sums_[slot] = norm.diff + norm.master;
            lengths_[slot] = std::sqrt(sums_[slot]);
        }
    }

    RowIds ids_;
    Postings diff_, master_;
    CowArray<Norm, 1024> norms_;    // by slot, as are the following
    std::vector<double> sums_;      // squared norms
    std::vector<double> lengths_;   // their roots
    std::vector<Count> counts_;
    uint32_t listed_ = 0, diff_norms_ = 0, master_norms_ = 0;
    size_t cells_ = 0;

    mutable Rooms<ProductSums> rooms_;
};

}  // namespace duma::neighbors
