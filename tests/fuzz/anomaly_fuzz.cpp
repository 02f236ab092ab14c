// Feeds the anomaly engine: the first byte chooses between lof and light_lof, and between storing, scoring and loading.
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "model/unlearner.hpp"
#include "neighbors/anomaly.hpp"
#include "neighbors/light_lof.hpp"
#include "neighbors/lof.hpp"
#include "neighbors/recommender_indexes.hpp"
#include "neighbors/recommender_store.hpp"

using namespace duma;
using namespace duma::fuzz;
using namespace duma::neighbors;

namespace {

std::unique_ptr<Anomaly> engine(bool light) {
    const LofSettings settings{2, 4, true};
    if (light)
        return std::make_unique<Anomaly>(converter(true), [&](const Names&) {
            const SignatureSettings signatures{SignatureMethod::euclid_lsh, 70, 0, 2};
            return std::make_unique<LightLof>(settings, signatures, std::make_unique<RandomUnlearner>(5, std::mt19937(1)));
        });
    return std::make_unique<Anomaly>(converter(false), [&](const Names& names) {
        auto index = std::make_unique<InvertedRecommenderIndex>(InvertedRecommenderIndex::Measure::distance);
        return std::make_unique<Lof>(settings, std::make_unique<RecommenderStore>(names, std::move(index), nullptr),
                                     std::make_unique<LruUnlearner>(5, convert::Matcher{convert::Matcher::Kind::prefix, "1", {}}));
    });
}

std::string record(int i) {
    return packed([&](auto& out) { datum(out, "word" + std::to_string(i), i); });
}

// Numbers of points that are stored grow with every call.
void keep_small(Anomaly& model) {
    static int calls = 0;
    if (++calls % 4096 == 0) model.clear();
}

void store(Anomaly& model, bool light, uint8_t how, std::string_view input) {
    msgpack::Buffer answer;
    const std::string id = std::to_string(how >> 5);
    switch (how >> 3 & 3) {
        case 0: model.add(input, answer); return;
        case 1: model.add_bulk(input, answer); return;
        case 2: light ? model.overwrite(id, input) : model.update(id, input); return;
        default:
            if (!light) model.clear_row(id);
            model.overwrite(id, input);
    }
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (const bool light : {false, true}) {
        const int which = light ? 2 : 0;
        const auto add = [&](int choice, const std::string& input) { all.push_back(static_cast<char>(which | choice) + input); };
        auto model = engine(light);
        for (int i = 0; i < 8; ++i) {
            msgpack::Buffer answer;
            model->add(record(i % 3), answer);
            add(1, record(i));
            add(1 | 16 | i << 5, record(i));
            add(1 | 24 | i << 5, record(i));
        }
        add(0, record(1));
        add(1 | 8, queries());
        add(4, model->snapshot()->next(1 << 20));
        add(5, model->hidden_state());
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto lof = engine(false), light = engine(true);
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const bool is_light = data[0] & 2;
    Anomaly& model = is_light ? *light : *lof;
    try {
        if ((data[0] & 5) == 5) {
            model.set_hidden_state(std::string(input));
        } else if (data[0] & 4) {
            check_load(model, input);
        } else if (data[0] & 1) {
            keep_small(model);
            store(model, is_light, data[0], input);
        } else {
            model.calc_score(input);
            msgpack::Buffer answer;
            model.get_all_rows(answer);
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
