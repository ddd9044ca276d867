// What the benchmark programs share: rows as in the README of the original, prepared request bytes,
// percentiles, baselines.
#pragma once

#include <array>
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

// The same with the values of the caller: one text a column in the order id, username, age, xingbie.
using BenchRow = std::array<std::string, 4>;
std::string binary_batch(std::string_view table, const std::vector<BenchRow>& rows, std::string_view crud);

// Sends requests round-robin over `connections` threads, each waiting for its reply; exits the program on an
// error.
struct SendResult {
    double seconds = 0;
    Latencies latencies;
};
SendResult send_all(std::uint16_t port, const std::vector<std::string>& requests, int connections);

// Single rows, one after the other with a pause between, and a reader that long-polls for them. The table has
// a text key `id` or an int one and a long column `column` that takes the time of sending.
struct RowLatencies {
    Latencies visible;       // from sending until the reader holds the row
    Latencies acknowledged;  // until the writer has its reply
};
struct RowProbe {
    std::string table;
    std::string column;
    std::int64_t first_id = 0;  // keys first_id, first_id + 1, ...
    std::int64_t rows = 0;      // at most
    std::chrono::microseconds pause{2000};
    std::function<bool()> go_on = [] { return true; };  // false ends it early
};
RowLatencies measure_rows(test::TestCluster& cluster, const RowProbe& probe);

// Seconds until `select count(*)` of the table answers; throws when the number is another one, or after five
// minutes without an answer.
double count_rows(test::TestCluster& cluster, const std::string& table, std::int64_t expected);

// Resident memory of a process: its own, and pages of files it maps (which the system takes back when it
// needs them). `peak`: most of both together since it was started (VmHWM).
struct Memory {
    double own = 0;
    double mapped = 0;
    double peak = 0;
};
Memory memory_of(test::DaemonProcess& process);
// Processor time that the master, the slaves and their processes for queries have used so far, in seconds;
// that of processes that were started anew meanwhile is missing.
double cpu_seconds(test::TestCluster& cluster);
// Until the slaves have used next to no processor time for a second: flushes and compactions are done.
// Seconds waited, two minutes at most.
double settle(test::TestCluster& cluster);

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
std::string seconds_text(double seconds);
std::string megabytes(double bytes);
std::string milliseconds_text(double milliseconds);
std::string ratio_text(double ratio);  // "1.24 x"

// Bytes of the files below a directory, as the disk counts them.
double disk_bytes(const std::string& directory);
// The middle one; of an even number the lower of the two.
double median(std::vector<double> values);

// --name N from the command line, or the default.
std::int64_t argument(int argc, char** argv, std::string_view name, std::int64_t otherwise);

// main() of a benchmark: what is thrown is printed, exit code 1.
int run_program(int (*run)(int, char**), int argc, char** argv);

// One master and one slave with default settings, synced.
test::ClusterOptions default_cluster();

}  // namespace dl::bench
