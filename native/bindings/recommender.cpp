#include "neighbors/recommender.hpp"

#include <memory>
#include <string>
#include <utility>

#include "bindings/models.hpp"
#include "convert/converter.hpp"
#include "neighbors/recommender_indexes.hpp"

namespace duma::bindings {

using namespace duma::neighbors;

namespace {

using Measure = InvertedRecommenderIndex::Measure;
using IndexPtr = std::unique_ptr<RecommenderIndex>;

void bind_indexes(nb::module_& m) {
    nb::class_<RecommenderIndex>(m, "RecommenderIndex", "What a recommender searches, without rows.")
        .def_static("inverted", []() -> IndexPtr { return std::make_unique<InvertedRecommenderIndex>(Measure::cosine); })
        .def_static("inverted_euclid", [](bool ignore_orthogonal) -> IndexPtr {
            return std::make_unique<InvertedRecommenderIndex>(ignore_orthogonal ? Measure::distance_without_orthogonal : Measure::distance);
        }, nb::arg("ignore_orthogonal"))
        .def_static("lsh", [](size_t hash_num, int64_t threads, size_t cache_size) -> IndexPtr {
            return std::make_unique<BitRecommenderIndex>(hash_num, std::make_shared<Projection>(hash_num, threads, cache_size));
        }, nb::arg("hash_num"), nb::arg("threads"), nb::arg("cache_size"))
        .def_static("minhash", [](size_t hash_num) -> IndexPtr { return std::make_unique<BitRecommenderIndex>(hash_num, nullptr); }, nb::arg("hash_num"))
        .def_static("euclid_lsh", [](size_t hash_num, size_t table_num, float bin_width, uint32_t probe_num, uint32_t seed, int64_t threads, size_t cache_size) -> IndexPtr {
            const EuclidLshSettings settings{hash_num, table_num, bin_width, probe_num, seed};
            return std::make_unique<EuclidRecommenderIndex>(settings, std::make_shared<Projection>(settings.projections(), threads, cache_size));
        }, nb::arg("hash_num"), nb::arg("table_num"), nb::arg("bin_width"), nb::arg("probe_num"), nb::arg("seed"), nb::arg("threads"), nb::arg("cache_size"))
        .def_static("table", [](const SignatureSettings& settings) -> IndexPtr { return std::make_unique<TableRecommenderIndex>(settings); }, nb::arg("settings"));

    nb::class_<Limit>(m, "Limit", "How many rows are asked for.")
        .def_static("size", &Limit::size, nb::arg("n"))
        .def_static("score", &Limit::score, nb::arg("least"))
        .def_static("rate", &Limit::rate, nb::arg("share"), "A share of all rows, in (0, 1].");
}

}  // namespace

void bind_recommender(nb::module_& m) {
    bind_indexes(m);
    nb::class_<Recommender> model(m, "Recommender", "Rows of features and the rows most like them, over MessagePack.");
    model
        .def("__init__", [](Recommender* self, const RecommenderIndex& index, const convert::Converter& converter, const Unlearner* unlearner) {
            new (self) Recommender(index.empty_copy(), std::make_shared<const convert::Converter>(converter), unlearner ? unlearner->empty_copy() : nullptr);
        }, nb::arg("index"), nb::arg("converter"), nb::arg("unlearner").none() = nb::none())
        .def_prop_ro("slow", [](Recommender& self) {
            return without_gil_if_long(self, 0, [&] { return self.slow(); });
        }, "Whether a search takes so long that others should not wait for it.")
        .def("update_row", [](Recommender& self, nb::handle id, nb::handle datum) {
            const std::string name = text_bytes(id);
            const Bytes bytes(datum);
            without_gil_if_long(self, bytes.view().size(), [&] { self.update_row(name, bytes.view()); });
        }, nb::arg("id"), nb::arg("datum"), "Add a datum's features to a row, in place of those of the same name.")
        .def("clear_row", [](Recommender& self, nb::handle id) {
            const std::string name = text_bytes(id);
            without_gil_if_long(self, 0, [&] { self.clear_row(name); });
        }, nb::arg("id"))
        .def("similar_by_id", [](Recommender& self, nb::handle id, const Limit& limit) {
            const std::string name = text_bytes(id);
            return packed(self, search_bytes(self, 0), [&](msgpack::Buffer& answer) { self.similar_by_id(name, limit, answer); });
        }, nb::arg("id"), nb::arg("limit"), "[[id, score]...], most alike first.")
        .def("similar_by_datum", [](Recommender& self, nb::handle datum, const Limit& limit) {
            const Bytes bytes(datum);
            return packed(self, search_bytes(self, bytes.view().size()), [&](msgpack::Buffer& answer) { self.similar_by_datum(bytes.view(), limit, answer); });
        }, nb::arg("datum"), nb::arg("limit"), "[[id, score]...], most alike first.")
        .def("complete_by_id", [](Recommender& self, nb::handle id) {
            const std::string name = text_bytes(id);
            return packed(self, search_bytes(self, 0), [&](msgpack::Buffer& answer) { self.complete_by_id(name, answer); });
        }, nb::arg("id"), "A datum of the mean features of the rows most like a row.")
        .def("complete_by_datum", [](Recommender& self, nb::handle datum) {
            const Bytes bytes(datum);
            return packed(self, search_bytes(self, bytes.view().size()), [&](msgpack::Buffer& answer) { self.complete_by_datum(bytes.view(), answer); });
        }, nb::arg("datum"), "A datum of the mean features of the rows most like a datum.")
        .def("decode_row", [](Recommender& self, nb::handle id) {
            const std::string name = text_bytes(id);
            return packed(self, 0, [&](msgpack::Buffer& answer) { self.decode_row(name, answer); });
        }, nb::arg("id"), "A row's datum, as far as its features tell.")
        .def("get_all_rows", [](Recommender& self) {
            return packed(self, search_bytes(self, 0), [&](msgpack::Buffer& answer) { self.get_all_rows(answer); });
        }, "[id...]")
        .def("calc_similarity", [](Recommender& self, nb::handle left, nb::handle right) {
            const Bytes a(left), b(right);
            return without_gil_if_long(self, a.view().size() + b.view().size(), [&] { return self.calc_similarity(a.view(), b.view()); });
        }, nb::arg("left"), nb::arg("right"), "The cosine of two datums.")
        .def("calc_l2norm", [](Recommender& self, nb::handle datum) {
            const Bytes bytes(datum);
            return without_gil_if_long(self, bytes.view().size(), [&] { return self.calc_l2norm(bytes.view()); });
        }, nb::arg("datum"))
        .def("succeed", [](Recommender& self, Recommender& other) {
            without_gil_if_long(self, 0, [&] { self.succeed(other); });
        }, nb::arg("other"), "Go on with the counts and draws of the model in whose place this one comes.");
    bind_common(model);
    bind_hidden_state(model);
}

}  // namespace duma::bindings
