// Which points lie within a distance of a point.
//
// Points are kept by the nearest of a few of them, the pivots, and in the order of their distances from it. By the triangle
// inequality the points near another one differ from it by no more than their distance in how far they are from a pivot, so
// most cells need no look, and the others only in part (as in M. Brin, "Near neighbor search in large metric spaces", VLDB
// 1995). Cosine distances are compared on the unit sphere, where the squared length of a chord is twice the distance.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "clustering/rows.hpp"

namespace duma::clustering {

class Neighborhoods {
public:
    // `rows`, of which there is one at least, must live as long as this, and their columns be below `columns`.
    Neighborhoods(const RowTable& rows, size_t columns, Distance kind, double radius)
        : rows_(rows), kind_(kind), radius_(radius), columns_(columns) {
        double largest = 0;
        for (size_t i = 0; i < rows.size(); ++i) {
            largest = std::max(largest, rows[i].squares);
            full_ = full_ && rows[i].size == columns;
        }
        const bool euclidean = kind == Distance::euclidean;
        reach_ = (euclidean ? radius : std::sqrt(2 * radius)) + kRounding * (euclidean ? radius + std::sqrt(largest) : 2);
        surely_in_ = radius * radius * (1 - kRounding);
        surely_out_ = radius * radius * (1 + kRounding);
        make_cells();
    }

    // Indices of the points nearer than the radius, rising; the point itself is among them unless it is a zero vector under
    // the cosine distance.
    void of(uint32_t i, std::vector<uint32_t>& result) const {
        result.clear();
        const Row row = rows_[i];
        const auto visit = [&](uint32_t j) {
            if (within(row, rows_[j])) result.push_back(j);
        };
        for (const uint32_t j : placeless_) visit(j);
        const bool placed = has_place(row);
        for (const Cell& cell : cells_) {
            auto from = cell.distances.begin(), to = cell.distances.end();
            if (placed) {
                const double center = metric(row, rows_[cell.pivot]);
                from = std::lower_bound(from, to, center - reach_);
                to = std::upper_bound(from, to, center + reach_);
            }
            for (auto at = from - cell.distances.begin(); at < to - cell.distances.begin(); ++at) {
                if (!full_) visit(cell.points[static_cast<size_t>(at)]);
                else if (within(row, cell, static_cast<size_t>(at))) result.push_back(cell.points[static_cast<size_t>(at)]);
            }
        }
        std::sort(result.begin(), result.end());
    }

private:
    static constexpr size_t kCells = 32;
    static constexpr double kRounding = 1e-9;  // far more than rounding does

    struct Cell {
        uint32_t pivot;
        std::vector<uint32_t> points;
        std::vector<double> distances;  // from the pivot, rising
        std::vector<double> values;     // of the points side by side, where all have values in all columns
    };

    // The first pivot is the first point that has a place, each further one the point farthest from those before.
    void make_cells() {
        std::vector<std::pair<double, uint32_t>> placed;  // distance from the nearest pivot
        for (uint32_t i = 0; i < rows_.size(); ++i) {
            if (has_place(rows_[i])) placed.emplace_back(std::numeric_limits<double>::infinity(), i);
            else placeless_.push_back(i);
        }
        std::vector<uint32_t> cell_of(rows_.size());
        for (uint32_t cell = 0, pivot = 0; !placed.empty() && cell < std::min(kCells, placed.size()); ++cell) {
            const uint32_t point = placed[pivot].second;
            cells_.push_back({point, {}, {}, {}});
            for (uint32_t at = 0; at < placed.size(); ++at) {
                auto& [least, i] = placed[at];
                const double distance = metric(rows_[i], rows_[point]);
                if (distance < least) {
                    least = distance;
                    cell_of[i] = cell;
                }
                if (at == 0 || least > placed[pivot].first) pivot = at;
            }
        }
        std::sort(placed.begin(), placed.end());
        for (const auto& [distance, i] : placed) {
            Cell& cell = cells_[cell_of[i]];
            cell.points.push_back(i);
            cell.distances.push_back(distance);
            if (full_) cell.values.insert(cell.values.end(), rows_[i].values, rows_[i].values + columns_);
        }
    }

    // Whether a point's distances are good for comparisons: zeros have no place on the sphere, and huge values none anywhere.
    bool has_place(const Row& row) const {
        return std::isfinite(4 * row.squares) && (kind_ == Distance::euclidean || row.squares > 0);
    }

    // A metric: what the triangle inequality holds for.
    double metric(const Row& a, const Row& b) const {
        const double measured = distance(kind_, a, b);
        return kind_ == Distance::euclidean ? measured : std::sqrt(std::max(0.0, 2 * measured));
    }

    bool within(const Row& a, const Row& b) const {
        if (kind_ == Distance::cosine) return distance(kind_, a, b) < radius_;
        double sum = 0;
        size_t i = 0, j = 0;
        while (i < a.size && j < b.size) {
            double difference;
            if (a.columns[i] == b.columns[j]) difference = a.values[i++] - b.values[j++];
            else if (a.columns[i] < b.columns[j]) difference = a.values[i++];
            else difference = b.values[j++];
            sum += difference * difference;
            if (sum > surely_out_) return false;  // most are told by their first features
        }
        for (; i < a.size; ++i) sum += a.values[i] * a.values[i];
        for (; j < b.size; ++j) sum += b.values[j] * b.values[j];
        return std::sqrt(sum) < radius_;
    }

    // The same where all points have values in all columns. Sums are made in four parts; where they do not tell, as above.
    bool within(const Row& row, const Cell& cell, size_t at) const {
        if (kind_ == Distance::cosine) return within(row, rows_[cell.points[at]]);
        const double *const a = row.values, *const b = &cell.values[at * columns_];
        double sums[4] = {};
        size_t j = 0;
        for (; j + 4 <= columns_; j += 4) {
            for (size_t part = 0; part < 4; ++part) {
                const double difference = a[j + part] - b[j + part];
                sums[part] += difference * difference;
            }
            if (j % 8 == 4 && (sums[0] + sums[1]) + (sums[2] + sums[3]) > surely_out_) return false;
        }
        double sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        for (; j < columns_; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
        if (sum > surely_out_) return false;
        return sum < surely_in_ || within(row, rows_[cell.points[at]]);
    }

    const RowTable& rows_;
    const Distance kind_;
    const double radius_;
    const size_t columns_;
    bool full_ = true;     // whether every point has values in all columns
    double reach_ = 0;     // how much the distances of two neighbours from a third point can differ
    double surely_in_ = 0, surely_out_ = 0;  // squared distances below and above which there is no doubt
    std::vector<Cell> cells_;
    std::vector<uint32_t> placeless_;
};

}  // namespace duma::clustering
