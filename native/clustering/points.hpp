// Points as they are stored, and how they are saved:
//
//   point = [id, weight, [[feature, value]...], datum]
//
// A record is what was pushed and never changes; a point is a record with a weight, of which a coreset has others than 1.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/conversion.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"
#include "names/names.hpp"

namespace duma::clustering {

using convert::Feature;
using NamedFeatures = std::vector<std::pair<std::string_view, double>>;

struct Record {
    std::string id;
    std::string datum;              // MessagePack, as it was sent but for the types
    std::vector<Feature> features;  // in the order of their names, each name once
};

struct Point {
    double weight = 0;
    std::shared_ptr<const Record> record;
};

// Points that somebody may read while others are added behind them: copies share the blocks, and no point that a copy can
// see is ever written again. Only one of the copies may grow.
class PointList {
public:
    size_t size() const { return size_; }
    const Point& operator[](size_t i) const { return (*blocks_[i / kBlock])[i % kBlock]; }

    void add(Point point) {
        if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_shared<Block>());
        (*blocks_.back())[size_ % kBlock] = std::move(point);
        ++size_;
    }

private:
    static constexpr size_t kBlock = 512;
    using Block = std::array<Point, kBlock>;

    std::vector<std::shared_ptr<Block>> blocks_;
    size_t size_ = 0;
};

using Points = std::vector<Point>;

inline PointList list_of(const Points& points) {
    PointList list;
    for (const Point& point : points) list.add(point);
    return list;
}

inline void append(Points& points, const PointList& list) {
    for (size_t i = 0; i < list.size(); ++i) points.push_back(list[i]);
}

// Puts features in the order of their names; values of equal names are added.
inline void sort_and_merge(NamedFeatures& features) {
    std::stable_sort(features.begin(), features.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    size_t kept = 0;
    for (const auto& [name, value] : features) {
        if (kept > 0 && features[kept - 1].first == name) features[kept - 1].second += value;
        else features[kept++] = {name, value};
    }
    features.resize(kept);
}

inline std::vector<Feature> interned(const NamedFeatures& features, Names& names) {
    std::vector<Feature> result;
    result.reserve(features.size());
    for (const auto& [name, value] : features) result.push_back({names.intern(name), value});
    return result;
}

// A datum with all three lists, in the types that are sent.
inline std::string packed_datum(msgpack::Reader& in) {
    msgpack::Buffer buffer;
    msgpack::Writer out(buffer);
    out.array(3);
    uint32_t lists = in.array();
    for (uint32_t list = 0; list < 3; ++list) {
        const uint32_t n = list < lists ? in.array() : 0;
        out.array(n);
        for (uint32_t i = 0; i < n; ++i) {
            if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
            out.array(2);
            out.raw(in.raw());
            if (list == 1) out.real(in.real());
            else out.raw(in.raw());
        }
    }
    for (; lists > 3; --lists) in.skip();
    return std::move(buffer.bytes);
}

template <class Out>
void pack_point(Out& out, const Point& point, const NameList& names) {
    const Record& record = *point.record;
    out.array(4);
    out.raw(record.id);
    out.real(point.weight);
    out.array(record.features.size());
    for (const auto& [id, value] : record.features) {
        out.array(2);
        out.raw(names[id]);
        out.real(value);
    }
    out.packed(record.datum);
}

// A point whose fields are missing at the end has none of them; further fields are passed over.
inline Point unpack_point(msgpack::Reader& in, Names& names) {
    auto record = std::make_shared<Record>();
    Point point;
    NamedFeatures features;
    std::string_view datum("\x93\x90\x90\x90", 4);
    uint32_t fields = in.array();
    const auto field = [&](auto&& read) {
        if (fields == 0) return;
        read();
        --fields;
    };
    field([&] { record->id = in.raw(); });
    field([&] { point.weight = in.real(); });
    field([&] {
        for (uint32_t n = in.array(); n--;) {
            if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
            const std::string_view name = in.raw();
            features.emplace_back(name, in.real());
        }
    });
    field([&] { datum = in.skip(); });
    while (fields--) in.skip();
    msgpack::Reader datum_in(datum);
    record->datum = packed_datum(datum_in);
    sort_and_merge(features);
    record->features = interned(features, names);
    point.record = std::move(record);
    return point;
}

// The points of a list, without its header.
class PointRows final : public SnapshotRows<PointRows> {
public:
    PointRows(std::shared_ptr<const NameList> names, PointList points) : names_(std::move(names)), points_(std::move(points)) {}
    uint32_t rows() const override { return static_cast<uint32_t>(points_.size()); }

    template <class Out>
    void write_row(Out& out, uint32_t row) const { pack_point(out, points_[row], *names_); }

private:
    std::shared_ptr<const NameList> names_;
    PointList points_;
};

}  // namespace duma::clustering
