// Feeds the linear classifier: the first byte chooses between train, classify and load.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "linear/classifier.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

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
        rich ? std::make_unique<LruUnlearner>(2, convert::Matcher{convert::Matcher::Kind::prefix, "label1", {}}) : nullptr);
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all{"\x01" + training(4), "\x03" + training(2)};
    all.push_back(std::string(1, '\0') + queries());
    all.push_back("\x02" + queries());
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
            check_load(model, input);
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
