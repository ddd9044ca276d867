// What clients notice when a slave that leads goes: three copies on three slaves, one writer of single rows,
// one reader by offset and one of queries, while slaves are killed (kill -9) and started again in turn, or
// stopped in good order. Prints for each the longest pause around each time, and at the end what is missing.
//
//   failover_bench [--times N] [--stop] [--keys K] [--partitions P]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bench_support.h"
#include "tests/support/test_cluster.h"
#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

using nlohmann::json;
using test::RawClient;
using test::TransportError;

// Longest time between two successes, since it was asked last.
class Pauses {
  public:
    void success() {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        longest_ = std::max(longest_, std::chrono::duration<double>(now - last_).count());
        last_ = now;
        ++count_;
    }
    void error(const std::string& text) {
        const std::lock_guard lock(mutex_);
        ++errors_;
        last_error_ = text;
    }
    double take() {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        const auto longest = std::max(longest_, std::chrono::duration<double>(now - last_).count());
        longest_ = 0;
        return longest;
    }
    void print(const char* name) {
        const std::lock_guard lock(mutex_);
        std::printf("%-22s %10llu done, %llu errors%s%s\n", name, static_cast<unsigned long long>(count_),
                    static_cast<unsigned long long>(errors_), errors_ > 0 ? ", the last: " : "",
                    last_error_.c_str());
    }

  private:
    std::mutex mutex_;
    Clock::time_point last_ = Clock::now();
    double longest_ = 0;
    std::uint64_t count_ = 0, errors_ = 0;
    std::string last_error_;
};

// Repeats `step` on a connection that is made anew when it breaks.
void run_client(std::uint16_t port, const std::atomic<bool>& stop, Pauses& pauses,
                const std::function<void(RawClient&)>& step) {
    std::optional<RawClient> client;
    while (!stop) {
        try {
            if (!client) client.emplace(port);
            step(*client);
        } catch (const TransportError& error) {
            pauses.error(error.what());
            client.reset();
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

std::string summary(std::vector<double> pauses) {
    if (pauses.empty()) return "none";
    std::sort(pauses.begin(), pauses.end());
    char text[80];
    std::snprintf(text, sizeof text, "median %.2f s, worst %.2f s", pauses[pauses.size() / 2], pauses.back());
    return text;
}

int run(int times, bool in_good_order, std::int64_t keys, int partitions) {
    test::ClusterOptions options;
    options.slaves = 3;
    test::TestCluster cluster(std::move(options));
    cluster.start();
    const auto sql = [&](const std::string& text) {
        auto client = cluster.connect();
        const auto reply = client.request(json{{"sql", text}}.dump());
        if (!reply.ok()) throw std::runtime_error(text + ": " + reply.text);
        return reply;
    };
    sql("create table t (id long primary key, username string, age long, xingbie string) partition.number "
        "= " +
        std::to_string(partitions) + ", replicas.number = 2");
    for (std::int64_t first = 0; first < keys; first += 10'000) {
        auto client = cluster.connect();
        const auto reply = client.send_batch(
            binary_batch("t", first, static_cast<int>(std::min<std::int64_t>(10'000, keys - first))));
        if (!reply.ok()) throw std::runtime_error("loading: " + reply.text);
    }
    std::atomic<bool> stop{false};
    Pauses writes, reads, queries;
    std::set<std::int64_t> acknowledged;
    std::vector<std::int64_t> consumed;
    std::atomic<std::int64_t> next{keys};
    std::thread writer([&] {
        run_client(cluster.port(), stop, writes, [&](RawClient& client) {
            const auto id = next.load();
            const auto reply = client.request(
                json{{"sql", "insert into t (id, age) values (" + std::to_string(id) + ", 1)"}}.dump());
            if (!reply.ok()) {
                writes.error(reply.text);
                return;
            }
            acknowledged.insert(id);
            next = id + 1;
            writes.success();
        });
    });
    std::thread reader([&] {
        std::vector<std::int64_t> positions(static_cast<std::size_t>(partitions), 0);
        run_client(cluster.port(), stop, reads, [&](RawClient& client) {
            auto parts = json::array();
            for (std::size_t i = 0; i < positions.size(); ++i)
                parts.push_back({{"patition_code", i}, {"offset", positions[i]}});
            const auto reply = client.request(
                json{{"stream_read", {{"table_name", "t"}, {"patition_mess", parts}, {"read_count", 5000}}}}
                    .dump());
            if (!reply.ok()) {
                reads.error(reply.text);
                return;
            }
            for (const auto& frame : reply.frames)
                for (const auto& record : test::decode_stream_frame(frame)) {
                    positions.at(static_cast<std::size_t>(record.partition)) = record.offset + 1;
                    const auto id = std::stoll(record.key);
                    if (id >= keys) consumed.push_back(id);
                }
            reads.success();
            if (reply.frames.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        });
    });
    std::thread asker([&] {
        run_client(cluster.port(), stop, queries, [&](RawClient& client) {
            const auto reply =
                client.request(json{{"query", "select count(*) as n, sum(age) as s from t"}}.dump());
            if (!reply.ok()) {
                queries.error(reply.text);
                return;
            }
            queries.success();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        });
    });
    std::vector<double> write_pauses, read_pauses, query_pauses;
    for (int i = 0; i < times; ++i) {
        std::this_thread::sleep_for(std::chrono::seconds(2));
        writes.take(), reads.take(), queries.take();
        auto& slave = cluster.slave(static_cast<std::size_t>(i) % cluster.slave_count());
        if (in_good_order)
            slave.stop();
        else
            slave.kill_hard();
        std::this_thread::sleep_for(std::chrono::seconds(6));
        write_pauses.push_back(writes.take());
        read_pauses.push_back(reads.take());
        query_pauses.push_back(queries.take());
        std::printf("%2d  %s gone: writer %.2f s, reader by offset %.2f s, queries %.2f s\n", i + 1,
                    slave.name().c_str(), write_pauses.back(), read_pauses.back(), query_pauses.back());
        std::fflush(stdout);
        slave.start();
        std::this_thread::sleep_for(std::chrono::seconds(4));
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    stop = true;
    writer.join();
    reader.join();
    asker.join();
    const auto& how = in_good_order ? "stopped" : "killed with kill -9";
    std::printf("\nlongest pause when a slave is %s (%d times, %d partitions, 3 copies on 3 slaves):\n", how,
                times, partitions);
    std::printf("  writer             %s\n", summary(write_pauses).c_str());
    std::printf("  reader by offset   %s\n", summary(read_pauses).c_str());
    std::printf("  queries            %s\n", summary(query_pauses).c_str());
    writes.print("rows written");
    reads.print("reads by offset");
    queries.print("queries");
    // Everything that was acknowledged is there, once.
    std::set<std::int64_t> there;
    auto client = cluster.connect();
    const auto rows =
        client.request(json{{"query", "select id from t where id >= " + std::to_string(keys)}}.dump());
    if (!rows.ok()) throw std::runtime_error("reading back: " + rows.text);
    std::uint64_t twice = 0;
    for (const auto& frame : rows.frames)
        twice += there.insert(json::parse(frame)["id"].get<std::int64_t>()).second ? 0 : 1;
    std::uint64_t lost = 0;
    for (const auto id : acknowledged)
        lost += there.contains(id) ? 0 : 1;
    std::sort(consumed.begin(), consumed.end());
    const auto consumed_twice =
        consumed.size() -
        static_cast<std::size_t>(std::unique(consumed.begin(), consumed.end()) - consumed.begin());
    std::printf(
        "%zu rows acknowledged, %llu of them lost, %llu there twice; %zu records read twice by the "
        "consumer\n",
        acknowledged.size(), static_cast<unsigned long long>(lost), static_cast<unsigned long long>(twice),
        consumed_twice);
    return lost + twice + consumed_twice == 0 ? 0 : 1;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    int times = 20, partitions = 6;
    std::int64_t keys = 100'000;
    bool in_good_order = false;
    for (int i = 1; i < argc; ++i) {
        const bool valued = i + 1 < argc;
        if (std::strcmp(argv[i], "--stop") == 0)
            in_good_order = true;
        else if (valued && std::strcmp(argv[i], "--times") == 0)
            times = std::atoi(argv[++i]);
        else if (valued && std::strcmp(argv[i], "--keys") == 0)
            keys = std::atoll(argv[++i]);
        else if (valued && std::strcmp(argv[i], "--partitions") == 0)
            partitions = std::atoi(argv[++i]);
        else {
            std::fprintf(stderr, "failover_bench [--times N] [--stop] [--keys K] [--partitions P]\n");
            return 2;
        }
    }
    try {
        return dl::bench::run(times, in_good_order, keys, partitions);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "failover_bench: %s\n", error.what());
        return 1;
    }
}
