// What the parts of copies_bench share: clusters of three slaves, tables of one or three copies, and whether
// what was measured was right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/bench_support.h"

namespace dl::bench {

inline constexpr int kCopiesSlaves = 3;

test::ClusterOptions copies_cluster();
// The table of create_statement() with so many copies; returns when all of them are in sync.
void create_with_copies(test::TestCluster& cluster, const std::string& table, int partitions, int copies);
// Rows [0, rows) in batches of 10 000 on two connections.
void load_rows(test::TestCluster& cluster, const std::string& table, std::int64_t rows);
// Frames of cluster_status, one a line.
std::string status_text(test::TestCluster& cluster);
// Until cluster_status says `well`; throws with what it says when it does not within `seconds`.
void wait_well(test::TestCluster& cluster, double seconds);
// Throws unless the table has so many rows, and every copy of every partition the same ones.
void check_copies(test::TestCluster& cluster, const std::string& table, std::int64_t rows, int copies);

// The parts; each prints its figures, and throws when a result was wrong.
struct WriteOptions {
    std::int64_t rows = 1'000'000;  // of one turn in batches of 10 000; the others write fewer
    int repeat = 5;                 // turns of each
};
void measure_writes(const WriteOptions& options);
void measure_catch_up(std::int64_t rows);
void measure_follow(std::int64_t rows);
struct ReadOptions {
    std::int64_t rows = 2'000'000;
    int repeat = 5;
    int clients = 8;
    double seconds = 5;  // of a turn
};
void measure_reads(const ReadOptions& options);

}  // namespace dl::bench
