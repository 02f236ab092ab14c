// The converter's rules as Python builds them, and the one door through which converting calls back into Python.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <string>
#include <utility>

#include "bindings/bindings.hpp"
#include "convert/conversion.hpp"
#include "convert/converter.hpp"
#include "convert/errors.hpp"

namespace duma::bindings {

using namespace duma::convert;

namespace {

std::string from_bytes(nb::handle object) {
    const Bytes bytes(object);
    return std::string(bytes.view());
}

NamedValues named_values(nb::handle result) {
    NamedValues values;
    for (nb::handle item : result) {
        const auto pair = nb::cast<nb::tuple>(item);
        if (pair.size() != 2) throw ConversionError("a callback must give pairs of bytes and number");
        values.emplace_back(from_bytes(pair[0]), nb::cast<double>(pair[1]));
    }
    return values;
}

// A Python function, callable from any thread. What it raises becomes a ConversionError with its text.
class Callback {
public:
    explicit Callback(nb::callable function)
        : function_(new nb::callable(std::move(function)), [](nb::callable* held) {
              nb::gil_scoped_acquire gil;
              delete held;
          }) {}

    template <class Read, class... Arguments>
    auto call(Read&& read, Arguments... arguments) const {
        nb::gil_scoped_acquire gil;
        try {
            return read((*function_)(argument(arguments)...));
        } catch (nb::python_error& error) {
            throw ConversionError(std::string(Bytes(nb::str(error.value()).attr("encode")("utf-8", "backslashreplace")).view()));
        } catch (nb::cast_error&) {
            throw ConversionError("a callback of the converter gave a value of a wrong type");
        }
    }

private:
    static nb::bytes argument(std::string_view s) { return to_bytes(s); }
    static nb::float_ argument(double x) { return nb::float_(x); }

    std::shared_ptr<nb::callable> function_;
};

Condition condition(const Matcher& key, const std::optional<Matcher>& except) { return {key, except}; }

SampleWeight sample_weight(const std::string& name) {
    if (name == "bin") return SampleWeight::bin;
    if (name == "tf") return SampleWeight::tf;
    if (name == "log_tf") return SampleWeight::log_tf;
    throw nb::value_error(("unknown sample weight: " + name).c_str());
}

GlobalWeight checked_global_weight(const std::string& name) {
    const GlobalWeight weight = global_weight(name);
    if (weight == GlobalWeight::none) throw nb::value_error(("unknown global weight: " + name).c_str());
    return weight;
}

void bind_parts(nb::module_& m) {
    const auto matcher = [](Matcher::Kind kind) {
        return [kind](nb::bytes text) { return Matcher{kind, from_bytes(text), {}}; };
    };
    nb::class_<Matcher>(m, "Matcher", "Which keys a rule applies to.")
        .def_static("any", [] { return Matcher{}; })
        .def_static("prefix", matcher(Matcher::Kind::prefix), nb::arg("text"))
        .def_static("suffix", matcher(Matcher::Kind::suffix), nb::arg("text"))
        .def_static("exact", matcher(Matcher::Kind::exact), nb::arg("text"))
        .def_static("callback", [](nb::callable function) {
            return Matcher{Matcher::Kind::callback, "", [call = Callback(std::move(function))](std::string_view key) {
                return call.call([](nb::object result) { return nb::cast<bool>(result); }, key);
            }};
        }, nb::arg("function"))
        .def("matches", [](const Matcher& self, nb::bytes key) { return self(from_bytes(key)); }, nb::arg("key"));

    nb::class_<NumFilter>(m, "NumFilter")
        .def_static("add", [](double value) { return NumFilter{NumFilter::Kind::add, value, 0, false, {}}; }, nb::arg("value"))
        .def_static("linear", [](double minimum, double maximum, bool truncate) {
            return NumFilter{NumFilter::Kind::linear, minimum, maximum, truncate, {}};
        }, nb::arg("minimum"), nb::arg("maximum"), nb::arg("truncate"))
        .def_static("gaussian", [](double average, double deviation) {
            return NumFilter{NumFilter::Kind::gaussian, average, deviation, false, {}};
        }, nb::arg("average"), nb::arg("standard_deviation"))
        .def_static("sigmoid", [](double gain, double bias) {
            return NumFilter{NumFilter::Kind::sigmoid, gain, bias, false, {}};
        }, nb::arg("gain"), nb::arg("bias"))
        .def_static("callback", [](nb::callable function) {
            return NumFilter{NumFilter::Kind::callback, 0, 0, false, [call = Callback(std::move(function))](double x) {
                return call.call([](nb::object result) { return nb::cast<double>(result); }, x);
            }};
        }, nb::arg("function"));

    const auto plain = [](StringExtractor::Kind kind) {
        return [kind] { return StringExtractor{.kind = kind, .separators = {}, .callback = {}}; };
    };
    nb::class_<StringExtractor>(m, "StringExtractor")
        .def_static("whole", plain(StringExtractor::Kind::whole))
        .def_static("space", plain(StringExtractor::Kind::space))
        .def_static("ngram", [](size_t length) {
            if (length < 1) throw nb::value_error("an n-gram has at least one character");
            return StringExtractor{.kind = StringExtractor::Kind::ngram, .length = length, .separators = {}, .callback = {}};
        }, nb::arg("length"))
        .def_static("separators", [](nb::bytes characters) { return StringExtractor::separated_by(from_bytes(characters)); }, nb::arg("characters"))
        .def_static("callback", [](nb::callable function) {
            return StringExtractor{.kind = StringExtractor::Kind::callback, .separators = {},
                                   .callback = [call = Callback(std::move(function))](std::string_view text) { return call.call(named_values, text); }};
        }, nb::arg("function"));

    const auto number = [](NumExtractor::Kind kind) { return [kind] { return NumExtractor{kind, {}}; }; };
    nb::class_<NumExtractor>(m, "NumExtractor")
        .def_static("num", number(NumExtractor::Kind::number))
        .def_static("log", number(NumExtractor::Kind::logarithm))
        .def_static("text", number(NumExtractor::Kind::text))
        .def_static("callback", [](nb::callable function) {
            return NumExtractor{NumExtractor::Kind::callback, [call = Callback(std::move(function))](std::string_view key, double x) {
                return call.call(named_values, key, x);
            }};
        }, nb::arg("function"));

    nb::class_<BinaryExtractor>(m, "BinaryExtractor")
        .def_static("callback", [](nb::callable function) {
            return BinaryExtractor{[call = Callback(std::move(function))](std::string_view key, std::string_view value) {
                return call.call(named_values, key, value);
            }};
        }, nb::arg("function"));

    nb::class_<Combiner>(m, "Combiner")
        .def_static("add", [] { return Combiner{Combiner::Kind::add, true, {}}; })
        .def_static("mul", [] { return Combiner{Combiner::Kind::mul, true, {}}; })
        .def_static("callback", [](nb::callable function, bool commutative) {
            return Combiner{Combiner::Kind::callback, commutative, [call = Callback(std::move(function))](std::string_view key, double a, double b) {
                return call.call(named_values, key, a, b);
            }};
        }, nb::arg("function"), nb::arg("commutative"));
}

void bind_converter(nb::module_& m) {
    using Except = std::optional<Matcher>;
    const auto note_callback = [](Converter& converter, const Matcher& key, const Except& except, bool calls_back) {
        const auto calls = [](const Matcher& matcher) { return matcher.kind == Matcher::Kind::callback; };
        converter.calls_back |= calls_back || calls(key) || (except && calls(*except));
    };
    nb::class_<Converter>(m, "Converter", "The rules by which datums become features. Add rules first, then give it to a model.")
        .def(nb::init<>())
        .def_rw("hash_max_size", &Converter::hash_max_size)
        .def("add_string_filter", [=](Converter& self, const Matcher& key, const Except& except, nb::bytes suffix, nb::callable filter) {
            note_callback(self, key, except, true);
            self.string_filters.push_back({condition(key, except), from_bytes(suffix), [call = Callback(std::move(filter))](std::string_view text) {
                return call.call([](nb::object result) { return from_bytes(result); }, text);
            }});
        }, nb::arg("key"), nb::arg("except_").none(), nb::arg("suffix"), nb::arg("filter"))
        .def("add_num_filter", [=](Converter& self, const Matcher& key, const Except& except, nb::bytes suffix, const NumFilter& filter) {
            note_callback(self, key, except, filter.kind == NumFilter::Kind::callback);
            self.num_filters.push_back({condition(key, except), from_bytes(suffix), filter});
        }, nb::arg("key"), nb::arg("except_").none(), nb::arg("suffix"), nb::arg("filter"))
        .def("add_string_rule", [=](Converter& self, const Matcher& key, const Except& except, nb::bytes type_name, const StringExtractor& extractor,
                                    const std::string& sample, const std::string& global) {
            note_callback(self, key, except, extractor.kind == StringExtractor::Kind::callback);
            const std::string tail = "@" + from_bytes(type_name) + "#" + sample + "/" + global;
            self.string_rules.push_back({condition(key, except), extractor, sample_weight(sample), checked_global_weight(global), tail});
        }, nb::arg("key"), nb::arg("except_").none(), nb::arg("type_name"), nb::arg("extractor"), nb::arg("sample_weight"), nb::arg("global_weight"))
        .def("add_num_rule", [=](Converter& self, const Matcher& key, const Except& except, nb::bytes type_name, const NumExtractor& extractor) {
            note_callback(self, key, except, extractor.kind == NumExtractor::Kind::callback);
            self.num_rules.push_back({condition(key, except), extractor, "@" + from_bytes(type_name)});
        }, nb::arg("key"), nb::arg("except_").none(), nb::arg("type_name"), nb::arg("extractor"))
        .def("add_binary_rule", [=](Converter& self, const Matcher& key, nb::bytes type_name, const BinaryExtractor& extractor) {
            note_callback(self, key, std::nullopt, true);
            self.binary_rules.push_back({condition(key, std::nullopt), extractor, "@" + from_bytes(type_name)});
        }, nb::arg("key"), nb::arg("type_name"), nb::arg("extractor"))
        .def("add_combination_rule", [=](Converter& self, const Matcher& left, const Except& except_left, const Matcher& right, const Except& except_right,
                                         nb::bytes type_name, const Combiner& combiner) {
            note_callback(self, left, except_left, combiner.kind == Combiner::Kind::callback);
            note_callback(self, right, except_right, false);
            self.combination_rules.push_back({condition(left, except_left), condition(right, except_right), combiner, "/" + from_bytes(type_name)});
        }, nb::arg("key_left"), nb::arg("except_left").none(), nb::arg("key_right"), nb::arg("except_right").none(), nb::arg("type_name"), nb::arg("combiner"));
}

// A converter with statistics of its own, giving features by name.
class FeatureExtractor {
public:
    explicit FeatureExtractor(const Converter& converter) : converter_(converter), conversion_(converter_) {}

    nb::list update(nb::handle datum) {
        const Bytes bytes(datum);
        msgpack::Reader in(bytes.view());
        return named(conversion_.update(in, names_, weights_));
    }
    nb::list convert(nb::handle datum) {
        const Bytes bytes(datum);
        msgpack::Reader in(bytes.view());
        return named(conversion_.convert(in, names_, weights_, Unknown::keep));
    }

private:
    nb::list named(const std::vector<Feature>& features) const {
        nb::list list;
        for (const auto& [id, value] : features) list.append(nb::make_tuple(to_bytes(conversion_.name(id, names_)), value));
        return list;
    }

    const Converter converter_;
    Names names_;
    Weights weights_;
    Conversion conversion_;
};

}  // namespace

void bind_convert(nb::module_& m) {
    // A mistake in what was sent, so that a server answers and logs it as one.
    bind_error<ConversionError>(m, "ConversionError", client_error());
    bind_parts(m);
    bind_converter(m);
    nb::class_<FeatureExtractor>(m, "FeatureExtractor", "Converts datums (MessagePack) into [(key, value)...], with statistics of its own.")
        .def(nb::init<const Converter&>(), nb::arg("converter"))
        .def("update", &FeatureExtractor::update, nb::arg("datum"))
        .def("convert", &FeatureExtractor::convert, nb::arg("datum"));
}

}  // namespace duma::bindings
