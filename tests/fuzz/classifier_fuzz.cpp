// Feeds the linear classifier: the first byte chooses between train, classify and load.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "linear/classifier.hpp"

using namespace duma;

namespace {

std::shared_ptr<const convert::Converter> converter(bool rich) {
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

std::string packed(auto&& write) {
    msgpack::Buffer buffer;
    msgpack::Writer out(buffer);
    write(out);
    return buffer.bytes;
}

void datum(auto& out, const std::string& word, double x) {
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

std::string training(int n) {
    return packed([&](auto& out) {
        out.array(static_cast<size_t>(n));
        for (int i = 0; i < n; ++i) {
            out.array(2);
            out.raw("label" + std::to_string(i % 3));
            datum(out, "word" + std::to_string(i), i);
        }
    });
}

std::unique_ptr<linear::LinearClassifier> classifier(bool rich) {
    return std::make_unique<linear::LinearClassifier>(
        linear::Method::arow, 1.0f, converter(rich),
        rich ? std::make_unique<linear::LruUnlearner>(2, convert::Matcher{convert::Matcher::Kind::prefix, "label1", {}}) : nullptr);
}

// What any loaded model saves can be loaded, and says the same.
void reload(linear::LinearClassifier& model, const std::string& saved) {
    const auto again = model.empty_copy();
    try {
        again->load(saved, {});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "not loaded again: %s\n", error.what());
        std::abort();
    }
    if (again->snapshot()->size() != saved.size()) std::abort();
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all{"\x01" + training(4), "\x03" + training(2)};
    const std::string queries = packed([&](auto& out) {
        out.array(2);
        datum(out, "word1", 2);
        datum(out, "other", -1);
    });
    all.push_back(std::string(1, '\0') + queries);
    all.push_back("\x02" + queries);
    for (const bool rich : {false, true}) {
        auto model = classifier(rich);
        model->train(training(4));
        all.push_back((rich ? "\x06" : "\x04") + model->snapshot()->next(1 << 20));
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto plain = classifier(false), rich = classifier(true);
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    linear::LinearClassifier& model = data[0] & 2 ? *rich : *plain;
    msgpack::Buffer answer;
    try {
        if (data[0] & 4) {
            const auto loaded = model.empty_copy();
            loaded->load(input, {});
            const auto snapshot = loaded->snapshot();
            const std::string saved = snapshot->next(1 << 24);
            if (snapshot->size() != saved.size()) std::abort();
            reload(model, saved);
        } else if (data[0] & 1) {
            model.train(input);
        } else {
            model.classify(input, answer);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
