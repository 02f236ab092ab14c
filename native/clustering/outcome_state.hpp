// An outcome as hidden state, which model files do not hold:
//
//   [] | [1, centers] | [2, [[place...]...]] | [3, why there is none]
//
// A place tells a point of a cluster: twice its number among the model's own points, or, among those of other servers, twice
// its number there plus one. Numbers hold because points are only added behind those that were clustered.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "clustering/outcome.hpp"
#include "clustering/points.hpp"
#include "msgpack/reader.hpp"

namespace duma::clustering {

enum class OutcomeKind : uint64_t { centers = 1, groups = 2, problem = 3 };

inline void pack_outcome(Output& out, const Outcome& outcome) {
    const auto kind = [&](OutcomeKind kind) {
        out.array(2);
        out.unsigned_integer(static_cast<uint64_t>(kind));
    };
    if (outcome.centers) {
        kind(OutcomeKind::centers);
        outcome.centers->pack(out);
    } else if (outcome.groups) {
        kind(OutcomeKind::groups);
        const Groups& groups = *outcome.groups;
        out.array(groups.indices.size());
        for (const auto& group : groups.indices) {
            out.array(group.size());
            for (const uint32_t i : group) out.unsigned_integer(i < groups.own ? 2 * uint64_t{i} : 2 * (i - groups.own) + 1);
        }
    } else if (!outcome.problem.empty()) {
        kind(OutcomeKind::problem);
        out.raw(outcome.problem);
    } else {
        out.array(0);
    }
}

inline std::shared_ptr<const Groups> unpack_groups(msgpack::Reader& in, const Points& own, const Points& others) {
    auto groups = std::make_shared<Groups>();
    groups->own = own.size();
    for (uint32_t n = in.array(); n--;) {
        auto& indices = groups->indices.emplace_back();
        auto& points = groups->points.emplace_back();
        for (uint32_t size = in.array(); size--;) {
            const uint64_t place = in.unsigned_integer();
            const Points& from = place % 2 ? others : own;
            if (place / 2 >= from.size()) throw msgpack::TypeMismatch("a cluster has an unknown point");
            indices.push_back(static_cast<uint32_t>(place / 2 + (place % 2 ? own.size() : 0)));
            points.push_back(from[place / 2]);
        }
    }
    return groups;
}

// What was packed for a model with these points.
inline Outcome unpack_outcome(msgpack::Reader& in, const Method& method, const Points& own, const Points& others) {
    Outcome outcome;
    if (in.array() == 0) return outcome;
    switch (static_cast<OutcomeKind>(in.unsigned_integer())) {
        case OutcomeKind::centers: outcome.centers = method.unpack_centers(in); break;
        case OutcomeKind::groups: outcome.groups = unpack_groups(in, own, others); break;
        case OutcomeKind::problem: outcome.problem = in.raw(); break;
        default: throw msgpack::TypeMismatch("an unknown kind of clusters");
    }
    return outcome;
}

}  // namespace duma::clustering
