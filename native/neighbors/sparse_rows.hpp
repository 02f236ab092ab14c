// The features of rows, as they were given: what a row's signature is made of, and what is told of the row.
//
// A feature's column is its place among all features in the order in which they first stood in a row; a row's features are
// in the order of their columns. Rows are immutable and shared with snapshots. How they are saved:
//
//   [{row: {column: value}}, [{feature: column}, {column: feature}, columns]]
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/row_keys.hpp"
#include "neighbors/saved_ids.hpp"

namespace duma::neighbors {

// Safe to read from several threads, while nobody changes it.
class SparseRows {
public:
    // `names` are those of the model, which the ids of features refer to.
    explicit SparseRows(const Names& names) : names_(names) {}

    uint32_t size() const { return keys_.size(); }
    bool contains(std::string_view key) const { return keys_.find(key) != RowKeys::kNone; }

    // The features of a row; none if there is no such row.
    FeatureVector features(std::string_view key) const {
        FeatureVector features;
        const uint32_t row = keys_.find(key);
        if (row == RowKeys::kNone) return features;
        features.reserve(rows_[row]->size());
        for (const auto& [value, column] : *rows_[row]) features.push_back(feature(features_[column], value));
        return features;
    }

    // The features that the row would have after set(): those given replace those of the same name. What stood in no row
    // before comes last, in the order given; there may be names that the model does not know.
    FeatureVector merged(std::string_view key, const FeatureVector& given) const {
        Row known;
        FeatureVector others;
        std::unordered_map<uint32_t, size_t> places;  // in others, by feature
        for (const HashedFeature& one : given) {
            const uint32_t column = column_of(one.id);
            if (column != kNone) {
                known.push_back({one.value, column});
                continue;
            }
            const auto [place, is_new] = places.emplace(one.id, others.size());
            if (is_new) others.push_back(one);
            else others[place->second].value = one.value;
        }
        FeatureVector whole;
        for (const auto& [value, column] : merge(key, std::move(known))) whole.push_back(feature(features_[column], value));
        whole.insert(whole.end(), others.begin(), others.end());
        return whole;
    }

    // Adds the features to a row's, in place of those of the same name. All names are the model's.
    void set(std::string_view key, const FeatureVector& given) {
        Row cells;
        cells.reserve(given.size());
        for (const HashedFeature& one : given) cells.push_back({one.value, make_column(one.id)});
        auto merged = std::make_shared<const Row>(merge(key, std::move(cells)));
        uint32_t row = keys_.find(key);
        if (row == RowKeys::kNone) {
            row = keys_.add(key);
            rows_.grow(row + size_t{1});
        }
        rows_.mutable_at(row) = std::move(merged);
    }

    // False if there is no such row.
    bool remove(std::string_view key) {
        const uint32_t row = keys_.find(key);
        if (row == RowKeys::kNone) return false;
        const uint32_t last = size() - 1;
        keys_.remove(row);
        if (row != last) rows_.mutable_at(row) = rows_[last];
        rows_.mutable_at(last) = nullptr;
        rows_.shrink(last);
        return true;
    }

    void clear() {
        keys_.clear();
        rows_.clear();
        columns_.clear();
        features_.clear();
    }

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) {
        const uint32_t n = size(), columns = static_cast<uint32_t>(features_.size());
        snapshot.add_packed([&](auto& out) {
            out.array(2);
            out.map(n);
        });
        add_rows(snapshot, n, [keys = keys_.share(), rows = rows_.share()](auto& out, uint32_t row) {
            out.raw(keys[row]);
            out.map(rows[row]->size());
            for (const auto& [value, column] : *rows[row]) {
                out.unsigned_integer(column);
                out.real(value);
            }
        });
        add_ids(snapshot, columns, columns, [names, features = features_.share()](uint32_t column) { return (*names)[features[column]]; },
                [](uint32_t column) { return column; });
    }

    // Fills this from a model file, whose features get a number in `names`, the model's.
    void load(msgpack::Reader& in, Names& names, const Progress& progress) {
        expect_array(in, 2, "the rows of a model");
        const size_t begin = in.position();
        msgpack::Reader rows(in.skip());
        SavedIds saved = load_ids(in);
        std::sort(saved.names.begin(), saved.names.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
        PlacesById columns(saved.names.size(), saved.next_id);
        for (const auto& [name, id] : saved.names) {
            const uint32_t number = names.intern(name);
            if (column_of(number) != kNone) throw msgpack::TypeMismatch("a feature has two ids: " + std::string(name));
            columns.add(id, make_column(number));
        }
        size_t told = 0;
        for (uint32_t n = rows.map(); n--;) {
            load_row(rows, columns);
            if (progress && rows.position() - told >= kProgressBytes) progress(begin + (told = rows.position()));
        }
    }

private:
    struct Cell {
        double value;
        uint32_t column;
    };
    using Row = std::vector<Cell>;  // by column

    static constexpr uint32_t kNone = UINT32_MAX;

    static bool before(const Cell& a, const Cell& b) { return a.column < b.column; }

    HashedFeature feature(uint32_t id, double value) const { return {id, convert::feature_hash(names_[id]), value}; }

    uint32_t column_of(uint32_t feature) const { return feature < columns_.size() ? columns_[feature] : kNone; }

    uint32_t make_column(uint32_t feature) {
        if (feature >= columns_.size()) columns_.resize(feature + size_t{1}, kNone);
        if (columns_[feature] == kNone) {
            columns_[feature] = static_cast<uint32_t>(features_.size());
            features_.grow(features_.size() + 1);
            features_.mutable_at(columns_[feature]) = feature;
        }
        return columns_[feature];
    }

    // By column; of several in the same column the last stays.
    static Row in_order(Row cells) {
        std::stable_sort(cells.begin(), cells.end(), before);
        Row unique;
        unique.reserve(cells.size());
        for (const Cell& cell : cells) {
            if (!unique.empty() && unique.back().column == cell.column) unique.back() = cell;
            else unique.push_back(cell);
        }
        return unique;
    }

    // A row's cells with these over them.
    Row merge(std::string_view key, Row over) const {
        Row unique = in_order(std::move(over));
        const uint32_t row = keys_.find(key);
        if (row == RowKeys::kNone || rows_[row]->empty()) return unique;
        Row merged;
        merged.reserve(unique.size() + rows_[row]->size());
        std::set_union(unique.begin(), unique.end(), rows_[row]->begin(), rows_[row]->end(), std::back_inserter(merged), before);
        merged.shrink_to_fit();
        return merged;
    }

    void load_row(msgpack::Reader& in, const PlacesById& columns) {
        const std::string_view key = in.raw();
        if (contains(key)) throw msgpack::TypeMismatch("a row stands twice in a model: " + std::string(key));
        Row cells;
        for (uint32_t n = in.map(); n--;) {
            const uint32_t column = columns[in.unsigned_integer()];
            cells.push_back({in.real(), column});
        }
        const uint32_t row = keys_.add(key);
        rows_.grow(row + size_t{1});
        rows_.mutable_at(row) = std::make_shared<const Row>(in_order(std::move(cells)));
    }

    const Names& names_;
    RowKeys keys_;
    CowArray<std::shared_ptr<const Row>, 256> rows_;
    std::vector<uint32_t> columns_;    // by feature; kNone for those that stood in no row
    CowArray<uint32_t> features_;      // by column
};

}  // namespace duma::neighbors
