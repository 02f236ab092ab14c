// Feeds the whole way from datums to a model and back: the first eight bytes choose rules, filters, weights, hashing,
// method and unlearner; what follows is trained and, its labels passed over, classified.
//
// A model that was saved and loaded must answer as the one it was saved from, before and after both go on learning.
#include <cmath>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "convert/errors.hpp"
#include "linear/classifier.hpp"

using namespace duma;
using namespace duma::convert;

namespace {

constexpr size_t settings_size = 8;

void require(bool holds) {
    if (!holds) std::abort();
}

Matcher keys(unsigned n) {
    using Kind = Matcher::Kind;
    switch (n % 6) {
        case 1: return {Kind::prefix, "b", {}};
        case 2: return {Kind::suffix, "+", {}};
        case 3: return {Kind::exact, "user", {}};
        case 4: return {Kind::callback, {}, [](std::string_view key) { return key.size() % 2 == 0; }};
        default: return {};
    }
}

Condition condition(unsigned n) {
    Condition made;
    made.key = keys(n);
    if (n & 8) made.except = keys(n >> 4);
    return made;
}

// Values as a plugin may give them: parts of the text, empty, repeated, with any score.
StringExtractor::Elements pieces(std::string_view text) {
    if (text.starts_with("refuse")) throw ConversionError("refused");
    StringExtractor::Elements made;
    for (size_t i = 0; i < text.size() && i < 8; ++i)
        made.emplace_back(std::string(text.substr(i, i % 3)), i == 3 ? 0 : i == 5 ? -INFINITY : i - 2.0);
    return made;
}

std::string without_vowels(std::string_view text) {
    std::string kept;
    for (const char c : text)
        if (std::string_view("aeiou\x80").find(c) == std::string_view::npos) kept += c;
    return kept;
}

void add_string_rules(Converter& rules, const uint8_t* b) {
    using Kind = StringExtractor::Kind;
    const auto add = [&](unsigned n, StringExtractor extractor, const char* name) {
        static const char* const samples[] = {"bin", "tf", "log_tf"};
        static const std::pair<GlobalWeight, const char*> globals[] = {
            {GlobalWeight::bin, "bin"}, {GlobalWeight::idf, "idf"}, {GlobalWeight::idf1, "idf1"},
            {GlobalWeight::bm25, "bm25"}, {GlobalWeight::user, "weight"}};
        const auto [weight, weight_name] = globals[n / 3 % 5];
        rules.string_rules.push_back({condition(n >> 2), std::move(extractor), static_cast<SampleWeight>(n % 3), weight,
                                      std::string("@") + name + "#" + samples[n % 3] + "/" + weight_name});
    };
    const auto plain = [](Kind kind, size_t length) { return StringExtractor{.kind = kind, .length = length, .separators = {}, .callback = {}}; };
    if (b[0] & 1) add(b[1], plain(Kind::space, 1), "space");
    if (b[0] & 2) add(b[2], plain(Kind::ngram, 1 + b[2] % 5), "ngram");
    if (b[0] & 4) add(b[1] ^ b[2], plain(Kind::whole, 1), "str");
    if (b[0] & 8) add(b[2] ^ 0x55, StringExtractor::separated_by(", \xe3\x80\x81\xf7\xbf\xbf\xbf"), "split");
    if (b[0] & 16) add(b[1] ^ 0x33, StringExtractor{.kind = Kind::callback, .length = 1, .separators = {}, .callback = pieces}, "plugin");
}

std::shared_ptr<const Converter> converter(const uint8_t* b) {
    auto rules = std::make_shared<Converter>();
    add_string_rules(*rules, b);
    if (b[0] & 32) rules->string_filters = {{condition(b[3]), "+", without_vowels}, {condition(b[3] >> 1), "", without_vowels}};
    using Filter = NumFilter::Kind;
    if (b[3] & 1) rules->num_filters.push_back({condition(b[4]), "+", NumFilter{Filter::add, 0.5, 0, false, {}}});
    if (b[3] & 2) rules->num_filters.push_back({condition(b[4]), "", NumFilter{Filter::linear, -1, 1, (b[4] & 1) != 0, {}}});
    if (b[3] & 4) rules->num_filters.push_back({condition(b[4]), "b", NumFilter{Filter::gaussian, 1, static_cast<double>(b[4] % 3), false, {}}});
    if (b[3] & 8) rules->num_filters.push_back({condition(b[4]), "+", NumFilter{Filter::sigmoid, 700, 0, false, {}}});
    using Number = NumExtractor::Kind;
    if (b[4] & 2) rules->num_rules.push_back({condition(b[5]), NumExtractor{Number::number, {}}, "@num"});
    if (b[4] & 4) rules->num_rules.push_back({condition(b[5]), NumExtractor{Number::logarithm, {}}, "@log"});
    if (b[4] & 8) rules->num_rules.push_back({condition(b[5]), NumExtractor{Number::text, {}}, "@str"});
    if (b[4] & 16)
        rules->num_rules.push_back({condition(b[5]), NumExtractor{Number::callback, [](std::string_view key, double x) {
            return NamedValues{{std::string(key) + "$1@a/bm25", x}, {std::string(key) + "/idf", 0}, {"", -x}};
        }}, "@plugin"});
    if (b[4] & 32)
        rules->binary_rules.push_back({condition(b[5]), BinaryExtractor{[](std::string_view key, std::string_view value) {
            return NamedValues{{std::string(key), static_cast<double>(value.size())}, {std::string(value), 1}};
        }}, "@bytes"});
    if (b[5] & 1) rules->combination_rules.push_back({condition(b[6]), condition(b[5]), Combiner{Combiner::Kind::add, true, {}}, "/add"});
    if (b[5] & 2) rules->combination_rules.push_back({condition(b[6]), condition(b[5]), Combiner{Combiner::Kind::mul, true, {}}, "/mul"});
    if (b[5] & 4) rules->hash_max_size = 1 + b[6];
    return rules;
}

std::unique_ptr<Unlearner> unlearner(uint8_t b) {
    const size_t room = 1 + b % 4;
    if (b & 64) return std::make_unique<RandomUnlearner>(room, std::mt19937(b));
    if (b & 128) return std::make_unique<LruUnlearner>(room, b & 16 ? std::optional(Matcher{Matcher::Kind::prefix, "l", {}}) : std::nullopt);
    return nullptr;
}

// What a call gives: an answer, or what was refused.
template <class Call>
std::string outcome(Call&& call) {
    try {
        return call();
    } catch (const std::runtime_error& error) {
        return std::string("refused: ") + error.what();
    } catch (const std::invalid_argument& error) {
        return std::string("refused: ") + error.what();
    }
}

// The datums of labelled ones, for as far as they can be read.
std::string datums_of(std::string_view labelled) {
    std::string datums;
    uint32_t n = 0;
    try {
        msgpack::Reader in(labelled);
        for (uint32_t left = in.array(); left--;) {
            if (in.array() < 2) break;
            in.skip();
            datums += in.skip();
            ++n;
        }
    } catch (const std::runtime_error&) {  // what was read so far is enough
    }
    msgpack::Buffer head;
    msgpack::Writer out(head);
    out.array(n);
    return head.bytes + datums;
}

// The sign of a NaN has no meaning.
std::string with_plain_nans(std::string answer) {
    for (size_t i = 0; i + 9 <= answer.size(); ++i)
        if (answer[i] == '\xcb' && answer[i + 1] == '\xff' && answer[i + 2] == '\xf8') answer[i + 1] = '\x7f';
    return answer;
}

std::string answers(linear::LinearClassifier& model, const std::string& datums) {
    return with_plain_nans(outcome([&] {
        msgpack::Buffer answer;
        model.classify(datums, answer);
        model.get_labels(answer);
        return answer.bytes;
    }));
}

std::string saved(linear::LinearClassifier& model) {
    const auto snapshot = model.snapshot();
    const uint64_t size = snapshot->size();
    std::string all;
    for (std::string piece; !(piece = snapshot->next(4096)).empty();) all += piece;
    require(all.size() == size);
    return all;
}

std::string training(int records) {
    msgpack::Buffer buffer;
    msgpack::Writer out(buffer);
    const auto texts = [&](std::initializer_list<const char*> values) {
        out.array(values.size());
        for (const char* value : values) {
            out.array(2);
            out.raw(value[0] == 'b' ? "body" : "user");
            out.raw(value);
        }
    };
    out.array(static_cast<size_t>(records));
    for (int i = 0; i < records; ++i) {
        out.array(2);
        out.raw("l" + std::to_string(i));
        out.array(3);
        texts({"by the sea, \xe6\x9d\xb1\xe4\xba\xac", i % 2 ? "b\xff\xe3\x81 x" : "\xf7\xbf\xbf\xbf,a,\xed\xa0\x80", "und so weiter"});
        out.array(2);
        for (const char* key : {"bx", "y+"}) {
            out.array(2);
            out.raw(key);
            out.real(i == 7 ? NAN : i == 9 ? -INFINITY : i * 0.25);
        }
        out.array(1);
        out.array(2);
        out.raw("user");
        out.raw(std::string("\0\1", 2));
    }
    return buffer.bytes;
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    std::mt19937 random(1);
    for (int i = 0; i < 64; ++i) {
        std::string chosen;
        for (size_t k = 0; k < settings_size; ++k) chosen += static_cast<char>(random());
        all.push_back(chosen + training(i % 16 ? 1 + i % 4 : 20));  // 20 labels: more than lie side by side
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < settings_size || size > 4096) return 0;  // combinations grow with the square
    const std::string_view labelled(reinterpret_cast<const char*>(data) + settings_size, size - settings_size);
    const std::string datums = datums_of(labelled);
    const auto method = static_cast<linear::Method>(data[6] % 7);
    linear::LinearClassifier model(method, 0.5f, converter(data), unlearner(data[7]));
    const auto learn = [&](linear::LinearClassifier& one) {
        return outcome([&] { return std::to_string(one.train(labelled)); });
    };
    learn(model);
    if (data[7] & 8) outcome([&] { return std::to_string(model.delete_label("l0") + 2 * model.set_label("set")); });
    const auto twin = model.empty_copy();
    twin->load(saved(model), {});
    for (int round = 0; round < 2; ++round) {
        require(answers(model, datums) == answers(*twin, datums));
        require(saved(model).size() == saved(*twin).size());
        require(learn(model) == learn(*twin));
    }
    return 0;
}
