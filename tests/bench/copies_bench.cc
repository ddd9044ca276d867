// What copies cost and give: one copy and three of them beside each other, on three slaves and one machine.
//   copies_bench [--rows N] [--repeat N]                      writing; default 1 000 000 rows a turn, 5 turns
//   copies_bench --catch-up [MILLIONS]                        a slave that lost its disk; default 10
//   copies_bench --follow [MILLIONS]                          memory of a slave that follows; default 50
//   copies_bench --read-any [--rows N] [--repeat N] [--clients N] [--seconds N]   leaders alone, any copy
#include "tests/bench/copies_bench.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

namespace dl::bench {

using nlohmann::json;

test::ClusterOptions copies_cluster() {
    auto options = default_cluster();
    options.slaves = kCopiesSlaves;
    return options;
}

std::string status_text(test::TestCluster& cluster) {
    auto client = cluster.connect();
    const auto reply = client.request(R"({"cluster_status":{}})");
    if (!reply.ok()) throw std::runtime_error(reply.text);
    std::string text;
    for (const auto& frame : reply.frames)
        text += frame + "\n";
    return text;
}

void wait_well(test::TestCluster& cluster, double seconds) {
    const auto is_well = [&] { return status_text(cluster).find("\"well\"") != std::string::npos; };
    if (test::wait_until(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)), is_well))
        return;
    throw std::runtime_error("the copies are not all in sync:\n" + status_text(cluster));
}

void create_with_copies(test::TestCluster& cluster, const std::string& table, int partitions, int copies) {
    auto client = cluster.connect();
    auto statement = json::parse(create_statement(table, partitions));
    statement["sql"] =
        statement["sql"].get<std::string>() + ", replicas.number = " + std::to_string(copies - 1);
    must(client, statement.dump());
    cluster.wait_serving(table);
    wait_well(cluster, 60);
}

void load_rows(test::TestCluster& cluster, const std::string& table, std::int64_t rows) {
    constexpr int kBatch = 10'000;
    for (std::int64_t done = 0; done < rows;) {
        std::vector<std::string> requests;
        for (int i = 0; i < 100 && done < rows; ++i, done += kBatch)
            requests.push_back(
                binary_batch(table, done, static_cast<int>(std::min<std::int64_t>(kBatch, rows - done))));
        send_all(cluster.port(), requests, 2);
    }
}

void check_copies(test::TestCluster& cluster, const std::string& table, std::int64_t rows, int copies) {
    count_rows(cluster, table, rows);
    auto client = cluster.connect(std::chrono::seconds(1800));
    const auto reply = client.request(json{{"check_table", table}}.dump());
    if (!reply.ok()) throw std::runtime_error("check table " + table + ": " + reply.text);
    std::map<int, std::set<std::string>> hashes;
    std::map<int, int> found;
    std::map<int, std::int64_t> live;
    for (const auto& frame : reply.frames) {
        const auto report = json::parse(frame);
        const int partition = report.at("partition");
        if (!report.at("problems").empty()) throw std::runtime_error("table " + table + ": " + report.dump());
        hashes[partition].insert(report.at("hash"));
        live[partition] = report.at("live_rows");
        ++found[partition];
    }
    std::int64_t sum = 0;
    for (const auto& [partition, copies_found] : found) {
        if (copies_found != copies || hashes[partition].size() != 1)
            throw std::runtime_error("table " + table + ", partition " + std::to_string(partition) + ": " +
                                     std::to_string(copies_found) + " copies, " +
                                     std::to_string(hashes[partition].size()) + " of them different");
        sum += live[partition];
    }
    if (sum != rows)
        throw std::runtime_error("the copies of table " + table + " hold " + std::to_string(sum) +
                                 " rows instead of " + std::to_string(rows));
}

namespace {

constexpr int kWritePartitions = 4;
constexpr double kAckRatioAim = 2.2, kRateRatioAim = 0.4;

struct Shape {
    std::string name;
    int batch_rows, connections;
    std::int64_t rows;  // of a turn
};

// Figures of one turn, or the medians of several.
struct Turn {
    double rows_per_second = 0, p50_ms = 0, p99_ms = 0, cpu_per_million = 0;
};

// One table, written in turns.
class Writing {
  public:
    Writing(test::TestCluster& cluster, const Shape& shape, int copies, int number)
        : cluster_(cluster),
          shape_(shape),
          copies_(copies),
          table_("t" + std::to_string(number) + "_" + std::to_string(copies)) {
        create_with_copies(cluster, table_, kWritePartitions, copies);
    }

    // `idle`: processor time in a second of rest, which is nobody's.
    void turn(std::int64_t rows, double idle, bool counts) {
        std::vector<std::string> requests;
        for (std::int64_t done = 0; done < rows; done += shape_.batch_rows)
            requests.push_back(binary_batch(table_, written_ + done, shape_.batch_rows));
        const auto count = static_cast<std::int64_t>(requests.size()) * shape_.batch_rows;
        const auto cpu_before = cpu_seconds(cluster_);
        const auto start = Clock::now();
        auto sent = send_all(cluster_.port(), requests, shape_.connections);
        // What comes of the rows later is part of their price, and not to be paid by the next turn.
        settle(cluster_);
        std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // slave.compaction.idle.ms
        settle(cluster_);
        const auto cpu = cpu_seconds(cluster_) - cpu_before - idle * seconds_since(start);
        written_ += count;
        if (!counts) return;
        const auto number = static_cast<double>(count);
        rate_.push_back(number / sent.seconds);
        p50_.push_back(sent.latencies.percentile(50) / 1000);
        p99_.push_back(sent.latencies.percentile(99) / 1000);
        cpu_.push_back(std::max(0.0, cpu) / number * 1e6);
    }

    Turn medians() const { return {median(rate_), median(p50_), median(p99_), median(cpu_)}; }
    void check() const { check_copies(cluster_, table_, written_, copies_); }

  private:
    test::TestCluster& cluster_;
    const Shape& shape_;
    const int copies_;
    const std::string table_;
    std::int64_t written_ = 0;
    std::vector<double> rate_, p50_, p99_, cpu_;
};

void print_row(const char* name, const char* pattern, double one, double three, const std::string& aim) {
    char first[32], second[32];
    std::snprintf(first, sizeof first, pattern, one);
    std::snprintf(second, sizeof second, pattern, three);
    std::printf("  %-28s %14s %14s %10s   %s\n", name, first, second,
                one > 0 ? ratio_text(three / one).c_str() : "", aim.c_str());
    std::fflush(stdout);
}

void print_turns(const Turn& one, const Turn& three) {
    std::printf("  %-28s %14s %14s %10s   %s\n", "", "one copy", "three copies", "ratio", "aim");
    print_row("rows/s", "%.0f", one.rows_per_second, three.rows_per_second,
              ">= " + ratio_text(kRateRatioAim));
    print_row("ack p50, ms", "%.2f", one.p50_ms, three.p50_ms, "<= " + ratio_text(kAckRatioAim));
    print_row("ack p99, ms", "%.2f", one.p99_ms, three.p99_ms, "");
    print_row("CPU seconds a million rows", "%.2f", one.cpu_per_million, three.cpu_per_million, "");
}

double idle_cpu(test::TestCluster& cluster) {
    settle(cluster);
    const auto before = cpu_seconds(cluster);
    const auto start = Clock::now();
    std::this_thread::sleep_for(std::chrono::seconds(5));
    return (cpu_seconds(cluster) - before) / seconds_since(start);
}

}  // namespace

void measure_writes(const WriteOptions& options) {
    const auto at_least = [](std::int64_t rows, std::int64_t least) { return std::max(rows, least); };
    const std::vector<Shape> shapes = {
        {"batches of 10 000 rows, 2 connections", 10'000, 2, at_least(options.rows, 20'000)},
        {"batches of 100 rows, 1 connection", 100, 1, at_least(options.rows / 10, 1'000)},
        {"batches of 100 rows, 8 connections", 100, 8, at_least(options.rows / 5, 8'000)},
        {"single rows, 64 connections", 1, 64, at_least(options.rows / 50, 640)},
    };
    test::TestCluster cluster(copies_cluster());
    cluster.start();
    headline("Writing, one copy and three, three slaves, " + std::to_string(kWritePartitions) +
             " partitions, acknowledged = synced on every copy in sync; medians of " +
             std::to_string(options.repeat) +
             " turns each, in turns; CPU: master and slaves, until they are " + "quiet again");
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        const auto& shape = shapes[i];
        Writing one(cluster, shape, 1, static_cast<int>(i)), three(cluster, shape, 3, static_cast<int>(i));
        const auto idle = idle_cpu(cluster);
        for (auto* table : {&one, &three})
            table->turn(at_least(shape.rows / 10, shape.batch_rows), idle, false);
        for (int turn = 0; turn < options.repeat; ++turn)
            for (auto* table : {&one, &three})
                table->turn(shape.rows, idle, true);
        headline(shape.name + ", " + std::to_string(shape.rows) + " rows a turn");
        print_turns(one.medians(), three.medians());
        one.check();
        three.check();
    }
}

namespace {

// --name, with a number behind it or without one.
std::optional<std::int64_t> part_asked(int argc, char** argv, std::string_view name, std::int64_t otherwise) {
    for (int i = 1; i < argc; ++i) {
        if (name != argv[i]) continue;
        const bool has_number = i + 1 < argc && argv[i + 1][0] != '-';
        return has_number ? std::strtoll(argv[i + 1], nullptr, 10) : otherwise;
    }
    return std::nullopt;
}

int run(int argc, char** argv) {
    constexpr std::int64_t kMillion = 1'000'000;
    if (const auto millions = part_asked(argc, argv, "--catch-up", 10)) {
        measure_catch_up(argument(argc, argv, "--rows", *millions * kMillion));
    } else if (const auto followed = part_asked(argc, argv, "--follow", 50)) {
        measure_follow(argument(argc, argv, "--rows", *followed * kMillion));
    } else if (part_asked(argc, argv, "--read-any", 0)) {
        ReadOptions options;
        options.rows = argument(argc, argv, "--rows", options.rows);
        options.repeat = static_cast<int>(argument(argc, argv, "--repeat", options.repeat));
        options.clients = static_cast<int>(argument(argc, argv, "--clients", options.clients));
        options.seconds = static_cast<double>(argument(argc, argv, "--seconds", 5));
        measure_reads(options);
    } else {
        WriteOptions options;
        options.rows = argument(argc, argv, "--rows", options.rows);
        options.repeat = static_cast<int>(argument(argc, argv, "--repeat", options.repeat));
        measure_writes(options);
    }
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
