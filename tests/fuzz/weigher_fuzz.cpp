// Feeds the weight engine: the first byte chooses between update, calc_weight and load.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "convert/weigher.hpp"
#include "inputs.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

std::unique_ptr<convert::Weigher> weigher(bool rich) { return std::make_unique<convert::Weigher>(converter(rich)); }

std::string one(const std::string& word, double x) {
    return packed([&](auto& out) { datum(out, word, x); });
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (const std::string& input : {one("word", 1), one("other", -2.5)})
        for (const char choice : {'\0', '\1', '\2', '\3'}) all.push_back(choice + input);
    for (const bool rich : {false, true}) {
        const auto model = weigher(rich);
        msgpack::Buffer answer;
        model->update(one("word", 1), answer);
        all.push_back((rich ? "\x06" : "\x04") + model->snapshot()->next(1 << 20));
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto plain = weigher(false), rich = weigher(true);
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    convert::Weigher& model = data[0] & 2 ? *rich : *plain;
    msgpack::Buffer answer;
    try {
        if (data[0] & 4) {
            check_load(model, input);
        } else if (data[0] & 1) {
            model.update(input, answer);
        } else {
            model.calc_weight(input, answer);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
