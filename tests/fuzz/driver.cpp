// Runs a fuzz target for some seconds on mutations of its seeds: driver SECONDS [SEED], or on one file: driver -- FILE.
//
// The input that ends the program is left in `failed-input`.
//
// The target is a function in libFuzzer's form, so that it also links against libFuzzer where clang is at hand.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
std::vector<std::string> seeds();

namespace {

class Mutator {
public:
    Mutator(std::vector<std::string> pool, uint64_t seed) : pool_(std::move(pool)), random_(seed) {}

    std::string next() {
        std::string input = pick();
        for (size_t n = below(6); n--;) change(input);
        return input;
    }

private:
    size_t below(size_t n) { return n ? random_() % n : 0; }
    const std::string& pick() { return pool_[below(pool_.size())]; }

    void change(std::string& s) {
        static constexpr uint8_t telling[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xca, 0xcb, 0xcf, 0xd3,
                                              0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff, 0xc7, 0xd4, 0xed, 0xf4};
        const size_t at = below(s.size());
        switch (below(7)) {
            case 0: if (!s.empty()) s[at] = static_cast<char>(random_()); break;
            case 1: if (!s.empty()) s[at] = static_cast<char>(telling[below(sizeof telling)]); break;
            case 2: if (!s.empty()) s[at] ^= static_cast<char>(1u << below(8)); break;
            case 3: s.resize(at); break;
            case 4: s.insert(at, 1 + below(9), static_cast<char>(random_())); break;
            case 5: s.erase(at, 1 + below(9)); break;
            case 6: {
                const std::string& other = pick();
                const size_t from = below(other.size());
                s.insert(at, other, from, below(other.size() - from + 1));
                if (s.size() > 1 << 16) s.resize(1 << 16);
            }
        }
    }

    std::vector<std::string> pool_;
    std::mt19937_64 random_;
};

std::string current;

void feed(const std::string& input) {
    current = input;
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
}

void keep_input(int) {
    if (std::FILE* file = std::fopen("failed-input", "wb")) {
        std::fwrite(current.data(), 1, current.size(), file);
        std::fclose(file);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 2 && std::string(argv[1]) == "--") {
        std::ifstream file(argv[2], std::ios::binary);
        feed(std::string(std::istreambuf_iterator<char>(file), {}));
        return 0;
    }
    std::signal(SIGABRT, keep_input);
    const double limit = argc > 1 ? std::atof(argv[1]) : 10;
    const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const std::vector<std::string> first = seeds();
    for (const std::string& input : first) feed(input);
    Mutator mutator(first, seed);
    const auto start = std::chrono::steady_clock::now();
    size_t runs = 0;
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < limit)
        for (int i = 0; i < 256; ++i, ++runs) feed(mutator.next());
    std::printf("%zu inputs\n", runs);
}
