// How often each label of a classifier was trained.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "convert/saved_weights.hpp"
#include "msgpack/reader.hpp"

namespace duma {

using Counts = std::map<std::string, uint64_t, std::less<>>;

// Like weights in two parts, since the last MIX and before.
struct LabelCounts {
    Counts master, diff;
    uint64_t version = 0;

    bool contains(std::string_view label) const { return diff.contains(label) || master.contains(label); }

    void increment(std::string_view label) {
        const auto found = diff.find(label);
        if (found != diff.end()) ++found->second;
        else diff.emplace(label, 1);
    }

    // Counts one less; an entry that comes to 0 by it goes.
    void decrement(std::string_view label) {
        for (Counts* counts : {&diff, &master})
            if (const auto found = counts->find(label); found != counts->end() && found->second > 0) {
                if (--found->second == 0) counts->erase(found);
                return;
            }
    }

    // False if the label was counted before; otherwise it now is, zero times.
    bool add(std::string_view label) { return !contains(label) && diff.emplace(label, 0).second; }

    bool erase(std::string_view label) {
        const size_t erased = diff.erase(std::string(label)) + master.erase(std::string(label));
        return erased > 0;
    }

    // `version` stays.
    void clear() {
        master.clear();
        diff.clear();
    }

    Counts totals() const {
        Counts sum = master;
        for (const auto& [label, count] : diff) sum[label] += count;
        return sum;
    }

    // [{label: count} before the last MIX, {label: count} since, [version]]
    template <class Out>
    void pack(Out& out) const {
        out.array(3);
        for (const Counts* counts : {&master, &diff}) {
            out.map(counts->size());
            for (const auto& [label, count] : *counts) {
                out.raw(label);
                out.unsigned_integer(count);
            }
        }
        out.array(1);
        out.unsigned_integer(version);
    }

    void load(msgpack::Reader& in) {
        if (in.array() < 3) throw msgpack::TypeMismatch("label counts are an array of 3");
        for (Counts* counts : {&master, &diff})
            for (uint32_t n = in.map(); n--;) {
                const std::string label(in.raw());
                counts->insert_or_assign(label, in.unsigned_integer());
            }
        version = convert::unpack_version(in);
    }
};

}  // namespace duma
