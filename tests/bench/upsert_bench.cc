// Upserts of random keys into a large table: rate by slice (does it fall?), memory, restart, check and
// rebuild, compaction, and the latency of tail reads while a compaction runs.
//   upsert_bench [--rows N] [--upserts N]   default 20 000 000 and 10 000 000
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "common/rpc/rpc_client.h"
#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

constexpr int kBatch = 10'000;
constexpr int kPortion = 100;  // batches prepared at once, so that preparing is not measured

rpc::RpcReply ask_slave(test::TestCluster& cluster, rpc::Method method, const std::string& json) {
    boost::asio::io_context loop;
    const auto slave =
        rpc::RpcClient::create(loop.get_executor(), "127.0.0.1:" + std::to_string(cluster.slave().port()));
    auto asked =
        boost::asio::co_spawn(loop, slave->call(method, json, {}, Clock::now() + std::chrono::seconds(60)),
                              boost::asio::use_future);
    loop.run();
    auto reply = asked.get();
    if (!reply) throw std::runtime_error(reply.error().to_text());
    return std::move(*reply);
}

// What the slave counts of its only table.
nlohmann::json table_counters(test::TestCluster& cluster) {
    const auto inventory = ask_slave(cluster, rpc::Method::inventory, "{}");
    const auto table = nlohmann::json::parse(inventory.data.at(0).view()).at("tables").at(0);
    const nlohmann::json request = {{"table_id", table.at("table_id")},
                                    {"incarnation", table.at("incarnation")},
                                    {"partitions", {0, 1, 2, 3}}};
    return nlohmann::json::parse(ask_slave(cluster, rpc::Method::stats, request.dump()).end_json);
}

void print_memory(test::TestCluster& cluster, double keys) {
    const auto counters = table_counters(cluster);
    const auto a_key = [&](const char* name) {
        return std::to_string(counters.at(name).get<double>() / keys).substr(0, 5) + " bytes a key";
    };
    line("index", a_key("index_bytes_resident") + " resident",
         a_key("index_bytes_mapped") + " in mapped files; " + counters.at("tail_rows").dump() +
             " rows in the tail");
    const auto memory = memory_of(cluster.slave());
    line("slave memory", megabytes(memory.own) + " own, " + megabytes(memory.mapped) + " of mapped files",
         std::to_string(static_cast<int>(memory.own / keys)) + " own bytes a key, everything counted");
}

std::string random_batch(std::mt19937_64& random, std::int64_t keys, std::int64_t stamp) {
    std::uniform_int_distribution<std::int64_t> any(0, keys - 1);
    std::vector<BenchRow> rows;
    rows.reserve(kBatch);
    for (int i = 0; i < kBatch; ++i)
        rows.push_back(
            {std::to_string(any(random)), "user" + std::to_string(stamp), std::to_string(stamp), "0"});
    return binary_batch("u", rows, "insert");
}

int run(int argc, char** argv) {
    const auto keys = argument(argc, argv, "--rows", 20'000'000) / kBatch * kBatch;
    const auto upserts = argument(argc, argv, "--upserts", 10'000'000) / kBatch * kBatch;
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect(std::chrono::seconds(900));
    must(client, create_statement("u", 4));
    headline(std::to_string(keys) + " keys");
    double seconds = 0;
    for (std::int64_t done = 0; done < keys;) {
        std::vector<std::string> requests;
        for (int i = 0; i < kPortion && done < keys; ++i, done += kBatch)
            requests.push_back(binary_batch("u", done, kBatch));
        seconds += send_all(cluster.port(), requests, 2).seconds;
    }
    line("loaded", rows_per_second(static_cast<double>(keys), seconds));
    print_memory(cluster, static_cast<double>(keys));

    headline(std::to_string(upserts) + " upserts of random keys, two connections, synced");
    std::mt19937_64 random(7);
    double all = 0;
    double first = 0;
    for (std::int64_t done = 0; done < upserts;) {
        std::vector<std::string> requests;
        const auto begin = done;
        for (int i = 0; i < kPortion && done < upserts; ++i, done += kBatch)
            requests.push_back(random_batch(random, keys, done));
        const auto sent = send_all(cluster.port(), requests, 2);
        all += sent.seconds;
        const auto rate = static_cast<double>(done - begin) / sent.seconds;
        if (first == 0) first = rate;
        line("upserts " + std::to_string(begin) + " to " + std::to_string(done),
             rows_per_second(static_cast<double>(done - begin), sent.seconds),
             ratio_text(rate / first) + " of the first");
    }
    line("all of them", rows_per_second(static_cast<double>(upserts), all));
    print_memory(cluster, static_cast<double>(keys));
    // What is not used any more is given back, or not.
    settle(cluster);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    const auto left = memory_of(cluster.slave());
    line("slave memory with nothing to do", megabytes(left.own) + " own", "5 s later");

    headline("Restart to serving the whole table");
    cluster.slave().kill_hard();
    auto start = Clock::now();
    cluster.slave().start();
    count_rows(cluster, "u", keys);
    line("after kill -9", seconds_text(seconds_since(start)));
    line("slave memory", megabytes(memory_of(cluster.slave()).own) + " own");

    headline("Check, and rebuilding what is derived");
    start = Clock::now();
    must(client, R"({"check_table":"u","options":{"timeout_ms":900000}})");
    line("check_table", seconds_text(seconds_since(start)),
         rows_per_second(static_cast<double>(keys + upserts), seconds_since(start)) + " of records");
    cluster.slave().kill_hard();
    std::uint64_t indexes = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(cluster.slave_data()))
        if (file.path().extension() == ".kix") indexes += std::filesystem::remove(file.path()) ? 1 : 0;
    start = Clock::now();
    cluster.slave().start();
    count_rows(cluster, "u", keys);
    line("restart without its " + std::to_string(indexes) + " key indexes",
         seconds_text(seconds_since(start)),
         rows_per_second(static_cast<double>(keys + upserts), seconds_since(start)) + " of records");

    headline("Compaction, and tail reads meanwhile");
    line("background work done after", seconds_text(settle(cluster)));
    RowProbe probe{.table = "u", .column = "age", .first_id = 1'000'000'000, .rows = 3000};
    auto quiet = measure_rows(cluster, probe);
    line("sent to visible, nothing else running", quiet.visible.to_text());
    std::atomic<bool> done{false};
    double took = 0;
    std::thread compaction([&] {
        auto own = cluster.connect(std::chrono::seconds(900));
        const auto begin = Clock::now();
        must(own, R"({"compress_table":"u","options":{"timeout_ms":900000}})");
        took = seconds_since(begin);
        done = true;
    });
    probe.first_id += probe.rows;
    probe.rows = 1'000'000;
    probe.go_on = [&] { return !done; };
    auto busy = measure_rows(cluster, probe);
    compaction.join();
    line("sent to visible, while compacting", busy.visible.to_text(),
         "p99 " + ratio_text(busy.visible.percentile(99) / quiet.visible.percentile(99)));
    line("compress_table", seconds_text(took), rows_per_second(static_cast<double>(keys + upserts), took));
    print_memory(cluster, static_cast<double>(keys));
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
