// Feeds the recommender: the first byte chooses the index, and whether a row is set, taken away, searched for or loaded.
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "neighbors/recommender.hpp"
#include "neighbors/recommender_indexes.hpp"

using namespace duma;
using namespace duma::fuzz;

namespace {

constexpr size_t kKinds = 5;

std::unique_ptr<neighbors::RecommenderIndex> index(size_t kind) {
    using namespace neighbors;
    using Measure = InvertedRecommenderIndex::Measure;
    switch (kind) {
        case 0: return std::make_unique<InvertedRecommenderIndex>(Measure::cosine);
        case 1: return std::make_unique<InvertedRecommenderIndex>(Measure::distance_without_orthogonal);
        case 2: return std::make_unique<BitRecommenderIndex>(70, nullptr);
        case 3: return std::make_unique<EuclidRecommenderIndex>(EuclidLshSettings{3, 2, 0.5f, 9, 7}, std::make_shared<Projection>(6, 0, 0));
        default: return std::make_unique<TableRecommenderIndex>(SignatureSettings{SignatureMethod::euclid_lsh, 9, 0, 0});
    }
}

std::unique_ptr<neighbors::Recommender> engine(size_t kind) {
    auto unlearner = kind % 2 == 0 ? std::unique_ptr<Unlearner>(std::make_unique<LruUnlearner>(5, std::nullopt)) : nullptr;
    return std::make_unique<neighbors::Recommender>(index(kind), converter(kind == 1), std::move(unlearner));
}

std::string record(int i) {
    return packed([&](auto& out) { datum(out, "word" + std::to_string(i), i); });
}

// A model with rows that came, went and came again.
void fill(neighbors::Recommender& model) {
    for (int i = 0; i < 12; ++i) model.update_row("row" + std::to_string(i % 7), record(i));
    for (const char* gone : {"row1", "row4", "unknown"}) model.clear_row(gone);
    model.update_row("row4", record(3));
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (size_t kind = 0; kind < kKinds; ++kind) {
        const auto model = engine(kind);
        fill(*model);
        for (const char what : {0, 1, 2}) all.push_back(std::string(1, static_cast<char>(kind << 2 | what)) + record(what));
        all.push_back(std::string(1, static_cast<char>(kind << 2 | 3)) + model->snapshot()->next(1 << 20));
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    static const auto models = [] {
        std::array<std::unique_ptr<neighbors::Recommender>, kKinds> all;
        for (size_t kind = 0; kind < kKinds; ++kind) {
            all[kind] = engine(kind);
            fill(*all[kind]);
        }
        return all;
    }();
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    neighbors::Recommender& model = *models[(data[0] >> 2) % kKinds];
    const std::string row = "row" + std::to_string(size % 9);
    msgpack::Buffer answer;
    try {
        switch (data[0] & 3) {
            case 0:
                model.similar_by_datum(input, neighbors::Limit::size(size % 4), answer);
                model.complete_by_datum(input, answer);
                model.calc_similarity(input, input);
                break;
            case 1:
                model.update_row(row, input);
                model.similar_by_id(row, neighbors::Limit::score(-1), answer);
                model.complete_by_id(row, answer);
                model.decode_row(row, answer);
                break;
            case 2:
                model.clear_row(row);
                model.get_all_rows(answer);
                model.similar_by_datum(input, neighbors::Limit::rate(0.5f), answer);
                break;
            default: {
                check_load(model, input);
                const auto loaded = model.empty_copy();
                loaded->load(input, {});
                loaded->similar_by_id("row2", neighbors::Limit::size(3), answer);
                fill(*loaded);
                loaded->get_all_rows(answer);
                reload(model, loaded->snapshot()->next(1 << 24));
            }
        }
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
