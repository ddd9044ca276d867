// Runs a fuzz target without libFuzzer: its seeds, then mutations of them from a fixed random sequence, for
// at most two seconds. With a file as argument: that input (to repeat a finding).
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>

#include "tests/fuzz/fuzz_support.h"

namespace {

constexpr int kMutations = 60'000;
constexpr std::chrono::seconds kTimeMax{2};

// A copy of exactly this size, so that the address sanitizer sees reading behind its end.
void run(const std::string& input) {
    const std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[input.size()]);
    for (std::size_t i = 0; i < input.size(); ++i)
        copy[i] = static_cast<std::uint8_t>(input[i]);
    (void)LLVMFuzzerTestOneInput(copy.get(), input.size());
}

class Mutator {
  public:
    explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

    std::string next() {
        std::string input = seeds_[pick(seeds_.size())];
        for (std::size_t changes = 1 + pick(4); changes > 0; --changes)
            change(input);
        return input;
    }

  private:
    std::size_t pick(std::size_t count) { return random_() % count; }

    void change(std::string& input) {
        static constexpr std::uint32_t kNumbers[] = {0,    1,          2,          0x7f,      0x80,
                                                     0xff, 0x7fffffff, 0x80000000, 0xffffffff};
        static constexpr std::string_view kBytes = "{}[]\",:\\0179eE+-.Tn \n\xc3\xff";
        const std::size_t at = pick(input.size() + 1);
        switch (pick(7)) {
            case 0:
                if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << pick(8)));
                return;
            case 1:
                input.insert(at, 1, kBytes[pick(kBytes.size())]);
                return;
            case 2:
                input.erase(at, 1 + pick(8));
                return;
            case 3:
                if (at < input.size()) input[at] = kBytes[pick(kBytes.size())];
                return;
            case 4:
                if (at + 4 <= input.size()) {
                    const std::uint32_t number = kNumbers[pick(std::size(kNumbers))];
                    dl::store_le(input.data() + at, number);
                }
                return;
            case 5: {
                const std::string& other = seeds_[pick(seeds_.size())];
                if (!other.empty()) {
                    const std::size_t from = pick(other.size());
                    input.insert(at, other, from, 1 + pick(24));
                }
                return;
            }
            default:
                input.resize(at);
                return;
        }
    }

    std::vector<std::string> seeds_;
    std::mt19937 random_{20240131};
};

int write_corpus(const std::vector<std::string>& seeds, const std::string& folder) {
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        std::ofstream file(folder + "/seed_" + std::to_string(i), std::ios::binary);
        file << seeds[i];
        if (!file) {
            std::fprintf(stderr, "cannot write %s\n", folder.c_str());
            return 1;
        }
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto seeds = dl::fuzz_seeds();
    if (argc == 3 && std::string_view(argv[1]) == "--write-corpus") return write_corpus(seeds, argv[2]);
    if (argc == 2) {
        std::ifstream file(argv[1], std::ios::binary);
        run(std::string(std::istreambuf_iterator<char>(file), {}));
        return 0;
    }
    for (const auto& seed : seeds)
        run(seed);
    run("");
    Mutator mutator(seeds);
    const auto end = std::chrono::steady_clock::now() + kTimeMax;
    int done = 0;
    while (done < kMutations && std::chrono::steady_clock::now() < end) {
        run(mutator.next());
        ++done;
    }
    std::printf("%zu seeds, %d mutations\n", seeds.size(), done);
    return 0;
}
