// The yardstick: how fast this machine learns the benchmark's records in a loop that is written for them alone.
//
// Reads one packed batch from a file, learns it again and again for about a second and prints records per second. Two
// labels, AROW, numbers by name or words of one text; it trusts its input, keeps floats and knows nothing else.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Bytes = const unsigned char*;

uint64_t big(Bytes& at, int n) {
    uint64_t value = 0;
    for (; n; --n) value = value << 8 | *at++;
    return value;
}

size_t count(Bytes& at) {
    const unsigned b = *at++;
    return b < 0xa0 ? b & 15 : big(at, b == 0xdc ? 2 : 4);
}

std::string_view text(Bytes& at) {
    const unsigned b = *at++;
    const size_t n = b < 0xc0 ? b & 31 : big(at, b == 0xda ? 2 : 4);
    at += n;
    return {reinterpret_cast<const char*>(at - n), n};
}

double real(Bytes& at) {
    ++at;
    const uint64_t bits = big(at, 8);
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
}

struct Row { float weight[2] = {0, 0}, variance[2] = {1, 1}; };

// Feature name -> row, by open addressing.
class Table {
public:
    uint32_t row(std::string_view name) {
        uint64_t h = 0x9e3779b97f4a7c15ull * (name.size() + 1);
        const char* p = name.data();
        for (size_t n = name.size(); n; ) {
            uint64_t word = 0;
            const size_t step = n < 8 ? n : 8;
            std::memcpy(&word, p, step);
            const unsigned __int128 product = static_cast<unsigned __int128>(h ^ word) * 0xd6e8feb86659fd93ull;
            h = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
            p += step;
            n -= step;
        }
        for (size_t i = h & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
            if (slots_[i].row == UINT32_MAX) {
                slots_[i] = {static_cast<uint32_t>(h >> 32), static_cast<uint32_t>(rows.size())};
                rows.emplace_back();
                names_.append(name);
                ends_.push_back(static_cast<uint32_t>(names_.size()));
                return slots_[i].row;
            }
            if (slots_[i].tag != static_cast<uint32_t>(h >> 32)) continue;
            const uint32_t row = slots_[i].row, from = ends_[row], to = ends_[row + 1];
            if (to - from == name.size() && !std::memcmp(names_.data() + from, name.data(), name.size())) return row;
        }
    }
    std::vector<Row> rows;

private:
    struct Slot { uint32_t tag, row = UINT32_MAX; };
    std::vector<Slot> slots_ = std::vector<Slot>(1 << 18);
    std::string names_;  // one behind the other
    std::vector<uint32_t> ends_ = {0};
};

struct Feature { uint32_t row; float x; };

}  // namespace

int main(int, char** argv) {
    std::ifstream file(argv[1], std::ios::binary);
    const std::string batch{std::istreambuf_iterator<char>(file), {}};
    Table table;
    std::vector<Feature> features;
    std::string key;
    size_t learned = 0;
    const auto start = std::chrono::steady_clock::now();
    double seconds = 0;
    for (; seconds < 1; seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()) {
        Bytes at = reinterpret_cast<Bytes>(batch.data());
        for (size_t n = count(at); n--; ++learned) {
            count(at);
            const int right = text(at)[0] == 'p', wrong = 1 - right;
            count(at);
            features.clear();
            for (size_t k = count(at); k--;) {
                count(at);
                const std::string_view name = text(at), words = text(at);
                for (size_t from = 0, to; from < words.size(); from = to + 1) {
                    to = words.find(' ', from);
                    if (to == words.npos) to = words.size();
                    key.assign(name).append("$").append(words.substr(from, to - from)).append("@space#tf/bin");
                    features.push_back({table.row(key), 1});
                }
            }
            for (size_t k = count(at); k--;) {
                count(at);
                key.assign(text(at)).append("@num");
                const uint32_t row = table.row(key);
                features.push_back({row, static_cast<float>(real(at))});
            }
            count(at);
            float margin = 0, variance = 0;
            for (const auto [id, x] : features) {
                const Row& row = table.rows[id];
                margin += x * (row.weight[right] - row.weight[wrong]);
                variance += x * x * (row.variance[0] + row.variance[1]);
            }
            if (margin >= 1) continue;
            const float beta = 1 / (variance + 1), alpha = (1 - margin) * beta;
            for (const auto [id, x] : features) {
                Row& row = table.rows[id];
                row.weight[right] += alpha * row.variance[right] * x;
                row.weight[wrong] -= alpha * row.variance[wrong] * x;
                for (float& v : row.variance) v -= beta * v * v * x * x;
            }
        }
    }
    std::printf("%.0f\n", static_cast<double>(learned) / seconds);
}
