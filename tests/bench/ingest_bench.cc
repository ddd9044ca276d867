// Writing, acknowledged after fdatasync: JSON and binary batches of 10 000 rows, small batches, many single
// rows.
//   ingest_bench [--rows N]   rows per throughput figure, default 2 000 000
#include <atomic>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

// Cache flushes of all disks so far; -1 when the kernel does not tell.
std::int64_t disk_flushes() {
    std::ifstream file("/proc/diskstats");
    std::int64_t total = -1;
    for (std::string text; std::getline(file, text);) {
        std::istringstream fields(text);
        std::string field;
        for (int i = 0; i < 19 && fields >> field; ++i) {
        }
        if (fields) total = std::max<std::int64_t>(total, 0) + std::stoll(field);
    }
    return total;
}

void large_batches(test::TestCluster& cluster, const char* name,
                   std::string (*build)(std::string_view, std::int64_t, int), std::int64_t rows) {
    constexpr int kBatchRows = 10'000;
    auto client = cluster.connect();
    const auto table = std::string("ingest_") + name;
    must(client, create_statement(table, 4));
    std::vector<std::string> requests;
    for (std::int64_t id = 0; id < rows; id += kBatchRows)
        requests.push_back(build(table, id, kBatchRows));
    double bytes = 0;
    for (const auto& request : requests)
        bytes += static_cast<double>(request.size());
    const auto count = static_cast<double>(requests.size()) * kBatchRows;
    const auto baseline = raw_write_and_sync_seconds(cluster.directory(), requests);
    auto result = send_all(cluster.port(), requests, 2);
    std::ostringstream ratio;
    ratio.precision(3);
    ratio << "write+fdatasync of the same " << megabytes(bytes) << ": " << rows_per_second(count, baseline)
          << ", ratio " << baseline / result.seconds;
    line(std::string(name) + ", 10 000 rows a batch, 2 connections", rows_per_second(count, result.seconds),
         ratio.str());
    line("", result.latencies.to_text() + " a batch");
}

void small_batches(test::TestCluster& cluster, const char* name,
                   std::string (*build)(std::string_view, std::int64_t, int)) {
    auto client = cluster.connect();
    const auto table = std::string("small_") + name;
    must(client, create_statement(table, 4));
    std::vector<std::string> requests;
    for (int i = 0; i < 3000; ++i)
        requests.push_back(build(table, i * 100, 100));
    auto sync = raw_sync_latencies(cluster.directory(), 500, 8192);
    auto result = send_all(cluster.port(), requests, 1);
    line(std::string(name) + ", 100 rows a batch, 1 connection", result.latencies.to_text(),
         "one fdatasync of 8 KiB: " + sync.to_text());
}

void single_rows(test::TestCluster& cluster, int connections) {
    auto client = cluster.connect();
    const auto table = "single_" + std::to_string(connections);
    must(client, create_statement(table, 1));
    const auto baseline = raw_sync_latencies(cluster.directory(), 500, 512);
    std::vector<std::string> requests;
    for (int i = 0; i < connections * 600; ++i)
        requests.push_back(json_batch(table, i, 1));
    const auto flushes_before = disk_flushes();
    auto result = send_all(cluster.port(), requests, connections);
    const auto flushes = disk_flushes() - flushes_before;
    const auto rate = static_cast<double>(requests.size()) / result.seconds;
    auto sync = baseline;
    std::ostringstream figure, note;
    figure.precision(0);
    figure << std::fixed << rate << " acknowledged rows/s";
    note.precision(1);
    note << std::fixed << "one row a sync would be " << 1e6 / sync.percentile(50)
         << "/s: " << rate * sync.percentile(50) / 1e6 << " x";
    if (flushes_before >= 0 && flushes > 0)
        note << "; " << static_cast<double>(requests.size()) / static_cast<double>(flushes)
             << " rows a disk flush (" << flushes << " flushes)";
    line("single rows, " + std::to_string(connections) + " connections", figure.str(), note.str());
    line("", result.latencies.to_text());
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 2'000'000);
    test::TestCluster cluster(default_cluster());
    cluster.start();
    headline(
        "Writing: acknowledged = synced to disk. Rows as in the README: id, username, age, xingbie; 4 "
        "partitions");
    large_batches(cluster, "json", json_batch, rows);
    large_batches(cluster, "binary", binary_batch, rows);
    small_batches(cluster, "json", json_batch);
    small_batches(cluster, "binary", binary_batch);
    single_rows(cluster, 64);
    single_rows(cluster, 1);
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
