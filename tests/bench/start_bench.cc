// What a start of a slave reads of its column files before it listens, and how long that takes; the system's
// cache of them is dropped before each.
//   start_bench [--megabytes N] [--before DIR]   default 1 000; DIR: where another build has its slave/slave
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

constexpr int kRowsPerBatch = 2'000;
constexpr std::size_t kValueBytes = 1'000;

std::string text_argument(int argc, char** argv, std::string_view name) {
    for (int i = 1; i + 1 < argc; ++i)
        if (name == argv[i]) return argv[i + 1];
    return "";
}

// Text that no encoding makes smaller.
std::string random_batch(std::int64_t first_id, std::mt19937_64& random) {
    std::vector<BenchRow> rows;
    rows.reserve(kRowsPerBatch);
    for (int i = 0; i < kRowsPerBatch; ++i) {
        std::string value(kValueBytes, '\0');
        for (auto& c : value)
            c = static_cast<char>('!' + random() % 90);
        rows.push_back({std::to_string(first_id + i), std::move(value), "1", "0"});
    }
    return binary_batch("big", rows, "insert");
}

std::uint64_t files_bytes(const std::string& directory) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.path().extension() == ".parquet" || entry.path().extension() == ".kix")
            bytes += entry.file_size();
    return bytes;
}

void drop_cache_of(const std::string& directory) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ::fdatasync(fd);
        ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ::close(fd);
    }
}

double io_figure(pid_t pid, const std::string& name) {
    std::ifstream io("/proc/" + std::to_string(pid) + "/io");
    for (std::string key, value; io >> key >> value;)
        if (key == name + ":") return std::stod(value);
    return 0;
}

void measure(test::DaemonProcess& slave, const std::string& name, const std::string& data) {
    drop_cache_of(data);
    const auto start = Clock::now();
    slave.start();
    while (slave.alive() && !test::port_accepts(slave.port()))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const double seconds = seconds_since(start);
    const double read = io_figure(slave.pid(), "rchar"), from_disk = io_figure(slave.pid(), "read_bytes");
    line(name, seconds_text(seconds),
         "read " + megabytes(read) + ", of the disk, with what is mapped, " + megabytes(from_disk));
    slave.stop(std::chrono::seconds(120));
}

int run(int argc, char** argv) {
    const auto megabytes_wanted = argument(argc, argv, "--megabytes", 1'000);
    const auto before = text_argument(argc, argv, "--before");
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect(std::chrono::seconds(3'600));
    must(client, create_statement("big", 4));
    std::mt19937_64 random(1);
    std::int64_t rows = 0;
    const auto rows_wanted = megabytes_wanted * 1'000'000 / static_cast<std::int64_t>(kValueBytes);
    while (rows < rows_wanted) {
        std::vector<std::string> requests;
        for (int i = 0; i < 20 && rows < rows_wanted; ++i, rows += kRowsPerBatch)
            requests.push_back(random_batch(rows, random));
        send_all(cluster.port(), requests, 2);
    }
    must(client, R"({"compress_table":"big"})");
    const auto data = cluster.slave_data();
    auto& slave = cluster.slave();
    slave.stop(std::chrono::seconds(120));
    headline("Starts of a slave over " + megabytes(static_cast<double>(files_bytes(data))) +
             " of column files and their indexes");
    for (int pair = 0; pair < 3; ++pair) {
        if (!before.empty()) {
            test::DaemonProcess other("slave", before + "/slave/slave",
                                      std::filesystem::path(data).parent_path(), slave.port(),
                                      slave.properties(), slave.environment());
            measure(other, "listens, before", data);
        }
        measure(slave, "listens", data);
    }
    slave.start();
    line("count(*) of all", seconds_text(count_rows(cluster, "big", rows)));
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
