// Nearest neighbours by signature: a column table, searched by comparing the query's signature with every row's.
//
// | method     | signature | distance                                                        |
// |------------|-----------|-----------------------------------------------------------------|
// | lsh        | cosine    | share of the bits that differ                                   |
// | minhash    | minhash   | share of the bits that differ                                   |
// | euclid_lsh | cosine    | Euclid's, by the norms and the angle that the bits estimate     |
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/worker_pool.hpp"
#include "neighbors/column_table.hpp"
#include "neighbors/hamming.hpp"
#include "neighbors/projection.hpp"
#include "neighbors/signatures.hpp"
#include "neighbors/top_k.hpp"

namespace duma::neighbors {

enum class SignatureMethod { lsh, minhash, euclid_lsh };

inline SignatureMethod signature_method_named(std::string_view name) {
    if (name == "lsh") return SignatureMethod::lsh;
    if (name == "minhash") return SignatureMethod::minhash;
    if (name == "euclid_lsh") return SignatureMethod::euclid_lsh;
    throw std::invalid_argument("unknown method: " + std::string(name));
}

struct SignatureSettings {
    SignatureMethod method;
    size_t hash_num;     // bits of a signature
    int64_t threads;     // for one search or projection; negative: as many as the machine has
    size_t cache_size;   // features whose normal numbers are kept
};

struct Neighbor {
    uint32_t row;
    double distance;
};

// Safe to search from several threads, while nobody changes it.
class SignatureIndex {
public:
    // What is known of a row, or of what is searched for.
    struct Query {
        Signature signature;
        double norm = 0;  // euclid_lsh only
    };

    explicit SignatureIndex(const SignatureSettings& settings)
        : settings_(settings),
          table_(settings.hash_num, settings.method == SignatureMethod::euclid_lsh ? 1 : 0),
          projection_(settings.method == SignatureMethod::minhash ? 0 : settings.hash_num, settings.threads, settings.cache_size),
          pool_(search_threads(settings)) {
        if (settings.method == SignatureMethod::euclid_lsh && settings.hash_num <= kTabulated)
            for (size_t h = 0; h <= settings.hash_num; ++h) cosines_.push_back(cosine(h));
    }

    const SignatureSettings& settings() const { return settings_; }
    const ColumnTable& table() const { return table_; }
    ColumnTable& table() { return table_; }

    // Needs no lock: the rows play no part in it.
    Query query(const FeatureVector& features) {
        switch (settings_.method) {
            case SignatureMethod::lsh: return {cosine_signature(projection_(features))};
            case SignatureMethod::minhash: return {minhash_signature(features, settings_.hash_num, MinhashDivision::single_precision)};
            case SignatureMethod::euclid_lsh: return {cosine_signature(projection_(features)), norm(features)};
        }
        throw std::logic_error("no such method");
    }

    Query stored(uint32_t row) const {
        const uint64_t* words = table_.signature(row);
        return {Signature(words, words + table_.signatures().width()), has_norm() ? table_.real(row, 0) : 0};
    }

    // Sets a row, which is added if it is not there; returns its number.
    uint32_t set(std::string_view key, const Query& query) {
        const uint32_t row = table_.put(key);
        table_.set_signature(row, query.signature);
        if (has_norm()) table_.set_real(row, 0, query.norm);
        return row;
    }

    // The `k` rows nearest to the query, nearest first; of rows as near the one with the lower number.
    std::vector<Neighbor> neighbors(const Query& query, size_t k) { return std::move(neighbors(std::span(&query, 1), k)[0]); }

    // The same for many queries, in one pass over the rows.
    std::vector<std::vector<Neighbor>> neighbors(std::span<const Query> queries, size_t k) {
        const size_t rows = table_.size();
        const size_t parts = rows * table_.signatures().width() * queries.size() < kWorthThreads ? 1 : std::min(threads_, rows);
        std::vector<std::vector<Best>> found(parts, std::vector<Best>(queries.size(), Best(std::min(k, rows))));
        const auto search = [&](size_t part) { scan(queries, rows * part / parts, rows * (part + 1) / parts, found[part]); };
        if (parts == 1) search(0);
        else pool_.run(parts, search);

        std::vector<std::vector<Neighbor>> nearest;
        nearest.reserve(queries.size());
        for (size_t q = 0; q < queries.size(); ++q) {
            for (size_t part = 1; part < parts; ++part) found[0][q].merge(found[part][q]);
            nearest.push_back(found[0][q].sorted());
            if (!has_norm())
                for (Neighbor& neighbor : nearest.back()) neighbor.distance /= static_cast<double>(settings_.hash_num);
        }
        return nearest;
    }

    // The score of similar_row for a distance.
    double similarity(double distance) const { return has_norm() ? -distance : 1 - distance; }

    // Whether a search takes so long that others should not wait for it.
    bool slow() const { return table_.size() * table_.signatures().width() > kSlowWords; }

private:
    struct Nearer {
        bool operator()(const Neighbor& a, const Neighbor& b) const { return a.distance < b.distance || (a.distance == b.distance && a.row < b.row); }
    };
    using Best = TopK<Neighbor, Nearer>;

    static constexpr size_t kTabulated = 64 * 1024;      // lengths of signatures with a table of cosines
    static constexpr size_t kWorthThreads = 256 * 1024;  // words of signatures: below it, waking threads costs more than the search
    static constexpr size_t kSlowWords = 64 * 1024;
    static constexpr size_t kRun = 512;                  // rows that are compared at once

    static size_t search_threads(const SignatureSettings& settings) {
        if (settings.threads < 0) return std::max(1u, std::thread::hardware_concurrency());
        return std::max<size_t>(1, static_cast<size_t>(settings.threads));
    }

    bool has_norm() const { return settings_.method == SignatureMethod::euclid_lsh; }

    double cosine(size_t h) const { return std::cos(static_cast<double>(h) * std::numbers::pi / static_cast<double>(settings_.hash_num)); }

    void scan(std::span<const Query> queries, size_t begin, size_t end, std::vector<Best>& best) const {
        uint32_t distances[kRun];
        table_.signatures().each_run(begin, end, [&](const uint64_t* rows, size_t first, size_t n) {
            const size_t words = table_.signatures().width();
            for (size_t done = 0; done < n; done += kRun) {
                const size_t run = std::min(kRun, n - done);
                for (size_t q = 0; q < queries.size(); ++q) {
                    hamming_distances(queries[q].signature.data(), rows + done * words, run, words, distances);
                    if (has_norm()) offer_estimates(queries[q].norm, distances, first + done, run, best[q]);
                    else offer_distances(distances, first + done, run, best[q]);
                }
            }
        });
    }

    // Bits that differ; they become shares when the best are known.
    static void offer_distances(const uint32_t* distances, size_t first, size_t n, Best& best) {
        const auto limit = [&] { return best.full() ? bits_of(best) : std::numeric_limits<uint32_t>::max(); };
        uint32_t below = limit();
        for (size_t i = 0; i < n; ++i) {
            if (distances[i] >= below) continue;  // rows come in order, so of equals the first stays
            best.offer({static_cast<uint32_t>(first + i), static_cast<double>(distances[i])});
            below = limit();
        }
    }
    static uint32_t bits_of(const Best& best) { return best.empty() ? 0 : static_cast<uint32_t>(best.worst().distance); }

    // Most rows are told by their squared distance, which needs no root, to be no nearer than the worst so far. The margin
    // is above what rounding can do; a NaN passes.
    void offer_estimates(double a, const uint32_t* distances, size_t first, size_t n, Best& best) const {
        constexpr double kMargin = 1e-12;
        const double* norms = table_.reals()[first];
        const bool tabulated = !cosines_.empty();
        double limit = tabulated ? squared_worst(best) : std::numeric_limits<double>::infinity();
        for (size_t i = 0; i < n; ++i) {
            const double b = norms[i];
            if (tabulated && (a * a + b * b) * (1 - kMargin) - 2 * a * b * cosines_[distances[i]] > limit * (1 + kMargin)) continue;
            const double d = estimate(a, b, distances[i]);
            if (best.full() && (best.empty() || d >= best.worst().distance)) continue;
            best.offer({static_cast<uint32_t>(first + i), d});
            if (tabulated) limit = squared_worst(best);
        }
    }
    static double squared_worst(const Best& best) {
        if (!best.full()) return std::numeric_limits<double>::infinity();
        return best.empty() ? -1 : best.worst().distance * best.worst().distance;
    }

    double estimate(double a, double b, size_t h) const {
        if (h == 0) return std::abs(a - b);
        return std::sqrt(a * a + b * b - 2 * a * b * (cosines_.empty() ? cosine(h) : cosines_[h]));
    }

    const SignatureSettings settings_;
    ColumnTable table_;
    Projection projection_;
    WorkerPool pool_;
    const size_t threads_ = search_threads(settings_);
    std::vector<double> cosines_;  // by bits that differ
};

}  // namespace duma::neighbors
