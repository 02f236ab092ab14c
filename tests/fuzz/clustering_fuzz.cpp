// Feeds the clustering: the first byte chooses the method, the storage, and between push, analyses, load and hidden state.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "clustering/clusterer.hpp"
#include "clustering/dbscan.hpp"
#include "clustering/gmm.hpp"
#include "clustering/kmeans.hpp"
#include "inputs.hpp"

using namespace duma;
using namespace duma::clustering;
using namespace duma::fuzz;

namespace {

std::unique_ptr<Clusterer> clusterer(unsigned kind) {
    std::unique_ptr<Method> method;
    if (kind % 4 == 0) method = std::make_unique<KMeans>(3, 1, Distance::euclidean);
    else if (kind % 4 == 1) method = std::make_unique<KMeans>(2, 1, Distance::cosine);
    else if (kind % 4 == 2) method = std::make_unique<GaussianMixture>(2, 1);
    else method = std::make_unique<Dbscan>(1.5, 2, kind & 4 ? Distance::cosine : Distance::euclidean);
    std::unique_ptr<Storage> storage = std::make_unique<SimpleStorage>(3);
    if (kind & 4 && kind % 4 != 3)
        storage = std::make_unique<CompressiveStorage>(CompressiveStorage::Settings{4, 2, 3, 0.25, 0.5},
                                                       Compressor(2, 1, kind % 4 == 2 ? Importance::gmm : Importance::kmeans));
    return std::make_unique<Clusterer>(std::move(method), std::move(storage), converter(kind & 4));
}

std::string points(int n) {
    return packed([&](auto& out) {
        out.array(static_cast<size_t>(n));
        for (int i = 0; i < n; ++i) {
            out.array(2);
            out.raw("id" + std::to_string(i));
            datum(out, "word" + std::to_string(i % 3), i % 2 * 10 + i / 8.0);
        }
    });
}

char choice(unsigned kind, unsigned call) { return static_cast<char>(kind | call << 3); }

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (unsigned kind = 0; kind < 8; ++kind) {
        const auto model = clusterer(kind);
        all.push_back(choice(kind, 0) + points(7));
        all.push_back(choice(kind, 1) + packed([](auto& out) { datum(out, "word1", 2); }));
        model->push(points(9));
        all.push_back(choice(kind, 2) + model->snapshot()->next(1 << 20));
        all.push_back(choice(kind, 3) + model->hidden_state());
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0 || size > 4096) return 0;
    const unsigned kind = data[0] & 7, call = data[0] >> 3 & 3;
    const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto model = clusterer(kind);
    model->push(points(8));
    const auto ask = [&](auto&& question) {
        try {
            msgpack::Buffer answer;
            question(answer);
        } catch (const NoAnswer&) {
        }
    };
    try {
        if (call == 0) model->push(input);
        else if (call == 1) {
            ask([&](auto& answer) { model->nearest_center(input, answer); });
            ask([&](auto& answer) { model->nearest_members(input, Told::id, answer); });
        } else if (call == 2) {
            check_load(*model, input);
            const auto loaded = model->empty_copy();
            loaded->load(input, {});
            loaded->take_over(*model);
            ask([&](auto& answer) { loaded->core_members(Told::datum, answer); });
            loaded->push(points(5));
        } else {
            model->set_hidden_state(input);
        }
        ask([&](auto& answer) { model->core_members(Told::id, answer); });
        ask([&](auto& answer) { model->k_center(answer); });
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
