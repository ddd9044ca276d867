// Simulates clusters: sim --seed 17 [--trace], sim --seeds 500 [--first 1] [--jobs 2]; --fault KIND (may be
// repeated) runs with these kinds only. A seed that fails is printed with the command that replays it; exit
// status 1 then. --plant NAME switches on a defect (common/base/planted_fault.h); with --expect-violation the
// run is good when some seed fails, and ends with the first.
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/planted_fault.h"
#include "tests/sim/faults.h"
#include "tests/sim/simulation.h"

namespace {

using dl::sim::RunOptions;
using dl::sim::RunResult;

struct Arguments {
    RunOptions run;
    std::uint64_t first = 1, count = 1;
    unsigned jobs = 2, fail_after = 5, seconds_each = 120;
    bool expect_violation = false;
    std::string extra;  // to be repeated when one is replayed
};

std::string describe(const RunResult& result) {
    std::string text = std::to_string(result.steps) + " steps, " + std::to_string(result.acknowledged) +
                       " rows acknowledged of " + std::to_string(result.committed) + " committed, " +
                       std::to_string(result.epochs) + " placements led anew";
    for (const auto& [kind, times] : result.faults)
        text += ", " + kind + " " + std::to_string(times);
    return text;
}

// In a process of its own for each: what a kill leaves behind in memory goes with it, and what a run leaves
// in static objects changes no other one.
bool run_chunk(const Arguments& arguments, std::uint64_t from, std::uint64_t to, int out) {
    bool good = true;
    for (auto seed = from; seed < to; ++seed) {
        auto line = "begin " + std::to_string(seed) + "\n";
        (void)!::write(out, line.data(), line.size());
        ::alarm(arguments.seconds_each);
        auto options = arguments.run;
        options.seed = seed;
        const auto result = dl::sim::run_simulation(options);
        std::string text = result.violation.empty() ? "ok" : "failed " + result.violation;
        std::replace(text.begin(), text.end(), '\n', ' ');
        line = "end " + std::to_string(seed) + " " + std::to_string(result.acknowledged) + " " +
               std::to_string(result.epochs) + " " + text + "\n";
        (void)!::write(out, line.data(), line.size());
        good = good && result.violation.empty();
        if (!good && arguments.expect_violation) break;
    }
    return good;
}

struct Running {
    pid_t pid = 0;
    FILE* in = nullptr;
};

struct Sum {
    std::uint64_t seeds = 0, acknowledged = 0, epochs = 0;
    std::map<std::uint64_t, std::string> failed;
    std::vector<std::uint64_t> stuck;  // the simulation itself could not go on; says nothing of the programs
};

void collect(const Running& one, Sum& sum) {
    char line[4096];
    std::string said;
    std::uint64_t begun = 0;
    bool open = false;
    while (std::fgets(line, sizeof line, one.in) != nullptr) {
        unsigned long long seed = 0, acknowledged = 0, epochs = 0;
        int at = 0;
        if (std::sscanf(line, "begin %llu", &seed) == 1) {
            begun = seed;
            open = true;
        } else if (std::sscanf(line, "end %llu %llu %llu %n", &seed, &acknowledged, &epochs, &at) >= 3) {
            open = false;
            ++sum.seeds;
            sum.acknowledged += acknowledged;
            sum.epochs += epochs;
            std::string text(line + at);
            if (!text.empty() && text.back() == '\n') text.pop_back();
            if (text != "ok") sum.failed[seed] = text.substr(text.find(' ') + 1);
        } else if (std::strncmp(line, "check failed", 12) == 0 ||
                   std::strncmp(line, "simulation:", 11) == 0) {
            said = line;
            if (said.back() == '\n') said.pop_back();
        }
    }
    std::fclose(one.in);
    int status = 0;
    ::waitpid(one.pid, &status, 0);
    if (!open) return;
    ++sum.seeds;
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal == SIGABRT && said.starts_with("simulation:")) return sum.stuck.push_back(begun);
    sum.failed[begun] = signal == SIGALRM
                            ? "it takes longer than its time: a thread waits for ever, or it is slow"
                        : signal == SIGABRT ? said
                                            : "it ended by signal " + std::to_string(signal);
}

int run_many(const Arguments& arguments) {
    const auto began = std::chrono::steady_clock::now();
    Sum sum;
    std::vector<Running> running;
    auto next = arguments.first;
    const auto end = arguments.first + arguments.count;
    while (next < end || !running.empty()) {
        while (next < end && running.size() < arguments.jobs && sum.failed.size() < arguments.fail_after) {
            const auto to = next + 1;
            int ends[2];
            if (::pipe(ends) != 0) return 2;
            std::fflush(nullptr);
            const auto pid = ::fork();
            if (pid == 0) {
                ::close(ends[0]);
                ::dup2(ends[1], 2);  // what a check says
                ::dup2(::open("/dev/null", O_WRONLY), 1);
                ::_exit(run_chunk(arguments, next, to, ends[1]) ? 0 : 1);
            }
            ::close(ends[1]);
            running.push_back({pid, ::fdopen(ends[0], "r")});
            next = to;
        }
        if (running.empty()) break;
        collect(running.front(), sum);
        running.erase(running.begin());
    }
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    for (const auto& [seed, why] : sum.failed)
        std::printf("seed %llu: %s\n    replay: sim --seed %llu%s\n", static_cast<unsigned long long>(seed),
                    why.c_str(), static_cast<unsigned long long>(seed), arguments.extra.c_str());
    for (const auto seed : sum.stuck)
        std::printf("seed %llu: not carried to its end: the simulation stood still\n",
                    static_cast<unsigned long long>(seed));
    std::printf(
        "%llu seeds in %.1f s, %zu failed, %zu stood still; %llu rows acknowledged, %llu new leaders\n",
        static_cast<unsigned long long>(sum.seeds), seconds, sum.failed.size(), sum.stuck.size(),
        static_cast<unsigned long long>(sum.acknowledged), static_cast<unsigned long long>(sum.epochs));
    // A few in a hundred may stand still; more, and nothing is shown. A violation that was looked for is
    // shown by the seed that has it, however few were run before.
    if (!arguments.expect_violation && sum.stuck.size() * 50 > sum.seeds) return 1;
    return sum.failed.empty() == arguments.expect_violation ? 1 : 0;
}

[[noreturn]] void usage() {
    std::fprintf(stderr,
                 "sim --seed N [--trace] [--log] | sim --seeds COUNT [--first N] [--jobs N]\n"
                 "    [--fail-after N] [--plant DEFECT [--expect-violation]] [--fault KIND]...   kinds:");
    for (const auto& kind : dl::sim::Faults::kinds())
        std::fprintf(stderr, " %s", kind.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
    // The same addresses each time: what is ordered by them is the same when a seed is replayed.
    if (const int now = ::personality(0xffffffff); now != -1 && (now & ADDR_NO_RANDOMIZE) == 0) {
        if (::personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) != -1)
            (void)::execv("/proc/self/exe", argv);
    }
    Arguments arguments;
    bool many = false;
    bool log = false;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const auto value = [&]() -> std::string {
            if (++i == argc) usage();
            return argv[i];
        };
        if (name == "--seed") {
            arguments.run.seed = std::stoull(value());
        } else if (name == "--seeds") {
            arguments.count = std::stoull(value());
            many = true;
        } else if (name == "--first") {
            arguments.first = std::stoull(value());
        } else if (name == "--jobs") {
            arguments.jobs = static_cast<unsigned>(std::stoul(value()));
        } else if (name == "--fail-after") {
            arguments.fail_after = static_cast<unsigned>(std::stoul(value()));
        } else if (name == "--fault") {
            arguments.run.faults.push_back(value());
            arguments.extra += " --fault " + arguments.run.faults.back();
        } else if (name == "--plant") {
            const auto planted = value();
            dl::plant(planted);
            arguments.extra += " --plant " + planted;
        } else if (name == "--expect-violation") {
            arguments.expect_violation = true;
            arguments.fail_after = 1;
        } else if (name == "--trace") {
            arguments.run.trace = true;
        } else if (name == "--log") {
            log = true;
        } else {
            usage();
        }
    }
    // Always written, so that a run with its logs is the same as one without.
    dl::set_log_level(dl::LogLevel::info);
    if (!many && !log) {
        const int nowhere = ::open("/dev/null", O_WRONLY);
        ::dup2(nowhere, 2);
    }
    dl::sim::prepare_programs();
    if (many) return run_many(arguments);
    const auto result = dl::sim::run_simulation(arguments.run);
    std::printf("seed %llu: %s\n%s, digest %016llx\n", static_cast<unsigned long long>(arguments.run.seed),
                result.violation.empty() ? "all held" : result.violation.c_str(), describe(result).c_str(),
                static_cast<unsigned long long>(result.digest));
    std::fflush(nullptr);
    ::_exit(result.violation.empty() ? 0 : 1);
}
