// A larger table: load rate, memory, size on disk, and how long a restart takes until the whole table is
// served again.
//   scale_bench [--rows N]   default 10 000 000
#include <filesystem>
#include <iostream>
#include <thread>

#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 10'000'000) / 10'000 * 10'000;
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect();
    must(client, create_statement("big", 4));
    headline("A table of " + std::to_string(rows) + " rows");
    double load_seconds = 0;
    for (std::int64_t done = 0; done < rows;) {  // prepared in portions, so that preparing is not measured
        std::vector<std::string> requests;
        for (int i = 0; i < 100 && done < rows; ++i, done += 10'000)
            requests.push_back(binary_batch("big", done, 10'000));
        load_seconds += send_all(cluster.port(), requests, 2).seconds;
    }
    line("loaded", rows_per_second(static_cast<double>(rows), load_seconds));
    line("memory right after", "slave " + megabytes(static_cast<double>(cluster.slave().resident_bytes())) +
                                   ", master " +
                                   megabytes(static_cast<double>(cluster.master().resident_bytes())));
    line("count(*)", seconds_text(count_rows(cluster, "big", rows)));
    line("count(*) again", seconds_text(count_rows(cluster, "big", rows)));
    std::this_thread::sleep_for(std::chrono::seconds(10));  // flushing in the background comes to its end
    line("memory 10 s later", "slave " + megabytes(static_cast<double>(cluster.slave().resident_bytes())));
    double bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster.slave_data()))
        if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
    line("on disk", megabytes(bytes),
         std::to_string(static_cast<int>(bytes / static_cast<double>(rows))) + " bytes a row");
    for (const bool clean : {true, false}) {
        if (clean)
            cluster.slave().stop(std::chrono::seconds(120));
        else
            cluster.slave().kill_hard();
        const auto start = Clock::now();
        cluster.slave().start();
        count_rows(cluster, "big", rows);
        line(clean ? "restart to serving, after SIGTERM" : "restart to serving, after kill -9",
             seconds_text(seconds_since(start)),
             "slave " + megabytes(static_cast<double>(cluster.slave().resident_bytes())));
    }
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
