// Rows with a key, a version and typed columns: signatures (bits) and reals. How it is saved:
//
//   [keys, count, [[[owner], clock]...], [[[type, bits], values]...], clock, {key: row}]
//
// Rows stand in the order of insertion, except that the last one takes the place of one that is removed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "common/cow_rows.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "neighbors/row_keys.hpp"
#include "neighbors/signatures.hpp"

namespace duma::neighbors {

class ColumnTable {
public:
    static constexpr uint32_t kNone = RowKeys::kNone;

    // One column of signatures of `bits` bits (0: none), then `reals` columns of doubles.
    ColumnTable(size_t bits, size_t reals) : bits_(bits), signatures_(signature_words(bits)), reals_(reals) {}

    uint32_t size() const { return keys_.size(); }
    const std::string& key(uint32_t row) const { return keys_[row]; }
    uint32_t find(std::string_view key) const { return keys_.find(key); }

    const CowRows<uint64_t>& signatures() const { return signatures_; }
    const uint64_t* signature(uint32_t row) const { return signatures_[row]; }
    double real(uint32_t row, size_t column) const { return reals_[row][column]; }
    const CowRows<double>& reals() const { return reals_; }

    // The row of a key, which is added if it is not there, with a new version. Its values are set by the caller.
    uint32_t put(std::string_view key) {
        uint32_t row = keys_.find(key);
        if (row == kNone) {
            row = keys_.add(key);
            versions_.grow(row + size_t{1});
            signatures_.add();
            reals_.add();
        }
        renew(row);
        return row;
    }

    // Gives a row a new version.
    void renew(uint32_t row) { versions_.mutable_at(row) = {kOwn, clock_++}; }

    void set_signature(uint32_t row, const Signature& signature) { std::copy(signature.begin(), signature.end(), signatures_.mutable_at(row)); }
    void set_real(uint32_t row, size_t column, double value) { reals_.mutable_at(row)[column] = value; }

    // False if there is no such row.
    bool remove(std::string_view key) {
        const uint32_t row = keys_.find(key);
        if (row == kNone) return false;
        const uint32_t last = size() - 1;
        keys_.remove(row);
        versions_.mutable_at(row) = versions_[last];
        versions_.shrink(last);
        signatures_.remove(row);
        reals_.remove(row);
        ++clock_;
        return true;
    }

    void clear() {
        keys_.clear();
        versions_.clear();
        signatures_.clear();
        reals_.clear();
        owners_.resize(1);
        clock_ = 0;
    }

    void add_to(Snapshot& snapshot) {
        const uint32_t n = size();
        const auto keys = std::make_shared<const RowKeys::List>(keys_.share());
        snapshot.add_packed([&](auto& out) {
            out.array(6);
            out.array(n);
        });
        add_rows(snapshot, n, [keys](auto& out, uint32_t row) { out.raw((*keys)[row]); });
        snapshot.add_packed([&](auto& out) {
            out.unsigned_integer(n);
            out.array(n);
        });
        add_rows(snapshot, n, [versions = versions_.share(), owners = owners_](auto& out, uint32_t row) {
            out.array(2);
            out.array(1);
            out.raw(owners[versions[row].owner]);
            out.unsigned_integer(versions[row].clock);
        });
        snapshot.add_packed([&](auto& out) { out.array((bits_ > 0) + reals_.width()); });
        if (bits_ > 0) {
            snapshot.add_packed([&](auto& out) { pack_column_head(out, kBits, bits_, n * signatures_.width()); });
            add_rows(snapshot, n, [signatures = signatures_.share()](auto& out, uint32_t row) {
                for (size_t word = 0; word < signatures.width(); ++word) out.unsigned_integer(signatures[row][word]);
            });
        }
        for (size_t column = 0; column < reals_.width(); ++column) {
            snapshot.add_packed([&](auto& out) { pack_column_head(out, kReal, 0, n); });
            add_rows(snapshot, n, [reals = reals_.share(), column](auto& out, uint32_t row) { out.real(reals[row][column]); });
        }
        snapshot.add_packed([&](auto& out) {
            out.unsigned_integer(clock_);
            out.map(n);
        });
        add_rows(snapshot, n, [keys](auto& out, uint32_t row) {
            out.raw((*keys)[row]);
            out.unsigned_integer(row);
        });
    }

    // Fills an empty table.
    void load(msgpack::Reader& in, const Progress& progress) {
        expect_array(in, 6, "a column table");
        const uint32_t n = in.array();
        for (uint32_t row = 0; row < n; ++row) {
            const std::string_view key = in.raw();
            if (keys_.find(key) != kNone) throw msgpack::TypeMismatch("a row stands twice in a column table: " + std::string(key));
            put(key);
        }
        report(in, progress);
        if (in.unsigned_integer() != n) throw msgpack::TypeMismatch("a column table's number of rows is not that of its keys");
        expect_array(in, n, "the versions of a column table");
        for (uint32_t row = 0; row < n; ++row) versions_.mutable_at(row) = load_version(in);
        report(in, progress);
        expect_array(in, static_cast<uint32_t>((bits_ > 0) + reals_.width()), "the columns of a column table");
        if (bits_ > 0) {
            load_column_head(in, kBits, bits_, n * signatures_.width());
            for (uint32_t row = 0; row < n; ++row) load_signature(in, signatures_.mutable_at(row));
            report(in, progress);
        }
        for (size_t column = 0; column < reals_.width(); ++column) {
            load_column_head(in, kReal, 0, n);
            for (uint32_t row = 0; row < n; ++row) reals_.mutable_at(row)[column] = in.real();
            report(in, progress);
        }
        clock_ = in.unsigned_integer();
        in.skip();  // {key: row} says what the keys say
    }

private:
    static constexpr uint64_t kReal = 9, kBits = 10;  // column types in saved tables
    static constexpr uint32_t kOwn = 0;

    struct Version {
        uint32_t owner;  // among owners_
        uint64_t clock;
    };

    template <class Out>
    static void pack_column_head(Out& out, uint64_t type, uint64_t bits, size_t values) {
        out.array(2);
        out.array(2);
        out.unsigned_integer(type);
        out.unsigned_integer(bits);
        out.array(values);
    }

    static void load_column_head(msgpack::Reader& in, uint64_t type, uint64_t bits, size_t values) {
        expect_array(in, 2, "a column");
        expect_array(in, 2, "a column's type");
        const uint64_t actual_type = in.unsigned_integer(), actual_bits = in.unsigned_integer();
        const auto text = [](uint64_t t, uint64_t b) { return "{ type: " + std::to_string(t) + ", bits: " + std::to_string(b) + " }"; };
        if (actual_type != type || actual_bits != bits)
            throw msgpack::TypeMismatch("column: invalid type in serialize(): expected: " + text(type, bits) + ", actual: " + text(actual_type, actual_bits));
        if (in.array() != values) throw msgpack::TypeMismatch("a column's number of values is not that of the table's rows");
    }

    void load_signature(msgpack::Reader& in, uint64_t* words) {
        for (size_t word = 0; word < signatures_.width(); ++word) words[word] = in.unsigned_integer();
        // Unused bits would count as differences.
        if (bits_ % 64 != 0) words[signatures_.width() - 1] &= (uint64_t{1} << bits_ % 64) - 1;
    }

    Version load_version(msgpack::Reader& in) {
        expect_array(in, 2, "a row's version");
        expect_array(in, 1, "an owner");
        const std::string_view name = in.raw();
        // Owners are few, and their rows mostly stand together.
        auto owner = std::find(owners_.rbegin(), owners_.rend(), name);
        if (owner == owners_.rend()) {
            owners_.emplace_back(name);
            owner = owners_.rbegin();
        }
        return {static_cast<uint32_t>(owners_.rend() - owner - 1), in.unsigned_integer()};
    }

    static void report(const msgpack::Reader& in, const Progress& progress) {
        if (progress) progress(in.position());
    }

    const size_t bits_;
    RowKeys keys_;
    CowArray<Version, 1024> versions_;
    CowRows<uint64_t> signatures_;
    CowRows<double> reals_;
    std::vector<std::string> owners_ = {""};  // who wrote rows: this server, by a name that only clusters need, and others
    uint64_t clock_ = 0;
};

}  // namespace duma::neighbors
