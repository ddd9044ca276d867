// What the benchmark programs share: rows as in the README of the original, prepared request bytes,
// percentiles, baselines.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/test_cluster.h"

namespace dl::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Latencies in microseconds.
class Latencies {
  public:
    void add(double microseconds) { values_.push_back(microseconds); }
    void add_all(const Latencies& other) {
        values_.insert(values_.end(), other.values_.begin(), other.values_.end());
    }
    std::size_t count() const { return values_.size(); }
    double percentile(double p);  // 0..100
    std::string to_text();        // "p50 0.81 ms  p99 2.20 ms  max 9.31 ms"

  private:
    std::vector<double> values_;
    bool sorted_ = false;
};

// The table of the original's README: id int key, username string, age long, xingbie string.
std::string create_statement(std::string_view table, int partitions);
// One whole request (frames and all) that inserts rows [first_id, first_id + rows).
std::string json_batch(std::string_view table, std::int64_t first_id, int rows);
std::string binary_batch(std::string_view table, std::int64_t first_id, int rows);

// Sends requests round-robin over `connections` threads, each waiting for its reply; exits the program on an
// error.
struct SendResult {
    double seconds = 0;
    Latencies latencies;
};
SendResult send_all(std::uint16_t port, const std::vector<std::string>& requests, int connections);

void must(test::RawClient& client, const std::string& statement);  // exits with the message on an error

// --- baselines, in the same run on the same disk ---
// Seconds to append each of the blocks to a new file with fdatasync after each.
double raw_write_and_sync_seconds(const std::string& directory, const std::vector<std::string>& blocks);
// fdatasync latencies of `count` appends of `bytes`.
Latencies raw_sync_latencies(const std::string& directory, int count, std::size_t bytes);
// Seconds to send that many bytes through a loopback TCP connection to a thread that reads them.
double loopback_seconds(std::uint64_t bytes);
// Round trips of one small message over loopback TCP.
Latencies loopback_round_trips(int count);

// --- printing ---
void headline(const std::string& text);
// "name   figure   baseline (what)   ratio"
void line(const std::string& name, const std::string& figure, const std::string& baseline = "");
std::string rows_per_second(double rows, double seconds);
std::string megabytes(double bytes);

// --name N from the command line, or the default.
std::int64_t argument(int argc, char** argv, std::string_view name, std::int64_t otherwise);

// main() of a benchmark: what is thrown is printed, exit code 1.
int run_program(int (*run)(int, char**), int argc, char** argv);

// One master and one slave with default settings, synced.
test::ClusterOptions default_cluster();

}  // namespace dl::bench
