// Which labels (or rows) may stay when there is room for `max_size`: an unlearner names the one that must go.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
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

#include "common/status.hpp"
#include "convert/matcher.hpp"
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
    virtual void pack(msgpack::Writer<msgpack::Buffer>& out) const = 0;
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
            recent_.splice(recent_.begin(), recent_, found->second);
            return true;
        }
        if (sticky_.contains(id)) return true;
        if (recent_.size() + sticky_.size() >= max_size_) {
            if (recent_.empty()) return false;
            const std::string last = recent_.back();
            unlearn(last);
            remove(last);
        }
        if (is_sticky_ && (*is_sticky_)(id)) {
            sticky_.insert(id);
        } else {
            recent_.push_front(id);
            places_[id] = recent_.begin();
        }
        return true;
    }

    bool remove(const std::string& id) override {
        const auto found = places_.find(id);
        if (found == places_.end()) return sticky_.erase(id) > 0;
        recent_.erase(found->second);
        places_.erase(found);
        return true;
    }

    void clear() override {
        recent_.clear();
        places_.clear();
        sticky_.clear();
    }

    Status status() const override {
        return {{"num_unlearner_unlearned_ids", std::to_string(recent_.size())},
                {"num_unlearner_sticky_ids", std::to_string(sticky_.size())}};
    }

    std::unique_ptr<Unlearner> empty_copy() const override { return std::make_unique<LruUnlearner>(max_size_, is_sticky_); }

    bool calls_back() const override { return is_sticky_ && is_sticky_->kind == convert::Matcher::Kind::callback; }

    // [[ids, most recent first], [sticky ids]]
    void pack(msgpack::Writer<msgpack::Buffer>& out) const override {
        out.array(2);
        out.array(recent_.size());
        for (const std::string& id : recent_) out.raw(id);
        out.array(sticky_.size());
        for (const std::string& id : sticky_) out.raw(id);
    }

    void unpack(msgpack::Reader& in) override {
        clear();
        if (in.array() != 2) throw msgpack::TypeMismatch("an lru unlearner is an array of 2");
        for (uint32_t n = in.array(); n--;) {
            const std::string id(in.raw());
            if (known(id)) continue;
            recent_.push_back(id);
            places_[id] = std::prev(recent_.end());
        }
        for (uint32_t n = in.array(); n--;) sticky_.insert(std::string(in.raw()));
    }

private:
    bool known(const std::string& id) const { return places_.contains(id) || sticky_.contains(id); }

    size_t max_size_;
    std::optional<convert::Matcher> is_sticky_;
    std::list<std::string> recent_;
    std::unordered_map<std::string, std::list<std::string>::iterator> places_;
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
            places_[id] = ids_.size();
            ids_.push_back(id);
            return true;
        }
        const size_t at = draw(ids_.size());
        const std::string gone = ids_[at];
        unlearn(gone);
        places_.erase(gone);
        ids_[at] = id;
        places_[id] = at;
        return true;
    }

    bool remove(const std::string& id) override {
        const auto found = places_.find(id);
        if (found == places_.end()) return false;
        const size_t hole = found->second;
        places_.erase(found);
        if (hole + 1 != ids_.size()) {
            ids_[hole] = std::move(ids_.back());
            places_[ids_[hole]] = hole;
        }
        ids_.pop_back();
        return true;
    }

    void clear() override {
        ids_.clear();
        places_.clear();
    }

    Status status() const override { return {{"num_unlearner_ids", std::to_string(ids_.size())}}; }

    std::unique_ptr<Unlearner> empty_copy() const override { return std::make_unique<RandomUnlearner>(max_size_, generator_); }

    // [{id: position}, [ids by position]]
    void pack(msgpack::Writer<msgpack::Buffer>& out) const override {
        out.array(2);
        out.map(ids_.size());
        for (size_t i = 0; i < ids_.size(); ++i) {
            out.raw(ids_[i]);
            out.unsigned_integer(i);
        }
        out.array(ids_.size());
        for (const std::string& id : ids_) out.raw(id);
    }

    void unpack(msgpack::Reader& in) override {
        clear();
        if (in.array() != 2) throw msgpack::TypeMismatch("a random unlearner is an array of 2");
        in.skip();  // the positions follow from the list
        for (uint32_t n = in.array(); n--;) {
            const std::string id(in.raw());
            if (places_.emplace(id, ids_.size()).second) ids_.push_back(id);
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
    // floor(u * n) with u uniform in [0, 1) from 53 random bits of two draws.
    size_t draw(size_t n) {
        const uint64_t a = generator_() >> 5, b = generator_() >> 6;
        const double u = (static_cast<double>(a) * 67108864.0 + static_cast<double>(b)) / 9007199254740992.0;
        return static_cast<size_t>(u * static_cast<double>(n));
    }

    size_t max_size_;
    std::mt19937 generator_;
    std::vector<std::string> ids_;
    std::unordered_map<std::string, size_t> places_;
};

}  // namespace duma
