// Rows of signatures, searched by comparing the query's with every row's. How it is saved:
//
//   [master, diff]      each {row: signature}
//
// The master is what the last MIX brought, the diff what was learned since. A row in the diff hides that in the master; one
// without a signature there says that the row was removed. Without a cluster all is in the diff.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/cow_array.hpp"
#include "common/cow_rows.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "neighbors/hamming.hpp"
#include "neighbors/row_keys.hpp"
#include "neighbors/saved_signature.hpp"
#include "neighbors/scored_row.hpp"
#include "neighbors/signatures.hpp"
#include "neighbors/top_k.hpp"

namespace duma::neighbors {

// Safe to search from several threads, while nobody changes it.
class BitTable {
public:
    // Signatures have `bits` bits.
    explicit BitTable(size_t bits) : bits_(bits), diff_(bits), master_(bits) {}

    size_t bits() const { return bits_; }
    size_t size() const { return diff_.keys.size() + (master_.keys.size() - hidden_rows_); }
    size_t words() const { return size() * signature_words(bits_); }

    // A row's signature; null if there is no such row.
    const uint64_t* find(std::string_view key) const {
        if (const uint32_t row = diff_.keys.find(key); row != RowKeys::kNone) return diff_.words[row];
        const uint32_t row = master_.keys.find(key);
        return row == RowKeys::kNone || hidden_[row] ? nullptr : master_.words[row];
    }

    void set(std::string_view key, const Signature& signature) {
        std::copy(signature.begin(), signature.end(), diff_.put(key));
        hide(key);
        if (!removed_.empty()) removed_.erase(std::string(key));
    }

    void remove(std::string_view key) {
        diff_.remove(key);
        if (hide(key)) removed_.emplace(key);
    }

    // The `k` rows that share most bits with the query, and the share; of equal ones those with the greater key.
    std::vector<ScoredRow> search(const uint64_t* query, size_t k) const {
        Best best(std::min(k, size()));
        scan(diff_, query, best, [](uint32_t) { return false; });
        scan(master_, query, best, [this](uint32_t row) { return hidden_[row] != 0; });
        std::vector<ScoredRow> rows;
        for (const Found& found : best.sorted())
            rows.push_back({*found.key, static_cast<double>(bits_ - found.distance) / static_cast<double>(bits_)});
        return rows;
    }

    // Calls visit(key) for each row.
    template <class Visit>
    void each_key(Visit&& visit) const {
        for (uint32_t row = 0; row < diff_.keys.size(); ++row) visit(diff_.keys[row]);
        for (uint32_t row = 0; row < master_.keys.size(); ++row)
            if (!hidden_[row]) visit(master_.keys[row]);
    }

    void clear() {
        diff_.clear();
        master_.clear();
        hidden_.clear();
        hidden_rows_ = 0;
        removed_.clear();
    }

    void add_to(Snapshot& snapshot) {
        snapshot.add_packed([&](auto& out) {
            out.array(2);
            out.map(master_.keys.size());
        });
        add_signatures(snapshot, master_);
        snapshot.add_packed([&](auto& out) {
            out.map(diff_.keys.size() + removed_.size());
            for (const std::string& key : removed_) {
                out.raw(key);
                pack_no_signature(out);
            }
        });
        add_signatures(snapshot, diff_);
    }

    // Fills an empty table.
    void load(msgpack::Reader& in, const Progress& progress) {
        expect_array(in, 2, "a table of signatures");
        load_signatures(in, master_, progress, [](std::string_view key) {
            throw msgpack::TypeMismatch("a row of the master has no signature: " + std::string(key));
        });
        hidden_.assign(master_.keys.size(), 0);
        load_signatures(in, diff_, progress, [this](std::string_view key) {
            if (hide(key)) removed_.emplace(key);
        });
        for (uint32_t row = 0; row < diff_.keys.size(); ++row) hide(diff_.keys[row]);
    }

private:
    struct Rows {
        explicit Rows(size_t bits) : words(signature_words(bits)) {}
        RowKeys keys;
        CowRows<uint64_t> words;

        // The words of a row, which is added if it is not there.
        uint64_t* put(std::string_view key) {
            uint32_t row = keys.find(key);
            if (row == RowKeys::kNone) {
                row = keys.add(key);
                words.add();
            }
            return words.mutable_at(row);
        }
        void remove(std::string_view key) {
            const uint32_t row = keys.find(key);
            if (row == RowKeys::kNone) return;
            keys.remove(row);
            words.remove(row);
        }
        void clear() {
            keys.clear();
            words.clear();
        }
    };

    struct Found {
        uint32_t distance;
        const std::string* key;
    };
    struct Nearer {
        bool operator()(const Found& a, const Found& b) const { return a.distance < b.distance || (a.distance == b.distance && *a.key > *b.key); }
    };
    using Best = TopK<Found, Nearer>;

    static constexpr size_t kRun = 512;  // rows that are compared at once

    template <class Skip>
    static void scan(const Rows& rows, const uint64_t* query, Best& best, Skip&& skip) {
        uint32_t distances[kRun];
        const size_t width = rows.words.width();
        rows.words.each_run(0, rows.keys.size(), [&](const uint64_t* words, size_t first, size_t n) {
            for (size_t done = 0; done < n; done += kRun) {
                const size_t run = std::min(kRun, n - done);
                hamming_distances(query, words + done * width, run, width, distances);
                for (size_t i = 0; i < run; ++i) {
                    if (best.full() && (best.empty() || distances[i] > best.worst().distance)) continue;
                    const auto row = static_cast<uint32_t>(first + done + i);
                    if (!skip(row)) best.offer({distances[i], &rows.keys[row]});
                }
            }
        });
    }

    // Hides a row of the master; true if there is one.
    bool hide(std::string_view key) {
        const uint32_t row = master_.keys.find(key);
        if (row == RowKeys::kNone) return false;
        hidden_rows_ += !hidden_[row];
        hidden_[row] = 1;
        return true;
    }

    void add_signatures(Snapshot& snapshot, Rows& rows) const {
        add_rows(snapshot, rows.keys.size(), [bits = bits_, keys = rows.keys.share(), words = rows.words.share()](auto& out, uint32_t row) {
            out.raw(keys[row]);
            pack_signature(out, bits, words[row]);
        });
    }

    template <class None>
    void load_signatures(msgpack::Reader& in, Rows& rows, const Progress& progress, None&& none) {
        Signature signature(signature_words(bits_));
        size_t told = in.position();
        for (uint32_t n = in.map(); n--;) {
            const std::string_view key = in.raw();
            if (rows.keys.find(key) != RowKeys::kNone) throw msgpack::TypeMismatch("a row stands twice in a table: " + std::string(key));
            if (load_signature(in, bits_, signature.data())) std::copy(signature.begin(), signature.end(), rows.put(key));
            else none(key);
            if (progress && in.position() - told >= kProgressBytes) progress(told = in.position());
        }
    }

    const size_t bits_;
    Rows diff_, master_;
    std::vector<uint8_t> hidden_;  // by row of the master
    size_t hidden_rows_ = 0;
    std::set<std::string> removed_;  // rows of the master
};

}  // namespace duma::neighbors
