// Which points are kept, and when it is time to cluster them.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "clustering/compressor.hpp"
#include "clustering/points.hpp"
#include "model/loading.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma::clustering {

// Lists of points; a clustering takes the points of all. There is always a first one, to which points are added.
using Levels = std::vector<PointList>;

inline size_t count(const Levels& levels) {
    size_t n = 0;
    for (const PointList& level : levels) n += level.size();
    return n;
}

inline void add_list(Snapshot& snapshot, const std::shared_ptr<const NameList>& names, const PointList& list) {
    snapshot.add_packed([&](auto& out) { out.array(list.size()); });
    snapshot.add(std::make_unique<PointRows>(names, list));
}

inline PointList unpack_list(msgpack::Reader& in, Names& names) {
    PointList list;
    for (uint32_t n = in.array(); n--;) list.add(unpack_point(in, names));
    return list;
}

class Storage {
public:
    virtual ~Storage() = default;

    // In how many additions the next clustering is due, at least 1.
    virtual uint64_t additions_to_clustering(const Levels& levels) const = 0;

    // Adds a point with which no clustering is due.
    virtual void add(Levels& levels, Point point) = 0;
    // Adds a point with which one is due; returns the points to be clustered.
    virtual Levels add_and_cluster(Levels& levels, Point point, const NameList& names) = 0;

    // Whether points are dropped, and their features with them.
    virtual bool forgets() const = 0;

    // What `clear` does beside emptying the levels.
    virtual void clear() {}

    // Takes over from a running storage what model files do not hold.
    virtual void go_on_from(const Storage& running) = 0;

    virtual void pack_state(msgpack::Writer<msgpack::Buffer>& out) const = 0;
    virtual void unpack_state(msgpack::Reader& in) = 0;

    // The model file's storage is [[revision, points of others], own points and more...].
    virtual uint32_t fields() const = 0;
    virtual void add_own(Snapshot& snapshot, const std::shared_ptr<const NameList>& names, const Levels& levels) const = 0;
    virtual Levels unpack_own(msgpack::Reader& in, Names& names) = 0;

    virtual std::unique_ptr<Storage> copy() const = 0;
};

// Keeps every point, and has them clustered at each `bucket_size`-th addition, before the point is added.
class SimpleStorage final : public Storage {
public:
    explicit SimpleStorage(uint32_t bucket_size) : bucket_size_(bucket_size) {}

    uint64_t additions_to_clustering(const Levels&) const override { return bucket_size_ - additions_ % bucket_size_; }

    void add(Levels& levels, Point point) override {
        ++additions_;
        levels[0].add(std::move(point));
    }
    Levels add_and_cluster(Levels& levels, Point point, const NameList&) override {
        Levels before = levels;
        add(levels, std::move(point));
        return before;
    }

    bool forgets() const override { return false; }

    void go_on_from(const Storage& running) override { additions_ = dynamic_cast<const SimpleStorage&>(running).additions_; }
    void pack_state(msgpack::Writer<msgpack::Buffer>& out) const override { out.unsigned_integer(additions_); }
    void unpack_state(msgpack::Reader& in) override { additions_ = in.unsigned_integer(); }

    uint32_t fields() const override { return 2; }
    void add_own(Snapshot& snapshot, const std::shared_ptr<const NameList>& names, const Levels& levels) const override {
        add_list(snapshot, names, levels[0]);
    }
    Levels unpack_own(msgpack::Reader& in, Names& names) override { return {unpack_list(in, names)}; }

    std::unique_ptr<Storage> copy() const override { return std::make_unique<SimpleStorage>(*this); }

private:
    uint32_t bucket_size_;
    uint64_t additions_ = 0;  // since the engine was made; neither `clear` nor `load` begins anew
};

// Compresses full buckets, and full rows of compressed buckets, level by level: the higher, the older and the fewer. Older
// levels lose weight, or, below a threshold, are dropped.
class CompressiveStorage final : public Storage {
public:
    struct Settings {
        uint32_t bucket_size, bucket_length, compressed_size;
        double forgetting_factor, forgetting_threshold;
    };

    CompressiveStorage(const Settings& settings, const Compressor& compressor) : settings_(settings), compressor_(compressor) {}

    uint64_t additions_to_clustering(const Levels& levels) const override {
        const size_t held = levels[0].size();
        return held + 1 < settings_.bucket_size ? settings_.bucket_size - held : 1;
    }

    void add(Levels& levels, Point point) override { levels[0].add(std::move(point)); }
    Levels add_and_cluster(Levels& levels, Point point, const NameList& names) override {
        Points bucket;
        append(bucket, levels[0]);
        bucket.push_back(std::move(point));
        levels[0] = list_of(compressor_.compress(bucket, settings_.compressed_size, names));
        ++buckets_;
        carry(levels, 0, names);
        return levels;
    }

    bool forgets() const override { return true; }
    void clear() override { buckets_ = 0; }

    void go_on_from(const Storage& running) override { compressor_ = dynamic_cast<const CompressiveStorage&>(running).compressor_; }
    void pack_state(msgpack::Writer<msgpack::Buffer>& out) const override { compressor_.pack(out); }
    void unpack_state(msgpack::Reader& in) override { compressor_.unpack(in); }

    uint32_t fields() const override { return 3; }
    void add_own(Snapshot& snapshot, const std::shared_ptr<const NameList>& names, const Levels& levels) const override {
        snapshot.add_packed([&](auto& out) { out.array(levels.size()); });
        for (const PointList& level : levels) add_list(snapshot, names, level);
        snapshot.add_packed([&](auto& out) { out.unsigned_integer(buckets_); });
    }
    Levels unpack_own(msgpack::Reader& in, Names& names) override {
        Levels levels;
        for (uint32_t n = in.array(); n--;) levels.push_back(unpack_list(in, names));
        if (levels.empty()) levels.emplace_back();
        buckets_ = in.unsigned_integer();
        return levels;
    }

    std::unique_ptr<Storage> copy() const override { return std::make_unique<CompressiveStorage>(*this); }

private:
    // Moves level r up, together with what is there once there are enough buckets of it.
    void carry(Levels& levels, size_t r, const NameList& names) {
        if (r + 1 == levels.size()) levels.emplace_back();
        Points points;
        append(points, levels[r]);
        for (Point& point : points) point.weight *= std::exp(-settings_.forgetting_factor);
        const bool all = points.size() == count(levels);
        levels[r] = {};
        Points above;
        if (!completes_row(r)) {
            if (all || !(std::exp(-settings_.forgetting_factor * static_cast<double>(r + 1)) < settings_.forgetting_threshold))
                append(above, levels[r + 1]);
            above.insert(above.end(), points.begin(), points.end());
            levels[r + 1] = list_of(above);
            return;
        }
        append(above, levels[r + 1]);
        above.insert(above.end(), points.begin(), points.end());
        levels[r + 1] = list_of(compressor_.compress(above, size_t{settings_.compressed_size} * (r == 0 ? 1 : 2 * r * r), names));
        carry(levels, r + 1, names);
    }

    // Whether the last bucket is the last one of a row of level r: digit r of its number, in base `bucket_length`.
    bool completes_row(size_t r) const {
        uint64_t number = buckets_ - 1;
        while (r--) number /= settings_.bucket_length;
        return number % settings_.bucket_length == settings_.bucket_length - 1;
    }

    Settings settings_;
    Compressor compressor_;
    uint64_t buckets_ = 0;  // full ones so far
};

// Points of the other servers of a cluster, by their names, as the last MIX brought them.
class OthersPoints {
public:
    std::vector<std::pair<std::string, PointList>> lists;

    void add_to(Snapshot& snapshot, const std::shared_ptr<const NameList>& names) const {
        snapshot.add_packed([&](auto& out) { out.array(lists.size()); });
        for (const auto& [server, list] : lists) {
            snapshot.add_packed([&, server = std::string_view(server)](auto& out) {
                out.array(2);
                out.raw(server);
            });
            add_list(snapshot, names, list);
        }
    }

    void unpack(msgpack::Reader& in, Names& names) {
        for (uint32_t n = in.array(); n--;) {
            expect_array(in, 2, "points of another server");
            const std::string server(in.raw());
            lists.emplace_back(server, unpack_list(in, names));
        }
    }
};

}  // namespace duma::clustering
