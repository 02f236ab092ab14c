// Which labels (or rows) may stay when there is room for `max_size`: an unlearner names the one that must go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/cow_array.hpp"
#include "common/status.hpp"
#include "convert/matcher.hpp"
#include "model/snapshot.hpp"
#include "msgpack/reader.hpp"
#include "msgpack/writer.hpp"

namespace duma {

// No label can make room for a new one.
struct ModelFull : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Unlearner {
public:
    using Unlearn = std::function<void(const std::string&)>;

    virtual ~Unlearner() = default;

    virtual bool can_touch(const std::string& id) const = 0;
    // Marks `id` as used now; `unlearn` is told which id must be forgotten for it, if any. False if there is no room.
    virtual bool touch(const std::string& id, const Unlearn& unlearn) = 0;
    virtual bool remove(const std::string& id) = 0;
    virtual void clear() = 0;
    virtual Status status() const = 0;
    virtual std::unique_ptr<Unlearner> empty_copy() const = 0;  // same settings and generator, no ids
    virtual void add_to(Snapshot& snapshot) = 0;  // at the cost of a pointer per some hundred ids
    virtual void unpack(msgpack::Reader& in) = 0;

    virtual bool calls_back() const { return false; }  // whether choosing may run code outside of the core

    // What model files do not hold but later choices depend on.
    virtual std::string hidden_state() const { return {}; }
    virtual void set_hidden_state(const std::string&) {}
};

// Forgets what was used least recently. Ids that match the sticky pattern take room but are never forgotten.
class LruUnlearner final : public Unlearner {
public:
    LruUnlearner(size_t max_size, std::optional<convert::Matcher> sticky) : max_size_(max_size), is_sticky_(std::move(sticky)) {}

    bool can_touch(const std::string& id) const override { return known(id) || sticky_.size() < max_size_; }

    bool touch(const std::string& id, const Unlearn& unlearn) override {
        if (const auto found = places_.find(id); found != places_.end()) {
            unlink(found->second);
            link(found->second);
            return true;
        }
        if (sticky_.contains(id)) return true;
        if (places_.size() + sticky_.size() >= max_size_) {
            if (places_.empty()) return false;
            const std::string last = nodes_[last_].id;
            unlearn(last);
            remove(last);
        }
        if (is_sticky_ && (*is_sticky_)(id)) {
            sticky_.insert(id);
        } else {
            add(id);
        }
        return true;
    }

    bool remove(const std::string& id) override {
        const auto found = places_.find(id);
        if (found == places_.end()) return sticky_.erase(id) > 0;
        const uint32_t place = found->second;
        unlink(place);
        nodes_.mutable_at(place).id.clear();
        free_.push_back(place);
        places_.erase(found);
        return true;
    }

    void clear() override {
        nodes_.clear();
        free_.clear();
        places_.clear();
        sticky_.clear();
        first_ = last_ = kNone;
    }

    Status status() const override {
        return {{"num_unlearner_unlearned_ids", std::to_string(places_.size())},
                {"num_unlearner_sticky_ids", std::to_string(sticky_.size())}};
    }

    std::unique_ptr<Unlearner> empty_copy() const override { return std::make_unique<LruUnlearner>(max_size_, is_sticky_); }

    bool calls_back() const override { return is_sticky_ && is_sticky_->kind == convert::Matcher::Kind::callback; }

    // [[ids, most recent first], [sticky ids]]
    void add_to(Snapshot& snapshot) override {
        snapshot.add_packed([&](auto& out) {
            out.array(2);
            out.array(places_.size());
        });
        snapshot.add(std::make_unique<Recent>(nodes_.share(), first_, static_cast<uint32_t>(places_.size())));
        snapshot.add_packed([&](auto& out) {
            out.array(sticky_.size());
            for (const std::string& id : sticky_) out.raw(id);
        });
    }

    void unpack(msgpack::Reader& in) override {
        clear();
        if (in.array() != 2) throw msgpack::TypeMismatch("an lru unlearner is an array of 2");
        std::vector<std::string> recent;
        for (uint32_t n = in.array(); n--;) {
            std::string id(in.raw());
            if (places_.try_emplace(id, kNone).second) recent.push_back(std::move(id));
        }
        for (auto id = recent.rbegin(); id != recent.rend(); ++id) add(*id);
        for (uint32_t n = in.array(); n--;) sticky_.insert(std::string(in.raw()));
    }

private:
    static constexpr uint32_t kNone = UINT32_MAX;

    // An id in the list from the one used last to the one used longest ago.
    struct Node {
        std::string id;
        uint32_t newer, older;
    };
    using Nodes = CowArray<Node, 256>;

    // The ids of a snapshot, in the order of the list.
    class Recent final : public SnapshotPart {
    public:
        Recent(Nodes nodes, uint32_t first, uint32_t n) : nodes_(std::move(nodes)), first_(first), n_(n) {}
        uint32_t rows() const override { return n_; }
        void write(msgpack::Writer<msgpack::Buffer>& out, uint32_t begin, uint32_t end) const override { walk(out, begin, end); }
        void write(msgpack::Writer<msgpack::Counter>& out, uint32_t begin, uint32_t end) const override { walk(out, begin, end); }

    private:
        template <class Out>
        void walk(Out& out, uint32_t begin, uint32_t end) const {
            if (begin != next_) {
                node_ = first_;
                for (next_ = 0; next_ < begin; ++next_) node_ = nodes_[node_].older;
            }
            for (; next_ < end; ++next_) {
                out.raw(nodes_[node_].id);
                node_ = nodes_[node_].older;
            }
        }

        const Nodes nodes_;
        const uint32_t first_, n_;
        // Where the last write ended: writes mostly follow each other.
        mutable uint32_t next_ = kNone, node_ = kNone;
    };

    bool known(const std::string& id) const { return places_.contains(id) || sticky_.contains(id); }

    // Adds an id, as the one used last.
    void add(const std::string& id) {
        auto place = static_cast<uint32_t>(nodes_.size());
        if (free_.empty()) {
            nodes_.grow(place + size_t{1});
        } else {
            place = free_.back();
            free_.pop_back();
        }
        nodes_.mutable_at(place).id = id;
        link(place);
        places_[id] = place;
    }

    // Puts a node in front of the list.
    void link(uint32_t place) {
        Node& node = nodes_.mutable_at(place);
        node.newer = kNone;
        node.older = first_;
        if (first_ != kNone) nodes_.mutable_at(first_).newer = place;
        else last_ = place;
        first_ = place;
    }

    void unlink(uint32_t place) {
        const uint32_t newer = nodes_[place].newer, older = nodes_[place].older;
        if (newer != kNone) nodes_.mutable_at(newer).older = older;
        else first_ = older;
        if (older != kNone) nodes_.mutable_at(older).newer = newer;
        else last_ = newer;
    }

    size_t max_size_;
    std::optional<convert::Matcher> is_sticky_;
    Nodes nodes_;
    std::vector<uint32_t> free_;  // places without an id
    uint32_t first_ = kNone, last_ = kNone;
    std::unordered_map<std::string, uint32_t> places_;
    std::set<std::string> sticky_;  // saved in this order
};

// Forgets one at random.
class RandomUnlearner final : public Unlearner {
public:
    RandomUnlearner(size_t max_size, std::mt19937 generator) : max_size_(max_size), generator_(generator) {}

    bool can_touch(const std::string&) const override { return true; }

    bool touch(const std::string& id, const Unlearn& unlearn) override {
        if (places_.contains(id)) return true;
        if (ids_.size() < max_size_) {
            add(id);
            return true;
        }
        const size_t at = draw(ids_.size());
        const std::string gone = ids_[at];
        unlearn(gone);
        places_.erase(gone);
        ids_.mutable_at(at) = id;
        places_[id] = at;
        return true;
    }

    bool remove(const std::string& id) override {
        const auto found = places_.find(id);
        if (found == places_.end()) return false;
        const size_t hole = found->second;
        places_.erase(found);
        const size_t last = ids_.size() - 1;
        if (hole != last) {
            ids_.mutable_at(hole) = ids_[last];
            places_[ids_[hole]] = hole;
        }
        ids_.mutable_at(last).clear();
        ids_.shrink(last);
        return true;
    }

    void clear() override {
        ids_.clear();
        places_.clear();
    }

    Status status() const override { return {{"num_unlearner_ids", std::to_string(ids_.size())}}; }

    std::unique_ptr<Unlearner> empty_copy() const override { return std::make_unique<RandomUnlearner>(max_size_, generator_); }

    // [{id: position}, [ids by position]]
    void add_to(Snapshot& snapshot) override {
        const auto n = static_cast<uint32_t>(ids_.size());
        const auto ids = std::make_shared<const Ids>(ids_.share());
        snapshot.add_packed([&](auto& out) {
            out.array(2);
            out.map(n);
        });
        add_rows(snapshot, n, [ids](auto& out, uint32_t i) {
            out.raw((*ids)[i]);
            out.unsigned_integer(i);
        });
        snapshot.add_packed([&](auto& out) { out.array(n); });
        add_rows(snapshot, n, [ids](auto& out, uint32_t i) { out.raw((*ids)[i]); });
    }

    void unpack(msgpack::Reader& in) override {
        clear();
        if (in.array() != 2) throw msgpack::TypeMismatch("a random unlearner is an array of 2");
        in.skip();  // the positions follow from the list
        for (uint32_t n = in.array(); n--;) {
            const std::string id(in.raw());
            if (!places_.contains(id)) add(id);
        }
    }

    std::string hidden_state() const override {
        std::ostringstream out;
        out << generator_;
        return out.str();
    }
    void set_hidden_state(const std::string& state) override {
        std::istringstream in(state);
        std::mt19937 generator;
        if (!(in >> generator)) throw msgpack::TypeMismatch("not the state of a random generator");
        generator_ = generator;
    }

private:
    using Ids = CowArray<std::string, 256>;

    void add(const std::string& id) {
        const size_t place = ids_.size();
        ids_.grow(place + 1);
        ids_.mutable_at(place) = id;
        places_[id] = place;
    }

    // floor(u * n) with u uniform in [0, 1) from 53 random bits of two draws.
    size_t draw(size_t n) {
        const uint64_t a = generator_() >> 5, b = generator_() >> 6;
        const double u = (static_cast<double>(a) * 67108864.0 + static_cast<double>(b)) / 9007199254740992.0;
        return static_cast<size_t>(u * static_cast<double>(n));
    }

    size_t max_size_;
    std::mt19937 generator_;
    Ids ids_;
    std::unordered_map<std::string, size_t> places_;
};

}  // namespace duma
