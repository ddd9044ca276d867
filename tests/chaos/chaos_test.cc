// Eight clients with good statements, all of which are to be answered rightly, while another sends what
// crashes, hangs, takes memory or is nothing, and one writes. DL_CHAOS_SECONDS tells how long. The daemons'
// memory is to stay as it is once it has settled, and the writer's slowest hundredth to take no more than
// twice what it took beside good statements alone.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "tests/support/cluster_fixture.h"
#include "tests/support/worker_processes.h"

namespace dl::test {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kRows = 5000;
constexpr int kGroups = 10;
// Below that a hundredth of the writes is a handful.
constexpr std::chrono::seconds kLongEnough{45};

// What is measured is allowed more where a sanitizer is in the daemons, be it of this build or of DL_BIN_DIR.
struct Allowance {
    double write_noise_ms;                    // a turn of the scheduler or of the disk
    std::uint64_t settling_kib, growing_kib;  // pools, caches, what the allocator keeps; what is in flight
};
constexpr Allowance kPlain{10, 512u << 10, 32u << 10};
// AddressSanitizer keeps what is freed for a while (a quarantine, kept small below), remembers where from
// everything was allocated, and gives little back to the system; all that runs on the processors runs several
// times longer.
constexpr Allowance kSanitized{100, 1536u << 10, 256u << 10};

bool is_sanitized(pid_t daemon) {
    std::ifstream maps("/proc/" + std::to_string(daemon) + "/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find("/libasan") != std::string::npos || line.find("/libtsan") != std::string::npos)
            return true;
    return false;
}

std::pair<std::string, std::string> with_small_quarantine() {
    const char* options = std::getenv("ASAN_OPTIONS");
    return {"ASAN_OPTIONS", (options != nullptr ? std::string(options) + ":" : std::string()) +
                                "quarantine_size_mb=16:thread_local_quarantine_size_kb=64"};
}

std::chrono::seconds chaos_time() {
    const char* text = std::getenv("DL_CHAOS_SECONDS");
    return std::chrono::seconds(text != nullptr ? std::max(1, std::atoi(text)) : 15);
}

// One of each kind of Q1 to Q7 after the other, made new each time so that none is refused for its text.
std::vector<std::string> hostile_kinds(int number) {
    const auto n = std::to_string(number);
    std::string nested = "x";
    for (int i = 0; i < 60; ++i)
        nested = "(select " + nested + ")";
    const std::string deep = "(repeat('[',100000)||repeat(']',100000))";
    return {
        "select id, string_agg(v, ', ') over () from t where id < " + n + " limit 5",
        "select lag(s,10,'x') over () from (values ('a'),(NULL),('" + n + "')) t(s)",
        "select json_structure(repeat('[',100000)||repeat(']',100000)||'" + n + "')",
        "select json_contains(v || repeat('[',100000), repeat('[',100000)) from t where id <> " + n,
        "select json_structure(v || " + deep + ") from t where id <> " + n,
        "select length(json_merge_patch(" + deep + ", '{\"a\":" + n + "}')::varchar)",
        "select json_transform('" + n + "', " + deep + ")",
        "select length((" + deep + " || '')::json::varchar) from t where id < " + n,
        "select " + deep + "::json::variant, " + n,
        "select json_keys('{\"a\":" + n + "}', '$.*')",
        "select json_keys('{\"' || v || '\":' || id || '}', '$.*') from t where id <> " + n,
        "select fill(id order by id) over (partition by v order by id) from t where id <> " + n,
        "select lead(id order by id) over (order by v rows between 3 following and 1 following) from t "
        "where id <> " +
            n,
        "select count(*) from t a asof join t b on a.v = b.v and a.id >= b.id and " + n + " < 0",
        "select count(*) from t a asof left join t b on a.v = b.v and a.id > b.id + " + n,
        "select " + nested + " + " + n + " from (select 1 as x)",
        "select 1 where repeat('a',100000) glob repeat('*a',5000) || 'b" + n + "'",
        "select length((repeat('9',1000000) || '" + n + "')::bignum::varchar)",
        "select levenshtein(repeat('ab', 200000), repeat('ba" + n + "', 200000))",
        "select levenshtein(repeat(v || 'ab', 60000), repeat(v || 'ba', 60000)) from t where id < " + n,
        "select length(repeat(repeat('x',1000000),3000 + " + n + "))",
        "select max(length(repeat(id::varchar,1000000))) from t where id <> " + n,
        "select len(list_concat(range(1000000),[id])) from t where id <> " + n + " order by 1",
        "with a0 as (select repeat(v, 1000) as s from t), a1 as (select x.s || y.s as s from a0 x, a0 y), a2 "
        "as "
        "(select x.s || y.s as s from a1 x, a1 y) select max(length(s)) + " +
            n + " from a2",
        "select 'worker.marked', " + n,
        "select v || 'worker.marked' from t where id + 0 > " + n};
}

// Words of SQL one behind the other, most of which is nothing, and some of which is.
std::string any_statement(std::mt19937& random) {
    static const std::vector<std::string> words = {"select",
                                                   "*",
                                                   "id",
                                                   "v",
                                                   "count(*)",
                                                   "max(id)",
                                                   "from",
                                                   "t",
                                                   "t a",
                                                   "join t b using (id)",
                                                   "asof join t b",
                                                   "where",
                                                   "id > 3",
                                                   "v like '%9'",
                                                   "and",
                                                   "or",
                                                   "not",
                                                   "group by",
                                                   "order by",
                                                   "limit 3",
                                                   "offset",
                                                   "union all",
                                                   "select id from t",
                                                   "(",
                                                   ")",
                                                   ",",
                                                   "over (partition by v order by id)",
                                                   "lag(id)",
                                                   "sum(id)",
                                                   "with x as",
                                                   "recursive",
                                                   "case when id = 1 then",
                                                   "end",
                                                   "::bignum",
                                                   "::json",
                                                   "'x'",
                                                   "1e308",
                                                   "-",
                                                   "[",
                                                   "]",
                                                   "unnest([1, 2])",
                                                   "range(100000)",
                                                   "pivot",
                                                   "on v",
                                                   "lateral",
                                                   "qualify",
                                                   "having",
                                                   "distinct",
                                                   "null",
                                                   "interval 1 day",
                                                   "exists",
                                                   "between",
                                                   "in (1, 2)",
                                                   "values (1)",
                                                   "explain",
                                                   "$1",
                                                   ";",
                                                   "/*",
                                                   "--",
                                                   "\""};
    const auto pick = [&](std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
    };
    std::string text = "select";
    for (auto left = 2 + pick(14); left > 0; --left)
        text += " " + words[pick(words.size())];
    return text;
}

class ChaosTest : public ClusterTest {
  protected:
    void begin() {
        ClusterOptions options;
        options.slaves = 3;
        // Of the workers: the daemons have no such point.
        options.master_environment = {{"DL_FAILPOINT", "worker.marked:kill:1"}, with_small_quarantine()};
        options.slave_environment = {{"DL_FAILPOINT", "worker.marked:kill:1"}, with_small_quarantine()};
        options.master_properties = {{"master.query.memory.bytes", "512m"},
                                     {"master.query.concurrent.max", "16"}};
        options.slave_properties = {{"slave.query.memory.bytes", "512m"},
                                    {"slave.query.concurrent.max", "16"}};
        start(options);
        auto client = connect();
        must(client, sql("create table t(id int primary key, v string) partition.number = 6"));
        must(client, sql("create table w(id int primary key, v string) partition.number = 6"));
        auto data = json::array();
        for (int i = 0; i < kRows; ++i)
            data.push_back({{"id", i}, {"v", "v" + std::to_string(i % kGroups)}});
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    }
};

TEST_F(ChaosTest, GoodStatementsAreAnsweredRightlyBesideBadOnes) {
    begin();
    const std::vector<std::pair<std::string, json>> statements = {
        {"select count(*) from t where v <> 'x'", kRows},
        {"select count(*) from (select v, sum(id) from t group by v)", kGroups},
        {"select max(a.id) from t a join t b using (id) where b.v = 'v9'", kRows - 1},
        {"select v from t where id = 7", "v7"},
        {"select id from t order by id desc limit 1", kRows - 1}};
    std::atomic<bool> stop{false}, is_hostile{false};
    std::atomic<int> good{0}, bad{0}, written{0};
    int hostile_sent = 0, random_sent = 0;
    std::vector<double> before_ms, beside_ms;  // of single writes
    std::vector<std::thread> clients;
    for (std::size_t i = 0; i < 8; ++i)
        clients.emplace_back([&, i] {
            auto client = connect();
            for (auto at = i; !stop; ++at) {
                const auto& [text, answer] = statements[at % statements.size()];
                const auto reply =
                    client.request(json{{"query", text}, {"options", {{"timeout_ms", 120'000}}}}.dump());
                const bool right =
                    reply.ok() && reply.frames.size() == 1 && json::parse(reply.frames[0]).front() == answer;
                right ? ++good : ++bad;
                if (!right) ADD_FAILURE() << text << ": " << (reply.ok() ? reply.frames[0] : reply.text);
            }
        });
    clients.emplace_back([&] {
        auto client = connect();
        for (int i = 0; !stop; ++i) {
            const json row = {{"id", i}, {"v", "x"}};
            const auto from = Clock::now();
            must(client, json{{"batch_insert", {{"table_name", "w"}, {"data", json::array({row})}}}}.dump());
            const std::chrono::duration<double, std::milli> took = Clock::now() - from;
            (is_hostile ? beside_ms : before_ms).push_back(took.count());
            ++written;
        }
    });
    // Good statements alone first: what the others add is measured against that.
    std::this_thread::sleep_for(chaos_time() / 5);
    is_hostile = true;
    const auto rss = [this] {
        auto most = resident_kib(cluster().master().pid());
        for (std::size_t i = 0; i < cluster().slave_count(); ++i)
            most = std::max(most, resident_kib(cluster().slave(i).pid()));
        return most;
    };
    const auto before = rss();
    const auto& allowed = is_sanitized(cluster().master().pid()) ? kSanitized : kPlain;
    std::mt19937 random(17);
    std::set<std::size_t> kinds_sent;
    const auto kinds = hostile_kinds(0).size();
    const auto hostile = [&](int number) {
        const auto kind = static_cast<std::size_t>(number) % kinds;
        kinds_sent.insert(kind);
        return hostile_kinds(number)[kind];
    };
    // What they take once (pools, caches, what the allocator keeps) they have taken after a third; from then
    // on it has to stay as it is.
    std::uint64_t settled = 0;
    const auto third = Clock::now() + chaos_time() / 3;
    for (const auto end = Clock::now() + chaos_time(); Clock::now() < end;) {
        if (settled == 0 && Clock::now() >= third) settled = rss();
        const bool any = random() % 2 == 0;
        const auto text = any ? any_statement(random) : hostile(hostile_sent);
        any ? ++random_sent : ++hostile_sent;
        auto client = connect();
        (void)client.request(json{{"query", text}, {"options", {{"timeout_ms", 2000}}}}.dump());
    }
    stop = true;
    for (auto& one : clients)
        one.join();
    EXPECT_EQ(bad, 0);
    EXPECT_GT(good, 0);
    EXPECT_GT(hostile_sent, 0);
    std::printf(
        "%d good statements, %d hostile and %d random ones, %d writes; memory of a daemon %llu -> %llu -> "
        "%llu "
        "KiB\n",
        good.load(), hostile_sent, random_sent, written.load(), static_cast<unsigned long long>(before),
        static_cast<unsigned long long>(settled), static_cast<unsigned long long>(rss()));
    const auto p99 = [](std::vector<double>& all) {
        std::sort(all.begin(), all.end());
        return all.empty() ? 0.0 : all[all.size() * 99 / 100];
    };
    const auto alone = p99(before_ms), beside = p99(beside_ms);
    std::printf("p99 of a write %.1f ms beside good statements, %.1f ms beside all: %.2f x\n", alone, beside,
                alone > 0 ? beside / alone : 0);
    EXPECT_LT(rss(), before + allowed.settling_kib) << "KiB";
    if (chaos_time() >= kLongEnough) {
        EXPECT_LT(rss(), settled + settled / 4 + allowed.growing_kib) << "KiB: it grows";
        EXPECT_LE(beside, std::max(2 * alone, alone + allowed.write_noise_ms)) << "ms: writers suffer";
    }
    // Ten minutes are enough for several of each.
    if (chaos_time() >= std::chrono::minutes(5)) {
        EXPECT_EQ(kinds_sent.size(), kinds);
    }
    EXPECT_TRUE(cluster().master().alive());
    for (std::size_t i = 0; i < cluster().slave_count(); ++i)
        EXPECT_TRUE(cluster().slave(i).alive()) << i;
    auto client = connect();
    EXPECT_EQ(value(client, "select count(*) from w where v = 'x'"), written.load());
}

}  // namespace
}  // namespace dl::test
