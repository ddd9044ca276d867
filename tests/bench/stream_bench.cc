// Reading a table from the first offset to the last, on one connection: the binary frames of existing
// clients, and columnar ones; from the log, then from compacted files.
//   stream_bench [--rows N]   default 3 000 000
#include <snappy.h>

#include <cstring>
#include <iostream>
#include <sstream>

#include "tests/bench/bench_support.h"
#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

constexpr int kPartitions = 4;

struct Totals {
    std::int64_t rows = 0;
    double wire_bytes = 0;
    double seconds = 0;
};

std::string read_statement(const std::vector<std::int64_t>& positions, int read_count, const char* options) {
    std::string text = R"({"stream_read":{"table_name":"s","patition_mess":[)";
    for (std::size_t i = 0; i < positions.size(); ++i)
        text += (i == 0 ? "" : ",") + std::string(R"({"patition_code":)") + std::to_string(i) +
                ",\"offset\":" + std::to_string(positions[i]) + "}";
    return text + "],\"read_count\":" + std::to_string(read_count) + "}" + options + "}";
}

template <class T>
T load(const std::string& bytes, std::size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

// Default frames: decompressed, and the last record's partition and offset taken, as a consumer does.
void take_rows_frame(const std::string& frame, Totals& totals, std::vector<std::int64_t>& positions,
                     std::string& plain) {
    if (!snappy::Uncompress(frame.data(), frame.size(), &plain)) throw std::runtime_error("not snappy");
    const auto count = load<std::int32_t>(plain, 0);
    totals.rows += count;
    const auto partition = load<std::int32_t>(plain, plain.size() - 12);
    positions[static_cast<std::size_t>(partition)] = load<std::int64_t>(plain, plain.size() - 8) + 1;
}

// Columnar frames (docs/protocol.md): u32 first row, end row, offset count, 0 | offsets | 96 byte header |
// columns.
void take_columnar_frame(const std::string& frame, Totals& totals, std::vector<std::int64_t>& positions) {
    if (frame.starts_with("{\"ta")) return;  // the schema: a first row may have the byte of a brace
    const auto first = load<std::uint32_t>(frame, 0), end = load<std::uint32_t>(frame, 4),
               offsets = load<std::uint32_t>(frame, 8);
    const auto header = 16 + std::size_t{8} * offsets;
    const auto partition = load<std::uint32_t>(frame, header + 32);
    const auto last = offsets == 0 ? load<std::int64_t>(frame, header + 40) + end - 1
                                   : load<std::int64_t>(frame, 16 + std::size_t{8} * (end - 1));
    totals.rows += end - first;
    positions[partition] = last + 1;
}

Totals read_everything(test::RawClient& client, bool columnar, int read_count) {
    Totals totals;
    std::vector<std::int64_t> positions(kPartitions, 0);
    std::string plain;
    const char* options = columnar ? R"(,"options":{"format":"columnar"})" : "";
    const auto start = Clock::now();
    for (;;) {
        const auto before = totals.rows;
        const auto reply = client.request(read_statement(positions, read_count, options));
        if (!reply.ok()) throw std::runtime_error(reply.text);
        for (const auto& frame : reply.frames) {
            totals.wire_bytes += static_cast<double>(frame.size());
            if (columnar)
                take_columnar_frame(frame, totals, positions);
            else
                take_rows_frame(frame, totals, positions, plain);
        }
        if (totals.rows == before) break;
    }
    totals.seconds = seconds_since(start);
    return totals;
}

void print_reads(test::RawClient& client, const std::string& from, std::int64_t rows,
                 const std::vector<int>& read_counts) {
    for (const bool columnar : {false, true})
        for (const int read_count : read_counts) {
            const auto totals = read_everything(client, columnar, read_count);
            if (totals.rows != rows)
                throw std::runtime_error("read " + std::to_string(totals.rows) + " rows of " +
                                         std::to_string(rows));
            const auto baseline = loopback_seconds(static_cast<std::uint64_t>(totals.wire_bytes));
            std::ostringstream note;
            note.precision(3);
            note << "the same " << megabytes(totals.wire_bytes)
                 << " over loopback: " << rows_per_second(static_cast<double>(totals.rows), baseline)
                 << ", ratio " << baseline / totals.seconds;
            line(from + ", " + (columnar ? "columnar" : "binary frames") + ", " + std::to_string(read_count) +
                     " rows a partition and request",
                 rows_per_second(static_cast<double>(totals.rows), totals.seconds), note.str());
        }
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 3'000'000);
    auto options = default_cluster();
    options.slave_properties["slave.compaction.log.retain.number"] = "1";  // none but the one being written
    test::TestCluster cluster(options);
    cluster.start();
    auto client = cluster.connect();
    must(client, create_statement("s", kPartitions));
    std::vector<std::string> requests;
    for (std::int64_t id = 0; id < rows; id += 10'000)
        requests.push_back(binary_batch("s", id, 10'000));
    send_all(cluster.port(), requests, 2);
    const auto written = static_cast<std::int64_t>(requests.size()) * 10'000;
    headline("stream_read of " + std::to_string(written) + " rows from the beginning, one connection");
    print_reads(client, "log", written, {10'000, 100'000});
    must(client, R"({"compress_table":"s"})");
    headline("the same from compacted files");
    print_reads(client, "files", written, {2'000, 10'000, 100'000});
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
