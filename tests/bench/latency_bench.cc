// From sending a row to holding it in another connection's long-polling stream_read, and to its
// acknowledgement.
//   latency_bench [--rows N] [--pause-us N]   default 5000 rows, 2000 us between them
#include <atomic>
#include <iostream>
#include <thread>

#include "tests/bench/bench_support.h"
#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 5'000);
    const auto pause = std::chrono::microseconds(argument(argc, argv, "--pause-us", 2'000));
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto writer = cluster.connect();
    must(writer, R"({"sql":"create table l(id int primary key, sent_ns long) partition.number = 1"})");

    Latencies visible, acknowledged;
    std::thread reader([&] {
        auto client = cluster.connect();
        std::int64_t offset = 0;
        while (offset < rows) {
            const auto reply = client.request(
                R"({"stream_read":{"table_name":"l","patition_mess":[{"patition_code":0,"offset":)" +
                std::to_string(offset) + R"(}],"read_count":1000},"options":{"max_wait_ms":5000}})");
            const auto received = now_ns();
            if (!reply.ok()) throw std::runtime_error(reply.text);
            for (const auto& frame : reply.frames)
                for (const auto& record : test::decode_stream_frame(frame)) {
                    visible.add(static_cast<double>(received - std::stoll(*record.values.at("sent_ns"))) /
                                1000);
                    offset = record.offset + 1;
                }
        }
    });
    for (std::int64_t i = 0; i < rows; ++i) {
        const auto sent = now_ns();
        must(writer, R"({"insert":{"table_name":"l","crud":"insert","data":{"id":)" + std::to_string(i) +
                         ",\"sent_ns\":" + std::to_string(sent) + "}}}");
        acknowledged.add(static_cast<double>(now_ns() - sent) / 1000);
        std::this_thread::sleep_for(pause);
    }
    reader.join();
    headline("Latency of single rows, one writer, one long-polling reader, synced to disk");
    auto sync = raw_sync_latencies(cluster.directory(), 1000, 512);
    auto echo = loopback_round_trips(5000);
    line("sent to visible in the reader", visible.to_text(), "one fdatasync: " + sync.to_text());
    line("sent to acknowledged", acknowledged.to_text(), "loopback round trip: " + echo.to_text());
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
