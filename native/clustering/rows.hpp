// Points as rows of a sparse matrix, whose columns are their features in the order of the names.
//
// Jubatus adds up over features in that order. So do the rows, since a sum in another order has other last digits, and
// these decide between equal distances.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "clustering/points.hpp"
#include "names/names.hpp"

namespace duma::clustering {

struct Row {
    const uint32_t* columns;  // rising
    const double* values;
    size_t size;
    double squares;   // sum of all squares, that of `outside` included
    double outside;   // sum of the squares of features that have no column
};

class RowTable {
public:
    size_t size() const { return starts_.size() - 1; }
    size_t cells() const { return columns_.size(); }

    Row operator[](size_t i) const {
        return {columns_.data() + starts_[i], values_.data() + starts_[i], starts_[i + 1] - starts_[i], squares_[i], outside_[i]};
    }

    void add(uint32_t column, double value) {
        columns_.push_back(column);
        values_.push_back(value);
    }
    void end_row(double outside = 0) {
        double squares = 0;
        for (size_t i = starts_.back(); i < values_.size(); ++i) squares += values_[i] * values_[i];
        starts_.push_back(columns_.size());
        squares_.push_back(squares + outside);
        outside_.push_back(outside);
    }
    void add_row(const Row& row) {
        columns_.insert(columns_.end(), row.columns, row.columns + row.size);
        values_.insert(values_.end(), row.values, row.values + row.size);
        starts_.push_back(columns_.size());
        squares_.push_back(row.squares);
        outside_.push_back(row.outside);
    }

private:
    std::vector<size_t> starts_{0};
    std::vector<uint32_t> columns_;
    std::vector<double> values_, squares_, outside_;
};

// A matrix of points: every feature that one of them has is a column.
struct PointMatrix {
    Names columns;  // by number, and the numbers are in the order of the names
    RowTable rows;
    std::vector<double> weights;

    PointMatrix(const Points& points, const NameList& names) {
        std::vector<uint32_t> column_of(names.size(), Names::kNone), used;
        for (const Point& point : points)
            for (const Feature& feature : point.record->features)
                if (column_of[feature.id] == Names::kNone) {
                    column_of[feature.id] = 0;
                    used.push_back(feature.id);
                }
        std::sort(used.begin(), used.end(), [&](uint32_t a, uint32_t b) { return names[a] < names[b]; });
        for (const uint32_t id : used) column_of[id] = columns.intern(names[id]);
        for (const Point& point : points) {
            for (const auto& [id, value] : point.record->features) rows.add(column_of[id], value);
            rows.end_row();
            weights.push_back(point.weight);
        }
    }
};

enum class Distance { euclidean, cosine };

inline double euclidean_distance(const Row& a, const Row& b) {
    double sum = 0;
    size_t i = 0, j = 0;
    while (i < a.size && j < b.size) {
        double difference;
        if (a.columns[i] == b.columns[j]) difference = a.values[i++] - b.values[j++];
        else if (a.columns[i] < b.columns[j]) difference = a.values[i++];
        else difference = b.values[j++];
        sum += difference * difference;
    }
    for (; i < a.size; ++i) sum += a.values[i] * a.values[i];
    for (; j < b.size; ++j) sum += b.values[j] * b.values[j];
    return std::sqrt(sum + a.outside + b.outside);
}

inline double dot(const Row& a, const Row& b) {
    double sum = 0;
    for (size_t i = 0, j = 0; i < a.size && j < b.size;) {
        if (a.columns[i] == b.columns[j]) sum += a.values[i++] * b.values[j++];
        else if (a.columns[i] < b.columns[j]) ++i;
        else ++j;
    }
    return sum;
}

// 1 minus the cosine of the angle; 1 if a row is all zeros, also to itself.
inline double cosine_distance(double dot, double norm_a, double norm_b) {
    return norm_a == 0 || norm_b == 0 ? 1 : 1 - std::clamp(dot / norm_a / norm_b, -1.0, 1.0);
}

inline double distance(Distance kind, const Row& a, const Row& b) {
    if (kind == Distance::euclidean) return euclidean_distance(a, b);
    return cosine_distance(dot(a, b), std::sqrt(a.squares), std::sqrt(b.squares));
}

}  // namespace duma::clustering
