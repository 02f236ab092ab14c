// Feeds the nearest neighbour engine: the first byte chooses between setting a row, searching and loading.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "neighbors/nearest_neighbor.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

std::unique_ptr<neighbors::NearestNeighbor> engine(bool rich) {
    const neighbors::SignatureSettings settings = rich ? neighbors::SignatureSettings{neighbors::SignatureMethod::euclid_lsh, 70, 3, 2}
                                                       : neighbors::SignatureSettings{neighbors::SignatureMethod::minhash, 5, 0, 0};
    return std::make_unique<neighbors::NearestNeighbor>(settings, converter(rich));
}

std::string record(int i) {
    return packed([&](auto& out) { datum(out, "word" + std::to_string(i), i); });
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (const bool rich : {false, true}) {
        const char which = rich ? 2 : 0;
        auto model = engine(rich);
        for (int i = 0; i < 4; ++i) {
            model->set_row("row" + std::to_string(i % 3), record(i));
            all.push_back(std::string(1, static_cast<char>(which | i % 2)) + record(i));
        }
        all.push_back(std::string(1, static_cast<char>(which | 4)) + model->snapshot()->next(1 << 20));
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto plain = engine(false), rich = engine(true);
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    neighbors::NearestNeighbor& model = data[0] & 2 ? *rich : *plain;
    msgpack::Buffer answer;
    try {
        if (data[0] & 4) {
            check_load(model, input);
        } else if (data[0] & 1) {
            model.set_row(std::to_string(data[0] >> 3), input);
            model.search_by_id(std::to_string(data[0] >> 4), 3, neighbors::Score::distance, answer);
        } else {
            model.search_by_datum(input, data[0] >> 3, neighbors::Score::similarity, answer);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
