#include <cstdint>
#include <memory>
#include <string>

#include "bindings/models.hpp"
#include "clustering/clusterer.hpp"
#include "clustering/dbscan.hpp"
#include "clustering/gmm.hpp"
#include "clustering/kmeans.hpp"
#include "convert/converter.hpp"

namespace duma::bindings {

using namespace duma::clustering;

namespace {

Distance distance_named(const std::string& name) { return name == "cosine" ? Distance::cosine : Distance::euclidean; }

void bind_settings(nb::module_& m) {
    nb::class_<Method>(m, "ClusteringMethod", "How points are clustered.")
        .def_static("kmeans", [](uint32_t k, uint32_t seed, const std::string& distance) -> std::unique_ptr<Method> {
            return std::make_unique<KMeans>(k, seed, distance_named(distance));
        }, nb::arg("k"), nb::arg("seed"), nb::arg("distance"))
        .def_static("gmm", [](uint32_t k, uint32_t seed) -> std::unique_ptr<Method> {
            return std::make_unique<GaussianMixture>(k, seed);
        }, nb::arg("k"), nb::arg("seed"))
        .def_static("dbscan", [](double eps, uint32_t min_core_point, const std::string& distance) -> std::unique_ptr<Method> {
            return std::make_unique<Dbscan>(eps, min_core_point, distance_named(distance));
        }, nb::arg("eps"), nb::arg("min_core_point"), nb::arg("distance"));

    nb::class_<Storage>(m, "ClusteringStorage", "Which points are kept, and when they are clustered.")
        .def_static("simple", [](uint32_t bucket_size) -> std::unique_ptr<Storage> {
            return std::make_unique<SimpleStorage>(bucket_size);
        }, nb::arg("bucket_size"))
        .def_static("compressive", [](uint32_t bucket_size, uint32_t bucket_length, uint32_t compressed_bucket_size, uint32_t bicriteria_base_size,
                                      double forgetting_factor, double forgetting_threshold, uint32_t seed, bool for_gmm) -> std::unique_ptr<Storage> {
            const Compressor compressor(bicriteria_base_size, seed, for_gmm ? Importance::gmm : Importance::kmeans);
            return std::make_unique<CompressiveStorage>(
                CompressiveStorage::Settings{bucket_size, bucket_length, compressed_bucket_size, forgetting_factor, forgetting_threshold}, compressor);
        }, nb::arg("bucket_size"), nb::arg("bucket_length"), nb::arg("compressed_bucket_size"), nb::arg("bicriteria_base_size"),
           nb::arg("forgetting_factor"), nb::arg("forgetting_threshold"), nb::arg("seed"), nb::arg("for_gmm"));
}

// A method without arguments that answers packed; `slow` says whether it may take long.
auto telling(void (Clusterer::*method)(Told, msgpack::Buffer&), Told told) {
    return [method, told](Clusterer& self) {
        return packed(self, self.points_are_many() ? kLongCall : 0, [&](msgpack::Buffer& answer) { (self.*method)(told, answer); });
    };
}

auto telling_of(Told told) {
    return [told](Clusterer& self, nb::handle datum) {
        const Bytes bytes(datum);
        return packed(self, self.points_are_many() ? kLongCall : bytes.view().size(), [&](msgpack::Buffer& answer) {
            self.nearest_members(bytes.view(), told, answer);
        });
    };
}

}  // namespace

void bind_clustering(nb::module_& m) {
    bind_error<NoAnswer>(m, "NoAnswer", client_error());
    bind_settings(m);
    nb::class_<Clusterer> model(m, "Clusterer", "Clusters of datums over MessagePack: k-means, Gaussian mixtures, DBSCAN.");
    model
        .def("__init__", [](Clusterer* self, const Method& method, const Storage& storage, const convert::Converter& converter) {
            new (self) Clusterer(method.copy(), storage.copy(), std::make_shared<const convert::Converter>(converter));
        }, nb::arg("method"), nb::arg("storage"), nb::arg("converter"))
        .def("push", [](Clusterer& self, nb::handle points) {
            const Bytes bytes(points);
            without_gil_if_long(self, self.push_is_slow() ? kLongCall : bytes.view().size(), [&] { self.push(bytes.view()); });
        }, nb::arg("points"), "Add [[id, datum]...]; cluster when it is time to.")
        .def("get_revision", [](Clusterer& self) { return without_gil_if_long(self, 0, [&] { return self.revision(); }); })
        .def("get_core_members", telling(&Clusterer::core_members, Told::datum), "[[[weight, datum]...]...]")
        .def("get_core_members_light", telling(&Clusterer::core_members, Told::id), "[[[weight, id]...]...]")
        .def("get_k_center", [](Clusterer& self) {
            return packed(self, self.centers_are_large() ? kLongCall : 0, [&](msgpack::Buffer& answer) { self.k_center(answer); });
        }, "[datum...]")
        .def("get_nearest_center", [](Clusterer& self, nb::handle datum) {
            const Bytes bytes(datum);
            return packed(self, self.centers_are_large() ? kLongCall : bytes.view().size(), [&](msgpack::Buffer& answer) {
                self.nearest_center(bytes.view(), answer);
            });
        }, nb::arg("datum"), "The datum of the nearest center.")
        .def("get_nearest_members", telling_of(Told::datum), nb::arg("datum"), "[[weight, datum]...]")
        .def("get_nearest_members_light", telling_of(Told::id), nb::arg("datum"), "[[weight, id]...]")
        .def("push_is_slow", &Clusterer::push_is_slow, "Whether a push with few bytes may take long.")
        .def("points_are_many", &Clusterer::points_are_many, "Whether an analysis of all points may take long.")
        .def("centers_are_large", &Clusterer::centers_are_large, "Whether an analysis of the centers may take long.")
        .def("take_over", [](Clusterer& self, Clusterer& running) {
            nb::gil_scoped_release released;
            self.take_over(running);
        }, nb::arg("running"), "Go on with the draws and counts of a running model, and cluster what was loaded.");
    bind_common(model);
    bind_hidden_state(model);
}

}  // namespace duma::bindings
