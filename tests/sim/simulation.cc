#include "tests/sim/simulation.h"

#include <stdlib.h>

#include <cstdio>
#include <filesystem>

#include "common/rpc/messages/append_messages.h"
#include "tests/sim/clients.h"
#include "tests/sim/faults.h"

namespace dl::sim {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kHealTime = 90 * kSecond;
constexpr std::uint64_t kStepsMax = 20'000'000;

// In memory where there is one.
std::string temporary_directory() {
    const std::string base =
        std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path().string();
    auto pattern = base + "/datalakedb-sim-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw Violation{"cannot create " + pattern};
    return pattern;
}

}  // namespace

RunResult run_simulation(const RunOptions& options) {
    const auto catalog = temporary_directory();
    RunResult result;
    {
        World world(options.seed);
        // 3 to 5 slaves, clocks that differ by up to a tenth.
        const auto clock = [&] { return 0.95 + 0.1 * std::uniform_real_distribution<>(0, 1)(world.random); };
        std::vector<Host*> slaves;
        const auto count = 3 + world.below(3);
        for (Micros i = 0; i < count; ++i)
            slaves.push_back(&world.add_host("s" + std::to_string(i) + ":1", clock()));
        auto& master = world.add_host("m:1", clock());
        auto& desk = world.add_host("desk:1", 1.0);
        (void)desk;
        SlaveTuning tuning;
        tuning.segment_bytes = world.chance(0.5) ? 8u << 10 : 1u << 20;
        const auto partitions = static_cast<std::uint32_t>(1 + world.below(3));
        const auto copies = static_cast<std::uint32_t>(world.chance(0.8) ? 3 : 2 + world.below(count - 1));
        History history(world, slaves, master);
        const auto clients = std::make_shared<Clients>(world, master, history, 3, 2);
        const auto faults = std::make_shared<Faults>(world, slaves, master, catalog, tuning);
        faults->trace = options.trace;
        world.answered = [&](const Host& host, rpc::Method method, std::string_view request,
                             std::string_view end) {
            if (method != rpc::Method::append) return;
            const auto asked = rpc::decode_request<rpc::AppendRequest>(request);
            const auto reply = rpc::decode_reply<rpc::AppendReply>(std::string(end));
            if (asked.has_error() || reply.has_error()) return;
            for (const auto& part : reply->partitions)
                for (const auto& one : asked->partitions)
                    if (part.appended && one.partition == part.partition)
                        history.answered_append(host, one.partition.value, one.leader_epoch);
        };
        const auto run_until = [&](Micros until, const auto& done) {
            while (world.now < until && !done()) {
                if (!world.step()) throw Violation{"nothing will ever happen any more"};
                history.look();
                if (!history.violation().empty()) throw Violation{history.violation()};
                if (world.steps > kStepsMax) throw Violation{"it does not come to an end"};
            }
        };
        const auto never = [] { return false; };
        try {
            faults->choose(options.faults);
            faults->start_all();
            clients->start(partitions, copies);
            run_until(30 * kSecond, [&] { return clients->has_table(); });
            if (!clients->has_table()) throw Violation{"no table could be made"};
            run_until(world.now + kSecond / 2, never);
            faults->start();
            run_until(world.now + 6 * kSecond + world.below(10 * kSecond), never);
            faults->heal();
            // It takes writes again, then it settles.
            const auto before = history.acknowledged_rows();
            const auto healed_at = world.now;
            run_until(healed_at + kHealTime, [&] { return history.acknowledged_rows() > before + 5; });
            if (history.acknowledged_rows() <= before + 5)
                throw Violation{"nothing is written after everything has healed"};
            clients->stop();
            run_until(healed_at + kHealTime, [&] { return clients->is_idle(); });
            std::string why;
            Micros looked_at = 0;
            run_until(healed_at + kHealTime, [&] {
                if (world.now < looked_at + 50'000) return false;
                looked_at = world.now;
                return clients->is_idle() && history.is_settled(&why);
            });
            if (!clients->is_idle())
                throw Violation{"a statement does not come to an end after everything has healed"};
            if (!history.is_settled(&why))
                throw Violation{"it does not settle after everything has healed: " + why};
            history.check_end();
        } catch (const Violation& violation) {
            result.violation = violation.text;
        }
        result.steps = world.steps;
        result.digest = world.digest;
        result.committed = history.committed_records();
        result.acknowledged = history.acknowledged_rows();
        result.statements = clients->statements();
        result.unknown = clients->unknown();
        result.epochs = history.leaders_seen();
        result.faults = faults->times();
    }
    std::error_code ignored;
    std::filesystem::remove_all(catalog, ignored);
    return result;
}

}  // namespace dl::sim
