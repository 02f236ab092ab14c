// From a datum's bytes to numbered features: the pipeline of filters, rules, weights, combinations and hashing.
//
// A `Conversion` is one worker's room: buffers that are used again for each datum, and what it remembers of keys it has
// seen (which rules apply, which numbers their features have), so that a known key costs one look-up and no matching.
// Several conversions may read the same model at once; a training conversion needs it for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "convert/converter.hpp"
#include "convert/weights.hpp"
#include "msgpack/reader.hpp"
#include "names/hash.hpp"
#include "names/names.hpp"

namespace duma::convert {

struct Feature {
    uint32_t id;  // among the model's names, or, with kLocal set, among the conversion's own
    double value;
};

// What an analysis does with features that the model has never learned.
enum class Unknown { keep, skip };

class Conversion {
public:
    static constexpr uint32_t kLocal = 1u << 31;

    explicit Conversion(const Converter& converter)
        : converter_(converter),
          weighs_(converter.weighs()),
          counts_documents_(converter.counts_documents()),
          counts_lengths_(converter.counts_lengths()) {}

    // Converts for training: new names are interned, statistics are gathered before they are used.
    const std::vector<Feature>& update(msgpack::Reader& datum, Names& names, Weights& weights);

    // Gathers statistics as update does, but interns only names that these need.
    const std::vector<Feature>& count(msgpack::Reader& datum, Names& names, Weights& weights);

    // Converts without changing anything.
    const std::vector<Feature>& convert(msgpack::Reader& datum, const Names& names, const Weights& weights, Unknown unknown);

    // The key of a feature of the last conversion.
    std::string_view name(uint32_t id, const Names& names) const {
        return id & kLocal ? local_[id & ~kLocal] : names[id];
    }

    // Makes features of the same key one, with the sum of their values.
    //
    // The original sorts by key first; here the order of conversion stays, so sums may differ in their last bits.
    std::vector<Feature>& merge_duplicates() {
        seen_.begin();
        size_t kept = 0;
        for (const Feature feature : features_) {
            const uint32_t at = seen_.insert(feature.id, static_cast<uint32_t>(kept));
            if (at == kept) features_[kept++] = feature;
            else features_[at].value += feature.value;
        }
        features_.resize(kept);
        return features_;
    }

private:
    // ---- what is remembered of a key

    struct StringUse {
        uint32_t rule;
        std::string head;  // "title$"
        std::string group;
    };
    struct NumUse {
        uint32_t rule;
        std::string name;  // "age@num"
        uint32_t id;       // of that name in the model, if it has one
        GlobalWeight weight;
    };
    struct Plan {
        std::string key;
        bool has_dollar = false;
        std::vector<StringUse> strings;
        std::vector<NumUse> numbers;
        std::vector<uint32_t> string_filters, num_filters, binaries;

        bool is(std::string_view other) const { return key.size() == other.size() && same_bytes(key.data(), other.data(), other.size()); }
    };

    Plan& plan_for(std::string_view key, size_t& hint);

    Plan make_plan(std::string_view key) const;

    // Keys beyond this many are forgotten, all at once: whoever sends endless new keys gains nothing and costs little.
    static constexpr size_t kRememberedKeys = 16 * 1024;

    void start(const Names& names);

    // ---- the datum as it was sent

    struct Text { std::string_view key, value; };
    struct Number { std::string_view key; double value; };

    void read(msgpack::Reader& in);

    // ---- filters: rule by rule, each over the originals and what earlier rules made

    template <class Item, class Rules, class Which, class Apply>
    void filter(const std::vector<Item>& originals, std::vector<Item>& filtered, const Rules& rules, Which which, Apply apply);

    std::string_view keep(std::string text);

    // ---- extraction

    template <class Resolve>
    void extract(Resolve&& resolve, const Names& names);

    template <class Resolve>
    void extract_strings(const std::vector<Text>& texts, Resolve& resolve, const Names& names);

    // One text under one rule: every distinct value is one feature, its frequency the sum of its scores.
    template <class Resolve>
    void extract_string(const Plan& plan, const StringUse& use, std::string_view text, Resolve& resolve, const Names& names);

    void order_as_reference(size_t first, const StringUse& use, const StringRule& rule, const Names& names);

    template <class Resolve>
    void extract_numbers(const std::vector<Number>& numbers, Resolve& resolve);

    template <class Resolve>
    void extract_number(NumUse& use, const Number& number, Resolve& resolve);

    template <class Resolve>
    void emit_numbered(NumUse& use, double value, Resolve& resolve);

    template <class Resolve>
    void extract_binaries(Resolve& resolve);

    template <class Resolve>
    void emit_all(const NamedValues& values, Resolve& resolve);

    // Where nothing weighs features, zeros can go at once.
    void emit(uint32_t id, double value);

    [[noreturn]] static void refuse_dollar(const Plan& plan);

    // ---- weights

    struct Origin {
        GlobalWeight weight;
        uint32_t group;
    };
    struct Group {
        std::string key;
        double length;  // sum of the unweighted values of this group in this datum
    };
    static constexpr uint32_t kNoGroup = UINT32_MAX;

    // Says of all features without an origin so far where they come from.
    void originate(GlobalWeight weight, std::string_view group);

    uint32_t group_index(std::string_view key);

    void gather(Weights& weights);

    void apply_weights(const Names& names, const Weights& weights);

    static double inverse_document_frequency(const Weights& weights, GlobalWeight weight, uint32_t id);

    // ---- after extraction

    // `combined` numbers the names of combined features, `last` those that come out.
    template <class Combined, class Last>
    void finish(const Names& names, const Weights& weights, Combined&& combined, Last&& last);

    template <class Resolve>
    void combine(const Names& names, Resolve& resolve);

    template <class Resolve>
    void combine_pair(const CombinationRule& rule, Feature a, Feature b, const Names& names, Resolve& resolve);

    template <class Resolve>
    void hash_names(const Names& names, Resolve& resolve);

    uint32_t local(std::string_view name);

    uint32_t known_or_local(std::string_view name, const Names& names);

    // ---- which ids were met since begin(), and where

    class Seen {
    public:
        void begin() {
            if (++epoch_ == 0) {
                slots_.assign(slots_.size(), Slot{});
                epoch_ = 1;
            }
            used_ = 0;
        }
        // The index given with the first of equal ids.
        uint32_t insert(uint32_t id, uint32_t index) {
            const size_t mask = slots_.size() - 1;
            for (size_t i = id & mask;; i = (i + 1) & mask) {
                Slot& slot = slots_[i];
                if (slot.epoch != epoch_) {
                    slot = {id, epoch_, index};
                    if (++used_ * 2 > slots_.size()) grow();
                    return index;
                }
                if (slot.id == id) return slot.index;
            }
        }

    private:
        struct Slot { uint32_t id = 0, epoch = 0, index = 0; };

        void grow() {
            std::vector<Slot> old(slots_.size() * 2);
            old.swap(slots_);
            const size_t mask = slots_.size() - 1;
            for (const Slot& slot : old) {
                if (slot.epoch != epoch_) continue;
                size_t i = slot.id & mask;
                while (slots_[i].epoch == epoch_) i = (i + 1) & mask;
                slots_[i] = slot;
            }
        }

        std::vector<Slot> slots_ = std::vector<Slot>(64);
        uint32_t epoch_ = 0;
        size_t used_ = 0;
    };

    const Converter& converter_;
    const bool weighs_, counts_documents_, counts_lengths_;

    Names keys_;
    std::vector<Plan> plans_;
    const Names* names_ = nullptr;
    uint64_t generation_ = 0;

    std::vector<Text> strings_, binaries_, filtered_strings_;
    std::vector<Number> numbers_, filtered_numbers_;
    std::deque<std::string> kept_;

    Names local_;
    std::string key_;
    Seen seen_;
    std::vector<Feature> features_;
    std::vector<Origin> origins_;
    std::vector<Group> groups_;
};

}  // namespace duma::convert
