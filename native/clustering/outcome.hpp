// What a clustering came to, and what makes one. An outcome never changes: analyses use the last one while the next is made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clustering/points.hpp"
#include "clustering/rows.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "names/names.hpp"

namespace duma::clustering {

using Output = msgpack::Writer<msgpack::Buffer>;

// Clusters that are known by where they are: every point belongs to one, also points that came later.
class Centers {
public:
    virtual ~Centers() = default;

    // The features that the centers know, by column.
    const Names& columns() const { return columns_; }
    // Where the centers are.
    const RowTable& rows() const { return rows_; }

    // The cluster that a row, by these columns, belongs to. `room` is used again from call to call.
    virtual uint32_t nearest(const Row& row, std::vector<double>& room) const = 0;

    // Writes what `unpack` of the method reads.
    virtual void pack(Output& out) const = 0;

protected:
    Centers(Names columns, RowTable rows) : columns_(std::move(columns)), rows_(std::move(rows)) {}

    static void pack_names(Output& out, const Names& names) {
        out.array(names.size());
        for (uint32_t i = 0; i < names.size(); ++i) out.raw(names[i]);
    }

private:
    Names columns_;
    RowTable rows_;
};

inline Names unpack_names(msgpack::Reader& in) {
    Names names;
    const uint32_t n = in.array();
    for (uint32_t i = 0; i < n; ++i)
        if (names.intern(in.raw()) != i) throw msgpack::TypeMismatch("a name stands twice");
    return names;
}

// Clusters that are known by their points, as they were when the clustering ran. The first `own` points of it were the
// model's own, the others those of other servers.
struct Groups {
    size_t own = 0;
    std::vector<std::vector<uint32_t>> indices;
    std::vector<Points> points;
};

struct Outcome {
    std::shared_ptr<const Centers> centers;
    std::shared_ptr<const Groups> groups;
    std::string problem;  // why there is neither, where that is not just that nothing was clustered yet
};

class Method {
public:
    virtual ~Method() = default;

    // Clusters points, the first `own` of which are the model's own. `before` is what stays if nothing comes of it.
    virtual Outcome cluster(const Points& points, size_t own, const NameList& names, const Outcome& before) = 0;

    // Whether the clusters have centers.
    virtual bool has_centers() const { return true; }

    // About how much work a clustering of n points is, in distances.
    virtual uint64_t cost(uint64_t n) const = 0;

    // The state of the method, without that of an outcome.
    virtual void pack(Output& out) const = 0;
    virtual void unpack(msgpack::Reader& in) = 0;

    virtual std::shared_ptr<const Centers> unpack_centers(msgpack::Reader& in) const = 0;

    virtual std::unique_ptr<Method> copy() const = 0;
};

// The rows of records and of features, by the columns of centers. A row is good until the next one is made.
class Projection {
public:
    Projection(const Centers& centers, const NameList& names) : centers_(centers), names_(names) {}

    Row operator()(const Record& record) {
        begin();
        if (column_of_.empty()) column_of_.resize(names_.size(), kUnasked);
        for (const auto& [id, value] : record.features) {
            uint32_t& column = column_of_[id];
            if (column == kUnasked) column = centers_.columns().find(names_[id]);
            add(column, value);
        }
        return row();
    }

    Row operator()(const NamedFeatures& features) {
        begin();
        for (const auto& [name, value] : features) add(centers_.columns().find(name), value);
        return row();
    }

private:
    static constexpr uint32_t kUnasked = Names::kNone - 1;

    void begin() {
        columns_.clear();
        values_.clear();
        squares_ = outside_ = 0;
    }
    void add(uint32_t column, double value) {
        squares_ += value * value;
        if (column == Names::kNone) {
            outside_ += value * value;
            return;
        }
        columns_.push_back(column);
        values_.push_back(value);
    }
    Row row() const { return {columns_.data(), values_.data(), columns_.size(), squares_, outside_}; }

    const Centers& centers_;
    const NameList& names_;
    std::vector<uint32_t> column_of_;  // by the model's number of a feature; as long as there are any, when it is used
    std::vector<uint32_t> columns_;
    std::vector<double> values_;
    double squares_ = 0, outside_ = 0;
};

}  // namespace duma::clustering
