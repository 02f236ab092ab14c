// What the models' fuzz targets share: converters, datums, and the promise that what was loaded can be saved.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "convert/converter.hpp"
#include "msgpack/writer.hpp"

namespace duma::fuzz {

inline std::shared_ptr<const convert::Converter> converter(bool rich) {
    using namespace convert;
    auto rules = std::make_shared<Converter>();
    rules->num_rules.push_back({Condition{}, NumExtractor{}, "@num"});
    const auto add = [&](StringExtractor extractor, SampleWeight sample, GlobalWeight global, const char* tail) {
        rules->string_rules.push_back({Condition{}, std::move(extractor), sample, global, tail});
    };
    const auto kind = [](StringExtractor::Kind k) { return StringExtractor{.kind = k, .length = 2, .separators = {}, .callback = {}}; };
    add(kind(StringExtractor::Kind::space), SampleWeight::tf, GlobalWeight::bin, "@space#tf/bin");
    if (!rich) return rules;
    rules->num_rules.push_back({Condition{}, NumExtractor{NumExtractor::Kind::text, {}}, "@str"});
    rules->num_rules.push_back({Condition{}, NumExtractor{NumExtractor::Kind::logarithm, {}}, "@log"});
    rules->num_filters.push_back({Condition{}, "_n", NumFilter{NumFilter::Kind::sigmoid, 2, 1, false, {}}});
    add(kind(StringExtractor::Kind::ngram), SampleWeight::log_tf, GlobalWeight::bm25, "@bigram#log_tf/bm25");
    add(StringExtractor::separated_by(", \xe3\x80\x81"), SampleWeight::bin, GlobalWeight::idf1, "@split#bin/idf1");
    rules->combination_rules.push_back({Condition{}, Condition{}, Combiner{}, "/add"});
    rules->hash_max_size = 97;
    return rules;
}

inline std::string packed(auto&& write) {
    msgpack::Buffer buffer;
    msgpack::Writer out(buffer);
    write(out);
    return buffer.bytes;
}

inline void datum(auto& out, const std::string& word, double x) {
    out.array(3);
    out.array(2);
    for (const char* key : {"body", "user"}) {
        out.array(2);
        out.raw(key);
        out.raw(word + " and, " + word + "\xc3\xa9\xe6\x9d\xb1");
    }
    out.array(1);
    out.array(2);
    out.raw("x");
    out.real(x);
    out.array(0);
}

// Two datums.
inline std::string queries() {
    return packed([&](auto& out) {
        out.array(2);
        datum(out, "word1", 2);
        datum(out, "other", -1);
    });
}

// What any loaded model saves can be loaded, and says the same.
template <class Model>
void reload(Model& model, const std::string& saved) {
    const auto again = model.empty_copy();
    try {
        again->load(saved, {});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "not loaded again: %s\n", error.what());
        std::abort();
    }
    if (again->snapshot()->size() != saved.size()) std::abort();
}

// Loads `input` into an empty model like this one; raises if it is refused. What is loaded has as many bytes as it says,
// and can be loaded again.
template <class Model>
void check_load(Model& model, std::string_view input) {
    const auto loaded = model.empty_copy();
    loaded->load(input, {});
    const auto snapshot = loaded->snapshot();
    const std::string saved = snapshot->next(1 << 24);
    if (snapshot->size() != saved.size()) std::abort();
    reload(model, saved);
}

}  // namespace duma::fuzz
