// One row by its key, mostly out of Parquet files: latency with one statement in flight, and the rate with
// many, against the same rows found without the key index.
//   point_bench [--rows N] [--lookups N] [--connections N]   default 10 000 000 rows, 20 000 lookups, 1 000
#include <snappy.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/bench/bench_support.h"
#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

void put_i32(std::string& out, std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i)
        out += static_cast<char>(number >> (8 * i));
}
void put_text(std::string& out, std::string_view text) {
    put_i32(out, text.size());
    out += text;
}

std::string user_of(std::int64_t id) {
    return "user " + std::to_string(id * 2'654'435'761 % 100'000'007);
}

// Rows whose texts do not repeat, so that they are as large in the files as real ones.
std::string varied_batch(std::int64_t first_id, int rows) {
    std::string plain;
    put_text(plain, "big");
    put_i32(plain, 5);
    for (const std::string_view column : {"id", "_crud_type", "username", "age", "xingbie"})
        put_text(plain, column);
    put_i32(plain, static_cast<std::size_t>(rows));
    for (auto id = first_id; id < first_id + rows; ++id) {
        put_i32(plain, 5);
        put_text(plain, std::to_string(id));
        put_text(plain, "insert");
        put_text(plain, user_of(id));
        put_text(plain, std::to_string(id % 97));
        put_text(plain, id % 2 == 0 ? "f" : "m");
    }
    std::string compressed;
    snappy::Compress(plain.data(), plain.size(), &compressed);
    return test::frame("\"batch_insert\"") + test::frame(compressed);
}

struct Shape {
    std::string before, after;
    std::string statement(std::int64_t id) const {
        return R"({"query":")" + before + std::to_string(id) + after + R"("})";
    }
};

void check(const test::Reply& reply, std::int64_t id) {
    const auto expected = "\"username\":\"" + user_of(id) + "\"";
    if (!reply.ok()) throw std::runtime_error(reply.text);
    if (reply.frames.size() != 1 || reply.frames[0].find(expected) == std::string::npos)
        throw std::runtime_error("key " + std::to_string(id) + ": wrong answer");
}

Latencies one_by_one(test::TestCluster& cluster, const Shape& shape, std::int64_t rows, int lookups) {
    auto client = cluster.connect(std::chrono::seconds(300));
    std::mt19937_64 random(42);
    Latencies latencies;
    for (int i = 0; i < lookups; ++i) {
        const auto id = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows));
        const auto start = Clock::now();
        const auto reply = client.request(shape.statement(id));
        latencies.add(seconds_since(start) * 1e6);
        check(reply, id);
    }
    return latencies;
}

// `connections` statements in flight, in waves; statements a second.
double many_at_once(test::TestCluster& cluster, const Shape& shape, std::int64_t rows, int lookups,
                    int connections) {
    constexpr int kThreads = 4;
    const int each = std::max(1, connections / kThreads);
    const int waves = std::max(1, lookups / (each * kThreads));
    std::vector<std::thread> threads;
    std::vector<std::string> failures(kThreads);
    std::vector<std::vector<test::RawClient>> clients(kThreads);
    for (auto& list : clients)
        for (int c = 0; c < each; ++c)
            list.push_back(cluster.connect(std::chrono::seconds(300)));
    const auto start = Clock::now();
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            try {
                std::mt19937_64 random(static_cast<std::uint64_t>(t));
                std::vector<std::int64_t> ids(static_cast<std::size_t>(each));
                auto& own = clients[static_cast<std::size_t>(t)];
                for (int wave = 0; wave < waves; ++wave) {
                    for (std::size_t c = 0; c < own.size(); ++c) {
                        ids[c] = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(rows));
                        own[c].send_frame(shape.statement(ids[c]));
                    }
                    for (std::size_t c = 0; c < own.size(); ++c)
                        check(own[c].read_reply(), ids[c]);
                }
            } catch (const std::exception& error) {
                failures[static_cast<std::size_t>(t)] = error.what();
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    for (const auto& failure : failures)
        if (!failure.empty()) throw std::runtime_error(failure);
    return static_cast<double>(waves) * each * kThreads / seconds_since(start);
}

std::string per_second(double rate) {
    return std::to_string(static_cast<std::int64_t>(rate)) + " lookups/s";
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 10'000'000) / 10'000 * 10'000;
    const auto lookups = static_cast<int>(argument(argc, argv, "--lookups", 20'000));
    const auto connections = static_cast<int>(argument(argc, argv, "--connections", 1'000));
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect();
    must(client, create_statement("big", 4));
    for (std::int64_t done = 0; done < rows;) {
        std::vector<std::string> requests;
        for (int i = 0; i < 100 && done < rows; ++i, done += 10'000)
            requests.push_back(varied_batch(done, 10'000));
        send_all(cluster.port(), requests, 2);
    }
    settle(cluster);

    const Shape plain{"select * from big where id = ", ""};
    const Shape parsed{"select *, 1 as one from big where id = ", ""};
    const Shape scanned{"select * from big where id + 0 = ", ""};
    headline("Lookups by key in a table of " + std::to_string(rows) + " rows");
    one_by_one(cluster, plain, rows, 500);
    auto trips = loopback_round_trips(5000);
    auto plain_times = one_by_one(cluster, plain, rows, lookups);
    line("plain lookup, one in flight", plain_times.to_text(), "loopback round trip: " + trips.to_text());
    auto scan_times = one_by_one(cluster, scanned, rows, 20);
    auto parsed_times = one_by_one(cluster, parsed, rows, std::min(lookups, 2'000));
    line("lookup within SQL, one in flight", parsed_times.to_text(),
         "without the index: " + scan_times.to_text());
    const auto one_rate = 1e6 / plain_times.percentile(50);
    line("plain lookups, " + std::to_string(connections) + " in flight",
         per_second(many_at_once(cluster, plain, rows, std::max(lookups, connections), connections)),
         "one in flight: " + per_second(one_rate));
    line("lookups within SQL, " + std::to_string(connections) + " in flight",
         per_second(many_at_once(cluster, parsed, rows, std::max(connections, 4'000), connections)),
         "without the index: " + per_second(1e6 / scan_times.percentile(50)));
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
