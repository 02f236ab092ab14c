// Feeds the linear regression: the first byte chooses between train, estimate, load and its hidden state.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "linear/regression.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

std::unique_ptr<linear::LinearRegression> regression(bool rich) {
    return std::make_unique<linear::LinearRegression>(
        linear::RegressionSettings{rich ? linear::Method::arow : linear::Method::pa1, 1.0f, 0.1f, 0.1f}, converter(rich));
}

std::string training(int n) {
    return packed([&](auto& out) {
        out.array(static_cast<size_t>(n));
        for (int i = 0; i < n; ++i) {
            out.array(2);
            out.real(i * 1.5 - 2);
            datum(out, "word" + std::to_string(i), i);
        }
    });
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all{"\x01" + training(4), "\x03" + training(2), std::string(1, '\0') + queries(), "\x02" + queries()};
    for (const bool rich : {false, true}) {
        auto model = regression(rich);
        model->train(training(4));
        all.push_back((rich ? "\x06" : "\x04") + model->snapshot()->next(1 << 20));
        all.push_back("\x05" + model->hidden_state());
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto plain = regression(false), rich = regression(true);
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    linear::LinearRegression& model = data[0] & 2 ? *rich : *plain;
    msgpack::Buffer answer;
    try {
        if ((data[0] & 5) == 5) {
            model.set_hidden_state(std::string(input));
        } else if (data[0] & 4) {
            check_load(model, input);
        } else if (data[0] & 1) {
            model.train(input);
        } else {
            model.estimate(input, answer);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
