// The nearest of several rows.
//
// Distances to all of them at once, by the products of the features that they share: a row of ten features costs ten
// short lists, however many features the others have. Squared distances found so are exact to rounding; where that does
// not tell which is the nearest, those in question are measured feature by feature.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "clustering/rows.hpp"

namespace duma::clustering {

class Nearest {
public:
    // `rows` must live as long as this, and their columns be below `columns`.
    Nearest(const RowTable& rows, size_t columns, Distance kind) : rows_(rows), kind_(kind), starts_(columns + 1) {
        for (size_t i = 0; i < rows.size(); ++i) {
            const Row row = rows[i];
            for (size_t j = 0; j < row.size; ++j) ++starts_[row.columns[j] + 1];
            largest_squares_ = std::max(largest_squares_, row.squares);
            longest_ = std::max(longest_, row.size);
            norms_.push_back(std::sqrt(row.squares));
        }
        for (size_t column = 0; column < columns; ++column) starts_[column + 1] += starts_[column];
        cells_.resize(rows.cells());
        std::vector<size_t> next(starts_.begin(), starts_.end() - 1);
        for (uint32_t i = 0; i < rows.size(); ++i) {
            const Row row = rows[i];
            for (size_t j = 0; j < row.size; ++j) cells_[next[row.columns[j]]++] = {i, row.values[j]};
        }
    }

    // The first of the nearest rows; 0 if no distance is a number. `room` is used again from call to call; after one it has
    // the squared distances, or, with cosine, the distances of all.
    uint32_t operator()(const Row& row, std::vector<double>& room) const {
        room.assign(rows_.size(), 0);
        for (size_t j = 0; j < row.size; ++j) {
            const double value = row.values[j];
            for (size_t cell = starts_[row.columns[j]]; cell < starts_[row.columns[j] + 1]; ++cell)
                room[cells_[cell].row] += value * cells_[cell].value;
        }
        if (kind_ == Distance::euclidean) return nearest_euclidean(row, room);
        const double norm = std::sqrt(row.squares);
        for (size_t i = 0; i < room.size(); ++i) room[i] = cosine_distance(room[i], norm, norms_[i]);
        return first_least(room);
    }

    // How far off the squared euclidean distances of a row can be: several times what rounding can do to them, to those that
    // are measured feature by feature, and to their roots.
    double error(const Row& row) const {
        return 8 * std::numeric_limits<double>::epsilon() * static_cast<double>(row.size + longest_ + 8) * (row.squares + largest_squares_);
    }

private:
    struct Cell {
        uint32_t row;
        double value;
    };

    uint32_t nearest_euclidean(const Row& row, std::vector<double>& dots) const {
        for (size_t i = 0; i < dots.size(); ++i) dots[i] = row.squares - 2 * dots[i] + rows_[i].squares;
        const uint32_t best = first_least(dots);
        const double bound = dots[best] + 2 * error(row);
        uint32_t nearest = best;
        double least = std::numeric_limits<double>::infinity();
        bool alone = std::isfinite(bound);
        for (uint32_t i = 0; alone && i < dots.size(); ++i) alone = i == best || dots[i] > bound;
        if (alone) return best;
        for (uint32_t i = 0; i < dots.size(); ++i) {
            if (dots[i] > bound) continue;
            const double exact = euclidean_distance(row, rows_[i]);
            if (exact < least) {
                least = exact;
                nearest = i;
            }
        }
        return least < std::numeric_limits<double>::infinity() ? nearest : 0;
    }

    static uint32_t first_least(const std::vector<double>& values) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < values.size(); ++i)
            if (values[i] < values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
        return best;
    }

    const RowTable& rows_;
    const Distance kind_;
    std::vector<size_t> starts_;  // by column
    std::vector<Cell> cells_;
    std::vector<double> norms_;
    double largest_squares_ = 0;
    size_t longest_ = 0;
};

}  // namespace duma::clustering
