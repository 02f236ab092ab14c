#include "convert/conversion.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "convert/errors.hpp"
#include "names/reference_order.hpp"

namespace duma::convert {

const std::vector<Feature>& Conversion::update(msgpack::Reader& datum, Names& names, Weights& weights) {
    read(datum);
    start(names);
    extract([&](std::string_view name) {
        return converter_.hash_max_size == 0 || counts_documents_ ? names.intern(name) : local(name);
    }, names);
    if (counts_documents_) gather(weights);
    const auto intern = [&](std::string_view name) { return names.intern(name); };
    if (converter_.hash_max_size == 0) finish(names, weights, intern, intern);
    else finish(names, weights, [&](std::string_view name) { return local(name); }, intern);
    return features_;
}

const std::vector<Feature>& Conversion::count(msgpack::Reader& datum, Names& names, Weights& weights) {
    if (!counts_documents_) return convert(datum, names, weights, Unknown::keep);
    read(datum);
    start(names);
    extract([&](std::string_view name) { return names.intern(name); }, names);
    gather(weights);
    const auto resolve = [&](std::string_view name) { return known_or_local(name, names); };
    finish(names, weights, resolve, resolve);
    return features_;
}

const std::vector<Feature>& Conversion::convert(msgpack::Reader& datum, const Names& names, const Weights& weights, Unknown unknown) {
    read(datum);
    start(names);
    const bool skip = unknown == Unknown::skip && converter_.combination_rules.empty() &&
                      converter_.hash_max_size == 0 && !counts_lengths_;
    const auto resolve = [&](std::string_view name, bool keep) { return keep ? known_or_local(name, names) : names.find(name); };
    extract([&](std::string_view name) { return resolve(name, !skip); }, names);
    const bool keep = unknown == Unknown::keep;
    // What is hashed is known by its hash alone: the names before may be new to the model.
    finish(names, weights, [&](std::string_view name) { return resolve(name, keep || converter_.hash_max_size > 0); },
           [&](std::string_view name) { return resolve(name, keep); });
    return features_;
}

// ---- what is remembered of a key

inline Conversion::Plan& Conversion::plan_for(std::string_view key, size_t& hint) {
    // Records mostly come with the same keys in the same order.
    if (hint < plans_.size() && plans_[hint].is(key)) return plans_[hint++];
    const uint32_t known = keys_.intern(key);
    if (known == plans_.size()) plans_.push_back(make_plan(key));
    hint = known + 1;
    return plans_[known];
}

inline Conversion::Plan Conversion::make_plan(std::string_view key) const {
    Plan plan;
    plan.key = key;
    plan.has_dollar = key.find('$') != key.npos;
    const auto applying = [&](const auto& rules, auto&& use) {
        for (uint32_t i = 0; i < rules.size(); ++i)
            if (rules[i].applies(key)) use(i);
    };
    applying(converter_.string_filters, [&](uint32_t i) { plan.string_filters.push_back(i); });
    applying(converter_.num_filters, [&](uint32_t i) { plan.num_filters.push_back(i); });
    applying(converter_.binary_rules, [&](uint32_t i) { plan.binaries.push_back(i); });
    applying(converter_.string_rules, [&](uint32_t i) {
        const std::string& tail = converter_.string_rules[i].tail;
        plan.strings.push_back({i, plan.key + '$', plan.key + tail.substr(tail.rfind('@'))});
    });
    applying(converter_.num_rules, [&](uint32_t i) {
        const NumRule& rule = converter_.num_rules[i];
        std::string name = plan.key + rule.tail;
        if (rule.extractor.kind == NumExtractor::Kind::text) name += '$';
        const GlobalWeight weight = global_weight_of_key(name);
        plan.numbers.push_back({i, std::move(name), Names::kNone, weight});
    });
    return plan;
}

inline void Conversion::start(const Names& names) {
    if (keys_.size() > kRememberedKeys) {
        keys_.clear();
        plans_.clear();
    }
    if (generation_ != names.generation() || names_ != &names) {
        generation_ = names.generation();
        names_ = &names;
        for (Plan& plan : plans_)
            for (NumUse& use : plan.numbers) use.id = Names::kNone;
    }
    features_.clear();
    origins_.clear();
    groups_.clear();
    if (local_.size() > 0) local_.clear();
}

// ---- the datum as it was sent

inline void Conversion::read(msgpack::Reader& in) {
    strings_.clear();
    numbers_.clear();
    binaries_.clear();
    uint32_t lists = in.array();
    const auto pairs = [&](auto&& take) {
        if (lists == 0) return;
        --lists;
        for (uint32_t n = in.array(); n--;) {
            if (!in.pair()) throw msgpack::TypeMismatch("a pair was expected");
            take();
        }
    };
    const auto text = [&] {
        const std::string_view key = in.raw();
        return Text{key, in.raw()};
    };
    pairs([&] { strings_.push_back(text()); });
    pairs([&] {
        const std::string_view key = in.raw();
        numbers_.push_back({key, in.real()});
    });
    pairs([&] { binaries_.push_back(text()); });
    while (lists--) in.skip();
}

// ---- filters: rule by rule, each over the originals and what earlier rules made

template <class Item, class Rules, class Which, class Apply>
inline void Conversion::filter(const std::vector<Item>& originals, std::vector<Item>& filtered, const Rules& rules, Which which, Apply apply) {
    filtered.clear();
    size_t hint = 0;
    for (uint32_t rule = 0; rule < rules.size(); ++rule) {
        const size_t earlier = filtered.size();
        const auto one = [&](const Item item) {
            const auto& applying = which(plan_for(item.key, hint));
            if (std::find(applying.begin(), applying.end(), rule) == applying.end()) return;
            const std::string_view key = keep(std::string(item.key) + rules[rule].suffix);
            filtered.push_back({key, apply(rules[rule], item.value)});
        };
        for (const Item& item : originals) one(item);
        for (size_t i = 0; i < earlier; ++i) one(filtered[i]);
    }
}

inline std::string_view Conversion::keep(std::string text) { return kept_.emplace_back(std::move(text)); }

// ---- extraction

template <class Resolve>
inline void Conversion::extract(Resolve&& resolve, const Names& names) {
    kept_.clear();
    if (!converter_.string_filters.empty())
        filter(strings_, filtered_strings_, converter_.string_filters,
               [](const Plan& plan) -> const auto& { return plan.string_filters; },
               [&](const StringFilterRule& rule, std::string_view value) { return keep(rule.filter(value)); });
    if (!converter_.num_filters.empty())
        filter(numbers_, filtered_numbers_, converter_.num_filters,
               [](const Plan& plan) -> const auto& { return plan.num_filters; },
               [](const NumFilterRule& rule, double value) { return rule.filter(value); });

    extract_strings(strings_, resolve, names);
    if (!converter_.string_filters.empty()) extract_strings(filtered_strings_, resolve, names);
    extract_numbers(numbers_, resolve);
    if (!converter_.num_filters.empty()) extract_numbers(filtered_numbers_, resolve);
    if (!converter_.binary_rules.empty()) extract_binaries(resolve);
}

template <class Resolve>
inline void Conversion::extract_strings(const std::vector<Text>& texts, Resolve& resolve, const Names& names) {
    size_t hint = 0;
    for (uint32_t rule = 0; rule < converter_.string_rules.size(); ++rule)
        for (const Text& text : texts) {
            const Plan& plan = plan_for(text.key, hint);
            for (const StringUse& use : plan.strings)
                if (use.rule == rule) extract_string(plan, use, text.value, resolve, names);
        }
}

template <class Resolve>
inline void Conversion::extract_string(const Plan& plan, const StringUse& use, std::string_view text, Resolve& resolve, const Names& names) {
    const StringRule& rule = converter_.string_rules[use.rule];
    const size_t first = features_.size();
    const bool binary = rule.sample_weight == SampleWeight::bin;
    seen_.begin();
    key_.assign(use.head);
    rule.extractor.each(text, [&](std::string_view value, double score) {
        if (plan.has_dollar && (binary || score != 0)) refuse_dollar(plan);
        key_.resize(use.head.size());
        key_.append(value).append(rule.tail);
        const uint32_t id = resolve(std::string_view(key_));
        if (id == Names::kNone) return;
        const auto next = static_cast<uint32_t>(features_.size());
        const uint32_t at = seen_.insert(id, next);
        if (at == next) features_.push_back({id, score});
        else features_[at].value += score;
    });
    const auto from = features_.begin() + static_cast<ptrdiff_t>(first);
    if (binary)
        for (auto feature = from; feature != features_.end(); ++feature) feature->value = 1;
    else if (rule.sample_weight == SampleWeight::log_tf)
        for (auto feature = from; feature != features_.end(); ++feature) feature->value = std::log(1 + feature->value);
    features_.erase(std::remove_if(from, features_.end(), [](const Feature& f) { return f.value == 0; }), features_.end());
    if (features_.size() == first) return;
    if (!converter_.combination_rules.empty()) order_as_reference(first, use, rule, names);
    if (weighs_) originate(rule.global_weight, counts_lengths_ ? std::string_view(use.group) : std::string_view());
}

inline void Conversion::order_as_reference(size_t first, const StringUse& use, const StringRule& rule, const Names& names) {
    std::vector<uint64_t> hashes;
    for (size_t i = first; i < features_.size(); ++i) {
        std::string_view value = name(features_[i].id, names);
        value.remove_prefix(use.head.size());
        value.remove_suffix(rule.tail.size());
        hashes.push_back(fnv1a(value));
    }
    const std::vector<Feature> extracted(features_.begin() + static_cast<ptrdiff_t>(first), features_.end());
    for (const size_t from : reference_order(hashes)) features_[first++] = extracted[from];
}

template <class Resolve>
inline void Conversion::extract_numbers(const std::vector<Number>& numbers, Resolve& resolve) {
    size_t hint = 0;
    for (const Number& number : numbers) {
        Plan& plan = plan_for(number.key, hint);
        if (plan.has_dollar && !plan.numbers.empty()) refuse_dollar(plan);
        for (NumUse& use : plan.numbers) extract_number(use, number, resolve);
    }
}

template <class Resolve>
inline void Conversion::extract_number(NumUse& use, const Number& number, Resolve& resolve) {
    const NumRule& rule = converter_.num_rules[use.rule];
    switch (rule.extractor.kind) {
        case NumExtractor::Kind::number: return emit_numbered(use, number.value, resolve);
        case NumExtractor::Kind::logarithm: return emit_numbered(use, log_feature(number.value), resolve);
        case NumExtractor::Kind::text: {
            key_.assign(use.name).append(number_text(number.value));
            emit(resolve(std::string_view(key_)), 1);
            if (weighs_) originate(use.weight, counts_lengths_ ? group_of_key(key_) : std::string());
            return;
        }
        case NumExtractor::Kind::callback: return emit_all(rule.extractor.callback(use.name, number.value), resolve);
    }
}

template <class Resolve>
inline void Conversion::emit_numbered(NumUse& use, double value, Resolve& resolve) {
    uint32_t id = use.id;
    if (id == Names::kNone) {
        id = resolve(std::string_view(use.name));
        if (id != Names::kNone && !(id & kLocal)) use.id = id;
    }
    emit(id, value);
    if (weighs_) originate(use.weight, {});
}

template <class Resolve>
inline void Conversion::extract_binaries(Resolve& resolve) {
    size_t hint = 0;
    for (uint32_t i = 0; i < converter_.binary_rules.size(); ++i)
        for (const Text& binary : binaries_) {
            const Plan& plan = plan_for(binary.key, hint);
            if (std::find(plan.binaries.begin(), plan.binaries.end(), i) == plan.binaries.end()) continue;
            if (plan.has_dollar) refuse_dollar(plan);
            const BinaryRule& rule = converter_.binary_rules[i];
            emit_all(rule.extractor.callback(plan.key + rule.tail, binary.value), resolve);
        }
}

template <class Resolve>
inline void Conversion::emit_all(const NamedValues& values, Resolve& resolve) {
    for (const auto& [name, value] : values) {
        emit(resolve(std::string_view(name)), value);
        if (weighs_) originate(global_weight_of_key(name), counts_lengths_ ? group_of_key(name) : std::string());
    }
}

inline void Conversion::emit(uint32_t id, double value) {
    if (id != Names::kNone && (value != 0 || weighs_)) features_.push_back({id, value});
}

[[noreturn]] inline void Conversion::refuse_dollar(const Plan& plan) {
    throw ConversionError("feature key cannot contain '$': " + plan.key);
}

// ---- weights

inline void Conversion::originate(GlobalWeight weight, std::string_view group) {
    if (origins_.size() == features_.size()) return;
    const uint32_t index = group.empty() ? kNoGroup : group_index(group);
    while (origins_.size() < features_.size()) {
        if (index != kNoGroup) groups_[index].length += features_[origins_.size()].value;
        origins_.push_back({weight, index});
    }
}

inline uint32_t Conversion::group_index(std::string_view key) {
    for (uint32_t i = 0; i < groups_.size(); ++i)
        if (groups_[i].key == key) return i;
    groups_.push_back({std::string(key), 0});
    return static_cast<uint32_t>(groups_.size() - 1);
}

inline void Conversion::gather(Weights& weights) {
    KeywordWeights& diff = weights.diff;
    ++diff.document_count;
    for (const Feature& feature : features_) diff.document_frequencies.add(feature.id, 1);
    for (const Group& group : groups_) {
        diff.group_total_lengths[group.key] += group.length;
        diff.group_frequencies[group.key] += 1;
    }
}

inline void Conversion::apply_weights(const Names& names, const Weights& weights) {
    std::vector<double> averages;
    for (const Group& group : groups_) averages.push_back(weights.average_length(group.key));
    for (size_t i = 0; i < features_.size(); ++i) {
        Feature& feature = features_[i];
        const auto [weight, group] = origins_[i];
        switch (weight) {
            case GlobalWeight::none: case GlobalWeight::bin: break;
            case GlobalWeight::bm25:
                feature.value = inverse_document_frequency(weights, weight, feature.id) *
                    Weights::bm25_term_frequency(feature.value, group == kNoGroup ? 0 : groups_[group].length,
                                                 group == kNoGroup ? 0 : averages[group]);
                break;
            case GlobalWeight::idf: case GlobalWeight::idf1:
                feature.value = inverse_document_frequency(weights, weight, feature.id) * feature.value;
                break;
            case GlobalWeight::user:
                feature.value = weights.user_weight(name(feature.id, names)) * feature.value;
                break;
        }
    }
}

inline double Conversion::inverse_document_frequency(const Weights& weights, GlobalWeight weight, uint32_t id) {
    return weights.inverse_document_frequency(weight, id & ~kLocal, !(id & kLocal));
}

// ---- after extraction

template <class Combined, class Last>
inline void Conversion::finish(const Names& names, const Weights& weights, Combined&& combined, Last&& last) {
    if (weighs_) {
        apply_weights(names, weights);
        std::erase_if(features_, [](const Feature& feature) { return feature.value == 0; });
    }
    if (!converter_.combination_rules.empty()) combine(names, combined);
    if (converter_.hash_max_size > 0) hash_names(names, last);
}

template <class Resolve>
inline void Conversion::combine(const Names& names, Resolve& resolve) {
    const size_t n = features_.size();
    if (n < 2) return;
    std::vector<char> left(n), right(n);
    for (const CombinationRule& rule : converter_.combination_rules) {
        for (size_t i = 0; i < n; ++i) {
            left[i] = rule.left(name(features_[i].id, names));
            right[i] = rule.right(name(features_[i].id, names));
        }
        for (size_t j = 0; j < n; ++j)
            for (size_t m = rule.combiner.commutative ? j + 1 : 0; m < n; ++m) {
                if (m == j) continue;
                const bool fires = (left[j] && right[m]) || (rule.combiner.commutative && right[j] && left[m]);
                if (fires) combine_pair(rule, features_[j], features_[m], names, resolve);
            }
    }
}

template <class Resolve>
inline void Conversion::combine_pair(const CombinationRule& rule, Feature a, Feature b, const Names& names, Resolve& resolve) {
    std::string key(name(a.id, names));
    key.append("&").append(name(b.id, names)).append(rule.tail);
    const auto append = [&](std::string_view made, double value) {  // zeros stay
        const uint32_t id = resolve(made);
        if (id != Names::kNone) features_.push_back({id, value});
    };
    switch (rule.combiner.kind) {
        case Combiner::Kind::add: return append(key, a.value + b.value);
        case Combiner::Kind::mul: return append(key, a.value * b.value);
        case Combiner::Kind::callback:
            for (const auto& [made, value] : rule.combiner.callback(key, a.value, b.value)) append(made, value);
    }
}

template <class Resolve>
inline void Conversion::hash_names(const Names& names, Resolve& resolve) {
    size_t kept = 0;
    for (const Feature feature : features_) {
        char digits[20];
        const uint64_t hashed = feature_hash(name(feature.id, names)) % converter_.hash_max_size;
        const auto [end, error] = std::to_chars(digits, digits + sizeof digits, hashed);
        const uint32_t id = resolve(std::string_view(digits, static_cast<size_t>(end - digits)));
        if (id != Names::kNone) features_[kept++] = {id, feature.value};
    }
    features_.resize(kept);
}

inline uint32_t Conversion::local(std::string_view name) { return local_.intern(name) | kLocal; }

inline uint32_t Conversion::known_or_local(std::string_view name, const Names& names) {
    const uint32_t id = names.find(name);
    return id != Names::kNone ? id : local(name);
}

// ---- which ids were met since begin(), and where

}  // namespace duma::convert
