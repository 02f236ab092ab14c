// Search by Euclidean distance among rows that fall into the same cells of random lattices as the query, or into cells
// beside: Datar, Immorlica, Indyk, Mirrokni, "Locality-Sensitive Hashing Scheme Based on p-Stable Distributions", SCG 2004,
// probing as in multi_probe.hpp. Distances are estimated from signatures. How it is saved:
//
//   [master, diff, master buckets, diff buckets, shifts, tables, [{row: id}, {id: row}, next id]]
//
// with {row: [[bucket...], signature, norm]} and {bucket: [id...]}. The master is what the last MIX brought, the diff what was
// learned since. A row in the diff hides that in the master; one without buckets there says that the row was removed. Without a
// cluster all is in the diff.
//
// A row that is removed stays in its buckets, as in Jubatus: there it counts towards what a search has found, though it is not
// among the answers. Only so many such places are kept; those of the smallest id go first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <random>
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
#include "neighbors/buckets.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/hamming.hpp"
#include "neighbors/multi_probe.hpp"
#include "neighbors/row_ids.hpp"
#include "neighbors/saved_signature.hpp"
#include "neighbors/scored_row.hpp"
#include "neighbors/signatures.hpp"
#include "neighbors/top_k.hpp"

namespace duma::neighbors {

struct EuclidLshSettings {
    size_t hash_num;    // coordinates of a lattice
    size_t table_num;   // lattices
    float bin_width;    // of their cells
    uint32_t probe_num; // cells to look into beside the query's own
    uint32_t seed;      // of where the lattices begin

    size_t projections() const { return hash_num * table_num; }
};

// Safe to search from several threads, while nobody changes it.
class EuclidLshIndex {
public:
    // A row, or what is searched for.
    struct Entry {
        std::vector<uint64_t> buckets;  // one per table; none: removed
        Signature signature;
        double norm = 0;
    };

    static constexpr size_t kStale = 64 * 1024;  // places of removed rows in buckets

    explicit EuclidLshIndex(const EuclidLshSettings& settings) : settings_(settings) {
        std::mt19937 draw(settings.seed);
        for (size_t i = 0; i < settings.projections(); ++i) {
            const uint64_t a = draw() >> 5, b = draw() >> 6;
            shifts_.push_back(static_cast<float>((static_cast<double>(a) * 67108864.0 + static_cast<double>(b)) / 9007199254740992.0));
        }
    }

    const EuclidLshSettings& settings() const { return settings_; }
    size_t size() const { return size_; }

    // Makes a row of features' `projections` and their norm.
    Entry entry(const std::vector<float>& projections, double norm) const {
        const MultiProbe lattices(shifted(projections), settings_.table_num);
        Entry made{{}, signature_of(projections), norm};
        for (uint32_t table = 0; table < lattices.tables(); ++table) made.buckets.push_back(lattices.own(table));
        return made;
    }

    void set(std::string_view key, Entry entry) {
        const uint32_t slot = ids_.make(key);
        rows_.grow(ids_.slots());
        Row& row = rows_.mutable_at(slot);
        const Entry* previous = row.diff ? row.diff.get() : row.master.get();
        if (previous)
            for (const uint64_t bucket : previous->buckets) diff_buckets_.leave(bucket, slot);
        for (const uint64_t bucket : entry.buckets) diff_buckets_.enter(bucket, slot);
        std::vector<uint64_t> gone = previous ? previous->buckets : std::vector<uint64_t>();
        gone.insert(gone.end(), entry.buckets.begin(), entry.buckets.end());
        forget_stale(slot, gone);
        replace(slot, std::make_shared<const Entry>(std::move(entry)));
        ids_.wake(slot);
    }

    void remove(std::string_view key) {
        const uint32_t slot = ids_.find(key);
        if (slot == RowIds::kNone) return;
        if (const std::shared_ptr<const Entry> own = rows_[slot].diff) add_stale(slot, own->buckets);
        const bool mixed = rows_[slot].master != nullptr;
        replace(slot, mixed ? std::make_shared<const Entry>() : nullptr);
        if (idle(slot)) ids_.rest(slot);
        make_room();
    }

    // The up to `k` rows with the smallest estimated distance among those found, and the negative of it; of equal ones the row
    // with the smaller id. The query has these `projections` and this norm.
    std::vector<ScoredRow> search(const std::vector<float>& projections, double norm, size_t k) const {
        if (k == 0) return {};
        MultiProbe lattices(shifted(projections), settings_.table_num);
        const Rooms<Candidates>::Borrowed found(rooms_);
        found->begin(ids_.slots());
        for (uint32_t table = 0; table < lattices.tables() && found->size() < k; ++table) collect(lattices.own(table), *found);
        for (uint32_t probe = 0; probe < settings_.probe_num && found->size() < k && !lattices.at_end(); ++probe) collect(lattices.next(), *found);
        return rank(*found, signature_of(projections), norm, k);
    }

    // The same for a stored row, without looking into other cells than its own; none for an unknown one.
    std::vector<ScoredRow> search_stored(std::string_view key, size_t k) const {
        const uint32_t slot = ids_.find(key);
        const Entry* query = slot == RowIds::kNone ? nullptr : live(rows_[slot]);
        if (!query || k == 0) return {};
        const Rooms<Candidates>::Borrowed found(rooms_);
        found->begin(ids_.slots());
        for (size_t table = 0; table < query->buckets.size() && found->size() < k; ++table) collect(query->buckets[table], *found);
        return rank(*found, query->signature, query->norm, k);
    }

    // Calls visit(key) for each row, in the order of their keys' first use.
    template <class Visit>
    void each_key(Visit&& visit) const {
        for (uint32_t row = 0; row < ids_.size(); ++row)
            if (live(rows_[ids_.slot(row)])) visit(ids_.key(ids_.slot(row)));
    }

    void clear() {
        ids_.clear();
        rows_.clear();
        diff_buckets_.clear();
        master_buckets_ = std::make_shared<const Buckets>();
        with_stale_.clear();
        stale_ = 0;
        size_ = diff_rows_ = master_rows_ = 0;
    }

    void add_to(Snapshot& snapshot) {
        const auto ids = ids_.share();
        const Rows rows = rows_.share();
        snapshot.add_packed([&](auto& out) { out.array(7); });
        add_entries(snapshot, master_rows_, &Row::master, ids, rows);
        add_entries(snapshot, diff_rows_, &Row::diff, ids, rows);
        snapshot.add(std::make_unique<SavedBuckets>([ids, buckets = master_buckets_] {
            SavedBuckets::Places places;
            buckets->each([&](uint64_t bucket, uint32_t slot) { places.emplace_back(bucket, ids->id(slot)); });
            return places;
        }));
        snapshot.add(std::make_unique<SavedBuckets>([ids, rows] {
            SavedBuckets::Places places;
            for (uint32_t row = 0; row < ids->size(); ++row) {
                const uint32_t slot = ids->slot(row);
                const auto add = [&](const std::vector<uint64_t>& buckets) {
                    for (const uint64_t bucket : buckets) places.emplace_back(bucket, ids->id(slot));
                };
                if (rows[slot].diff) add(rows[slot].diff->buckets);
                if (rows[slot].stale) add(*rows[slot].stale);
            }
            return places;
        }));
        snapshot.add_packed([&](auto& out) {
            out.array(shifts_.size());
            for (const float shift : shifts_) out.single(shift);
            out.unsigned_integer(settings_.table_num);
        });
        ids_.add_to(snapshot, ids);
    }

    // Fills an empty index.
    void load(msgpack::Reader& in, const Progress& progress) {
        expect_array(in, 7, "an index of lattices");
        msgpack::Reader master(in.skip()), diff(in.skip()), master_buckets(in.skip()), diff_buckets(in.skip());
        load_shifts(in);
        const SavedIds saved = load_ids(in);
        const std::unordered_set<uint64_t> used = used_ids(saved, master, diff, master_buckets);
        const PlacesById slots = ids_.load(saved, [&](uint64_t id) { return used.contains(id); });
        rows_.grow(ids_.slots());
        load_entries(master, &Row::master, master_rows_);
        load_entries(diff, &Row::diff, diff_rows_);
        for (uint32_t slot = 0; slot < ids_.slots(); ++slot) size_ += live(rows_[slot]) != nullptr;

        auto mixed = std::make_shared<Buckets>();
        mixed->load(master_buckets, slots);
        mixed->each([&](uint64_t, uint32_t slot) { rows_.mutable_at(slot).in_master = true; });
        master_buckets_ = std::move(mixed);
        diff_buckets_.load(diff_buckets, slots);
        std::map<uint32_t, std::vector<uint64_t>> stale;
        diff_buckets_.each([&](uint64_t bucket, uint32_t slot) {
            if (!stands_in(rows_[slot].diff, bucket)) stale[slot].push_back(bucket);
        });
        for (const auto& [slot, buckets] : stale) add_stale(slot, buckets);
        for (uint32_t slot = 0; slot < ids_.slots(); ++slot) {
            if (rows_[slot].diff)
                for (const uint64_t bucket : rows_[slot].diff->buckets) diff_buckets_.enter(bucket, slot);
            if (idle(slot)) ids_.rest(slot);
        }
        make_room();
        if (progress) progress(in.position());
    }

private:
    struct Row {
        std::shared_ptr<const Entry> diff, master;
        std::shared_ptr<const std::vector<uint64_t>> stale;  // diff buckets where it stands though its entry is not there
        bool in_master = false;                              // whether it stands in buckets of the master
    };
    using Rows = CowArray<Row, 256>;

    struct Found {
        double distance;
        uint64_t id;
        uint32_t slot;
    };
    struct Nearer {
        bool operator()(const Found& a, const Found& b) const { return a.distance < b.distance || (a.distance == b.distance && a.id < b.id); }
    };

    // The slots that a search has come to, each once.
    class Candidates {
    public:
        void begin(size_t slots) {
            seen_.resize(std::max(seen_.size(), slots));
            for (const uint32_t slot : slots_) seen_[slot] = 0;
            slots_.clear();
        }
        void add(uint32_t slot) {
            if (seen_[slot]) return;
            slots_.push_back(slot);
            seen_[slot] = 1;
        }
        size_t size() const { return slots_.size(); }
        const std::vector<uint32_t>& slots() const { return slots_; }

    private:
        std::vector<uint8_t> seen_;
        std::vector<uint32_t> slots_;
    };

    static const Entry* live(const Row& row) {
        if (row.diff) return row.diff->buckets.empty() ? nullptr : row.diff.get();
        return row.master && !row.master->buckets.empty() ? row.master.get() : nullptr;
    }

    static bool stands_in(const std::shared_ptr<const Entry>& entry, uint64_t bucket) {
        return entry && std::find(entry->buckets.begin(), entry->buckets.end(), bucket) != entry->buckets.end();
    }

    // ---- searching

    Signature signature_of(std::vector<float> projections) const {
        for (float& x : projections) x /= settings_.bin_width;
        return cosine_signature(projections);
    }

    std::vector<float> shifted(std::vector<float> projections) const {
        for (size_t i = 0; i < projections.size(); ++i) projections[i] = projections[i] / settings_.bin_width + shifts_[i];
        return projections;
    }

    void collect(uint64_t bucket, Candidates& found) const {
        for (const Buckets* buckets : {&diff_buckets_, master_buckets_.get()})
            if (const std::vector<uint32_t>* slots = buckets->find(bucket))
                for (const uint32_t slot : *slots) found.add(slot);
    }

    std::vector<ScoredRow> rank(const Candidates& found, const Signature& signature, double norm, size_t k) const {
        TopK<Found, Nearer> best(std::min(k, found.size()));
        for (const uint32_t slot : found.slots())
            if (const Entry* entry = live(rows_[slot])) best.offer({distance(*entry, signature, norm), ids_.id(slot), slot});
        std::vector<ScoredRow> rows;
        for (const Found& one : best.sorted()) rows.push_back({ids_.key(one.slot), -one.distance});
        return rows;
    }

    double distance(const Entry& row, const Signature& signature, double norm) const {
        const size_t bits = settings_.projections();
        const size_t different = hamming_distance(signature.data(), row.signature.data(), signature_words(bits));
        if (different == 0) return std::abs(norm - row.norm);
        const double alike = static_cast<double>(bits - different) / static_cast<double>(bits);
        const double angle = (1 - alike) * std::numbers::pi;
        const double estimate = std::sqrt(norm * norm + row.norm * row.norm - 2 * (row.norm * norm * std::cos(angle)));
        return std::isnan(estimate) ? std::numeric_limits<double>::infinity() : estimate;
    }

    // ---- changing

    void replace(uint32_t slot, std::shared_ptr<const Entry> diff) {
        Row& row = rows_.mutable_at(slot);
        size_ -= live(row) != nullptr;
        diff_rows_ -= row.diff != nullptr;
        row.diff = std::move(diff);
        diff_rows_ += row.diff != nullptr;
        size_ += live(row) != nullptr;
    }

    void set_stale(uint32_t slot, std::vector<uint64_t> buckets) {
        Row& row = rows_.mutable_at(slot);
        if (row.stale) stale_ -= row.stale->size();
        stale_ += buckets.size();
        if (buckets.empty()) with_stale_.erase(ids_.id(slot));
        else with_stale_[ids_.id(slot)] = slot;
        row.stale = buckets.empty() ? nullptr : std::make_shared<const std::vector<uint64_t>>(std::move(buckets));
    }

    void add_stale(uint32_t slot, const std::vector<uint64_t>& more) {
        std::vector<uint64_t> buckets = rows_[slot].stale ? *rows_[slot].stale : std::vector<uint64_t>();
        buckets.insert(buckets.end(), more.begin(), more.end());
        std::sort(buckets.begin(), buckets.end());
        buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
        set_stale(slot, std::move(buckets));
    }

    // These buckets are no longer stale: the row left them, or came into them again.
    void forget_stale(uint32_t slot, const std::vector<uint64_t>& gone) {
        if (!rows_[slot].stale) return;
        std::vector<uint64_t> buckets = *rows_[slot].stale;
        std::erase_if(buckets, [&](uint64_t bucket) { return std::find(gone.begin(), gone.end(), bucket) != gone.end(); });
        set_stale(slot, std::move(buckets));
    }

    void drop_stale(uint32_t slot) {
        if (!rows_[slot].stale) return;
        for (const uint64_t bucket : *rows_[slot].stale) diff_buckets_.leave(bucket, slot);
        set_stale(slot, {});
    }

    bool idle(uint32_t slot) const { return !rows_[slot].diff && !rows_[slot].master && !rows_[slot].in_master; }

    void make_room() {
        while (stale_ > kStale) drop_stale(with_stale_.begin()->second);
        for (uint32_t slot; (slot = ids_.overdue()) != RowIds::kNone;) {
            drop_stale(slot);
            ids_.forget(slot);
        }
    }

    // ---- saving and loading

    void add_entries(Snapshot& snapshot, uint32_t n, std::shared_ptr<const Entry> Row::* kind, const std::shared_ptr<const RowIds::Shared>& ids, const Rows& rows) const {
        snapshot.add_packed([&](auto& out) { out.map(n); });
        if (n == 0) return;
        add_rows(snapshot, ids->size(), [ids, rows, kind, bits = settings_.projections()](auto& out, uint32_t row) {
            const uint32_t slot = ids->slot(row);
            const Entry* entry = (rows[slot].*kind).get();
            if (!entry) return;
            out.raw(ids->key(slot));
            out.array(3);
            out.array(entry->buckets.size());
            for (const uint64_t bucket : entry->buckets) out.unsigned_integer(bucket);
            if (entry->buckets.empty()) pack_no_signature(out);
            else pack_signature(out, bits, entry->signature.data());
            out.real(entry->norm);
        });
    }

    void load_shifts(msgpack::Reader& in) {
        if (in.array() != shifts_.size()) throw msgpack::TypeMismatch("an index of lattices has as many shifts as projections");
        for (float& shift : shifts_) shift = static_cast<float>(in.real());
        if (in.unsigned_integer() != settings_.table_num) throw msgpack::TypeMismatch("an index of lattices has another number of tables than the configuration");
    }

    void load_entries(msgpack::Reader& in, std::shared_ptr<const Entry> Row::* kind, uint32_t& n) {
        for (uint32_t left = in.map(); left--;) {
            const std::string_view key = in.raw();
            const uint32_t slot = ids_.find(key);
            if (slot == RowIds::kNone) throw msgpack::TypeMismatch("a row without an id: " + std::string(key));
            if (rows_[slot].*kind) throw msgpack::TypeMismatch("a row stands twice in an index: " + std::string(key));
            rows_.mutable_at(slot).*kind = std::make_shared<const Entry>(load_entry(in));
            ++n;
        }
    }

    Entry load_entry(msgpack::Reader& in) const {
        Entry entry{{}, Signature(signature_words(settings_.projections())), 0};
        expect_array(in, 3, "a row of an index of lattices");
        for (uint32_t n = in.array(); n--;) entry.buckets.push_back(in.unsigned_integer());
        const bool removed = entry.buckets.empty();
        if (!removed && entry.buckets.size() != settings_.table_num) throw msgpack::TypeMismatch("a row has not one bucket for each table");
        if (!load_signature(in, settings_.projections(), entry.signature.data()) && !removed)
            throw msgpack::TypeMismatch("a row of an index of lattices has no signature");
        entry.norm = in.real();
        return entry;
    }

    // The rows that have an entry or stand in buckets of the master, if there are so many that others may be forgotten.
    static std::unordered_set<uint64_t> used_ids(const SavedIds& saved, msgpack::Reader master, msgpack::Reader diff, msgpack::Reader buckets) {
        std::unordered_set<uint64_t> used;
        if (saved.names.size() <= RowIds::kResting) return used;
        std::unordered_set<std::string_view> names;
        for (msgpack::Reader* rows : {&master, &diff})
            for (uint32_t n = rows->map(); n--;) {
                names.insert(rows->raw());
                rows->skip();
            }
        for (const auto& [name, id] : saved.names)
            if (names.contains(name)) used.insert(id);
        for (uint32_t n = buckets.map(); n--;) {
            buckets.unsigned_integer();
            for (uint32_t k = buckets.array(); k--;) used.insert(buckets.unsigned_integer());
        }
        return used;
    }

    const EuclidLshSettings settings_;
    std::vector<float> shifts_;
    RowIds ids_;
    Rows rows_;  // by slot
    Buckets diff_buckets_;
    std::shared_ptr<const Buckets> master_buckets_ = std::make_shared<const Buckets>();
    std::map<uint64_t, uint32_t> with_stale_;  // slots by id
    size_t stale_ = 0;
    uint32_t size_ = 0, diff_rows_ = 0, master_rows_ = 0;

    mutable Rooms<Candidates> rooms_;
};

}  // namespace duma::neighbors
