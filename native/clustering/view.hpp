// What analyses work on while updates go on, and how they tell of it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "clustering/outcome.hpp"
#include "clustering/storage.hpp"
#include "names/names.hpp"
#include "neighbors/revert.hpp"

namespace duma::clustering {

// A question that has no answer: the method does not know it, or nothing was clustered yet.
struct NoAnswer : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What is told of a cluster's point beside its weight.
enum class Told { datum, id };

inline constexpr const char* kNotYet = "clustering is not performed yet";

// What an analysis works on while updates go on.
struct View {
    Levels levels;
    std::vector<std::pair<std::string, PointList>> others;
    NameList names;
    Outcome outcome;
};

inline const Centers& centers_of(const View& view) {
    if (!view.outcome.centers) throw NoAnswer(view.outcome.problem.empty() ? kNotYet : std::string(kNotYet) + ": " + view.outcome.problem);
    return *view.outcome.centers;
}

// Visits all points with the clusters that they belong to.
template <class Visit>
void each_assigned(const View& view, const Centers& centers, Visit&& visit) {
    Projection projection(centers, view.names);
    std::vector<double> room;
    const auto each = [&](const PointList& list) {
        for (size_t i = 0; i < list.size(); ++i) visit(list[i], centers.nearest(projection(*list[i].record), room));
    };
    for (const PointList& level : view.levels) each(level);
    for (const auto& [server, list] : view.others) each(list);
}

inline void pack_member(Output& out, Told told, const Point& point) {
    out.array(2);
    out.real(point.weight);
    if (told == Told::datum) out.packed(point.record->datum);
    else out.raw(point.record->id);
}

inline void pack_members(Output& out, Told told, const std::vector<const Point*>& members) {
    out.array(members.size());
    for (const Point* point : members) pack_member(out, told, *point);
}

inline void pack_center(Output& out, const Centers& centers, size_t index) {
    neighbors::RevertedDatum datum;
    const Row row = centers.rows()[index];
    for (size_t j = 0; j < row.size; ++j) datum.add({centers.columns()[row.columns[j]], row.values[j]});
    datum.write(out);
}

// The clusters that were found without centers.
inline void pack_grouped(Output& out, Told told, const View& view) {
    if (!view.outcome.groups || view.outcome.groups->points.empty()) throw NoAnswer(kNotYet);
    out.array(view.outcome.groups->points.size());
    for (const Points& group : view.outcome.groups->points) {
        out.array(group.size());
        for (const Point& point : group) pack_member(out, told, point);
    }
}

}  // namespace duma::clustering
