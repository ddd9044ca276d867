// Load for fault tests: writers that insert, replace and delete rows of their own keys and note every
// outcome, a consumer that reads along, and at the end everything read back and judged (workload_checker.h).
// Survives servers that die.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.h"
#include "tests/support/workload_checker.h"

namespace dl::test {

struct WorkloadOptions {
    std::string table = "w";
    int writers = 3;
    int partitions = 3;
    int copies = 1;
    int keys_per_writer = 400;
    int batch_rows_max = 60;
    int value_bytes = 60;
    double delete_share = 0.15;
    double bad_batch_share = 0.02;  // with one row that does not fit: must be refused whole
    double read_back_share = 0.05;  // after an acknowledgement: query one key of the batch
    bool batch_ids = false;         // unknown outcomes are resolved by sending the batch again with its id
    bool binary = false;            // binary batches instead of JSON
    std::uint64_t seed = 1;
    std::chrono::milliseconds statement_timeout{20'000};
};

class Workload {
  public:
    Workload(std::uint16_t master_port, WorkloadOptions options);
    ~Workload();  // stops
    Workload(const Workload&) = delete;
    Workload& operator=(const Workload&) = delete;

    void create_table();
    // Writers and consumer run until stop(). Writers wait for a server that is away.
    void start();
    void stop();
    // One thread, `batches` batches, returns when they are done or a connection broke.
    void run_some(int batches);

    std::uint64_t acknowledged_batches() const { return acknowledged_; }
    std::uint64_t unknown_batches() const { return unknown_; }
    std::uint64_t refused_batches() const { return refused_; }

    // Reads everything back and judges it; "" when all holds. Throws TransportError when the server does not
    // answer.
    std::string verify(bool compacted = false, bool late_unknown_allowed = false);

  private:
    struct Writer;
    void write_loop(Writer& writer);
    void consume_loop();
    void one_batch(Writer& writer);
    void read_back(Writer& writer, const WrittenBatch& batch);
    std::vector<ReadRecord> read_stream(RawClient& client, std::vector<std::int64_t>& positions,
                                        int read_count);

    std::uint16_t port_;
    WorkloadOptions options_;
    std::vector<std::unique_ptr<Writer>> writers_;
    std::vector<std::thread> threads_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::int64_t> next_write_id_{1};
    std::atomic<std::uint64_t> acknowledged_{0}, unknown_{0}, refused_{0};
    std::vector<ReadRecord> early_;  // of the consumer thread
    std::mutex problems_mutex_;
    std::vector<std::string> problems_;
};

}  // namespace dl::test
