// From sending a row to holding it in another connection's long-polling stream_read, and to its
// acknowledgement.
//   latency_bench [--rows N] [--pause-us N]   default 5000 rows, 2000 us between them
#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

int run(int argc, char** argv) {
    RowProbe probe{.table = "l", .column = "sent_ns"};
    probe.rows = argument(argc, argv, "--rows", 5'000);
    probe.pause = std::chrono::microseconds(argument(argc, argv, "--pause-us", 2'000));
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect();
    must(
        client,
        R"({"sql":"create table l(id int primary key, sent_ns long, username string) partition.number = 1"})");
    auto measured = measure_rows(cluster, probe);
    headline("Latency of single rows, one writer, one long-polling reader, synced to disk");
    auto sync = raw_sync_latencies(cluster.directory(), 1000, 512);
    auto echo = loopback_round_trips(5000);
    line("sent to visible in the reader", measured.visible.to_text(), "one fdatasync: " + sync.to_text());
    line("sent to acknowledged", measured.acknowledged.to_text(), "loopback round trip: " + echo.to_text());
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
