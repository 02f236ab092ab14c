// Feeds the neighbour methods of classifier and regression: the first byte chooses the model and between train, analysis,
// load and hidden state.
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "inputs.hpp"
#include "neighbors/index_records.hpp"
#include "neighbors/neighbor_classifier.hpp"
#include "neighbors/neighbor_regression.hpp"
#include "neighbors/signature_records.hpp"

using namespace duma;
using namespace duma::fuzz;
using namespace duma::neighbors;

namespace {

NeighborLearner::Parts parts(bool signatures, bool rich) {
    std::unique_ptr<Records> records;
    if (signatures) records = std::make_unique<SignatureRecords>(SignatureSettings{SignatureMethod::euclid_lsh, 70, 0, 3});
    else records = std::make_unique<IndexRecords>(rich ? IndexDistance::cosine : IndexDistance::euclidean);
    std::unique_ptr<Unlearner> unlearner;
    if (signatures && rich) unlearner = std::make_unique<LruUnlearner>(4, convert::Matcher{convert::Matcher::Kind::prefix, "label1", {}});
    return {converter(rich), std::move(records), 3, std::move(unlearner), RandomIds(5)};
}

template <class Teach>
std::string training(int n, Teach&& teach) {
    return packed([&](auto& out) {
        out.array(static_cast<size_t>(n));
        for (int i = 0; i < n; ++i) {
            out.array(2);
            teach(out, i);
            datum(out, "word" + std::to_string(i), i);
        }
    });
}

std::string labelled(int n) {
    return training(n, [](auto& out, int i) { out.raw("label" + std::to_string(i % 3)); });
}
std::string scored(int n) {
    return training(n, [](auto& out, int i) { out.real(i * 1.5 - 2); });
}

// The low bits of the first byte: 1 learns, 2 loads (3: hidden state), 4 signatures, 8 rich, 16 regression.
struct Models {
    NeighborClassifier classifier;
    NeighborRegression regression;
    explicit Models(bool signatures, bool rich)
        : classifier(parts(signatures, rich), 0.5f), regression(parts(signatures, rich), rich ? Weighting::distance : Weighting::uniform) {}
};

Models& models(uint8_t chosen) {
    static Models all[] = {Models(false, false), Models(true, false), Models(false, true), Models(true, true)};
    return all[chosen >> 2 & 3];
}

template <class Model, class Ask>
void feed(Model& model, uint8_t chosen, std::string_view input, Ask&& ask) {
    // What is kept of earlier inputs stays small, and so does what a failed input depends on.
    if (chosen & 32) model.clear();
    switch (chosen & 3) {
        case 0: return ask(model, input);
        case 1: model.train(input); return;
        case 2: return check_load(model, input);
        default: model.set_hidden_state(std::string(input));
    }
}

}  // namespace

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (char chosen = 0; chosen < 32; chosen += 4) {
        const bool regression = chosen & 16;
        const auto add = [&](int what, const std::string& input) { all.push_back(static_cast<char>(chosen + what) + input); };
        add(0, queries());
        add(1, regression ? scored(6) : labelled(6));
        Models learned(chosen & 4, chosen & 8);
        learned.classifier.train(labelled(6));
        learned.regression.train(scored(6));
        add(2, (regression ? learned.regression.snapshot() : learned.classifier.snapshot())->next(1 << 20));
        add(3, regression ? learned.regression.hidden_state() : learned.classifier.hidden_state());
    }
    return all;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    Models& chosen = models(data[0]);
    try {
        msgpack::Buffer answer;
        if (data[0] & 16) feed(chosen.regression, data[0], input, [&](auto& model, std::string_view in) { model.estimate(in, answer); });
        else feed(chosen.classifier, data[0], input, [&](auto& model, std::string_view in) { model.classify(in, answer); });
    } catch (const std::runtime_error&) {  // refused, as it should be
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
