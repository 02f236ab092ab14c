// What classifier and regression keep of the datums they learn from, to find those nearest to another one.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "names/names.hpp"
#include "neighbors/feature_vector.hpp"
#include "neighbors/signature_index.hpp"

namespace duma::neighbors {

// A datum as it is kept or searched for.
struct Point {
    FeatureVector features;
    SignatureIndex::Query signature;  // where records are known by it alone
};

struct NearRecord {
    std::string_view id;  // valid until the records change
    double distance;
};

// Safe to search from several threads, while nobody changes it.
class Records {
public:
    virtual ~Records() = default;
    virtual std::unique_ptr<Records> empty_copy() const = 0;  // the same settings, no records

    // Whether features must be in the model's names, which then numbers them.
    virtual bool needs_names() const = 0;

    // Makes of a point's features what else is compared. Needs no lock: the records play no part in it.
    virtual void prepare(Point& point) = 0;

    virtual bool contains(std::string_view id) const = 0;
    virtual void set(std::string_view id, const Point& point) = 0;
    virtual void remove(std::string_view id) = 0;
    virtual bool removable() const = 0;  // whether a model may take single records away
    virtual std::vector<std::string> ids() const = 0;

    // For each point its `k` nearest records, nearest first.
    virtual std::vector<std::vector<NearRecord>> nearest(std::span<const Point> points, size_t k) = 0;

    // Distances up to this are none.
    virtual double smallest_distance() const = 0;

    // How many points are best searched for together, while others wait.
    virtual size_t points_at_once() const = 0;
    // Whether a search, or preparing a point, takes so long that others should not wait for it.
    virtual bool searches_long() const = 0;
    virtual bool prepares_long() const = 0;

    virtual void clear() = 0;
    virtual void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) = 0;
    // Fills these empty records; features get a number in `names` if these are needed.
    virtual void load(msgpack::Reader& in, Names& names, const Progress& progress) = 0;
};

}  // namespace duma::neighbors
