// What a slave with many partitions costs: makes them with a few rows each in one process, then starts a
// whole slave over them in another and prints how long that takes and what it holds afterwards. Nothing is
// written while it idles.
//   partitions_micro_bench [--partitions N] [--flushes N] [--rows N] [--idle SECONDS] [--directory PATH]
//   default 10 000 partitions, 1 flush of 20 rows each, 10 s; the directory is new or empty, and removed
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <thread>

#include "common/base/crc32c.h"
#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/query/query_worker.h"
#include "slave/server/partition_registry.h"
#include "slave/server/slave_node.h"
#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

using slave::PartitionRegistry;

constexpr std::uint32_t kPartitionsOfATable = 1000;

template <class T>
T expect(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_text());
    return std::move(*result);
}
void expect(const Result<void>& result) {
    if (result.has_error()) throw std::runtime_error(result.error().to_text());
}

TableMeta table_of(std::uint64_t id, std::uint32_t partitions) {
    TableMeta table;
    table.id = TableId{id};
    table.incarnation = 1000 + id;
    table.name = "t" + std::to_string(id);
    table.schema.id = SchemaId{1};
    table.schema.fields = {{FieldId{1}, "id", {TypeKind::int64}, true, {}},
                           {FieldId{2}, "name", {TypeKind::string}, false, {}}};
    table.next_field_id = FieldId{3};
    table.partition_count = partitions;
    table.index_hash_seed = 7;
    table.slot_map = default_slot_map(partitions);
    return table;
}

slave::AppendRequest rows_from(std::int64_t first, std::uint32_t rows) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int64}}, {FieldId{2}, {TypeKind::string}}});
    for (std::uint32_t i = 0; i < rows; ++i) {
        builder.append_fixed(0, first + i);
        builder.append_bytes(1, "name" + std::to_string(first + i));
        builder.finish_row(false);
    }
    slave::AppendRequest request;
    request.body = SharedBytes::from_string(builder.encode());
    request.batch = expect(ColumnBatch::decode(request.body, rows));
    request.body_crc = crc32c(0, request.body.data(), request.body.size());
    request.schema = SchemaId{1};
    return request;
}

struct Wanted {
    std::string directory;
    std::uint32_t partitions = 0;
    std::uint32_t flushes = 0;
    std::uint32_t rows = 0;
    std::int64_t idle_seconds = 0;
};

void make(const Wanted& wanted) {
    auto& files = posix_file_system();
    WorkerPool pool("make", 2);
    slave::PartitionContext context;
    context.files = &files;
    context.storage_pool = context.background_pool = context.compaction_pool = &pool;
    context.file_database = context.compaction_database = expect(file_duck_database(64u << 20));
    context.now_us = [] { return std::int64_t{1'700'000'000'000'000}; };
    slave::PartitionOptions options;
    options.sync = false;
    options.segment_bytes = 1;  // every batch in a log file of its own; the last one stays in the tail
    options.free_disk_bytes_min = 0;
    PartitionRegistry registry({expect(slave::DataDirectory::open(files, wanted.directory))}, options,
                               context);
    (void)expect(registry.recover(1));
    for (std::uint32_t made = 0; made < wanted.partitions; made += kPartitionsOfATable) {
        const TableId id{1 + made / kPartitionsOfATable};
        const auto count = std::min(kPartitionsOfATable, wanted.partitions - made);
        LeaderEpochs epochs;
        for (std::uint32_t i = 0; i < count; ++i)
            epochs[PartitionId{i}] = LeaderEpoch{1};
        expect(registry.create(table_of(id.value, count), epochs, false, [] { return std::nullopt; }));
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto partition = expect(registry.partition(id, PartitionId{i}));
            for (std::uint32_t n = 0; n <= wanted.flushes; ++n) {
                std::promise<void> acked;
                partition->append(rows_from(std::int64_t{n} * wanted.rows, wanted.rows),
                                  [&](Result<slave::AppendAck> ack) {
                                      (void)expect(std::move(ack));
                                      acked.set_value();
                                  });
                acked.get_future().wait();
            }
            expect(partition->flush());
        }
    }
    registry.close();
    pool.stop();
}

std::uint64_t lines_of(const std::string& path) {
    std::ifstream in(path);
    std::uint64_t lines = 0;
    for (std::string line; std::getline(in, line);)
        ++lines;
    return lines;
}

std::uint64_t resident_mib() {
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) / 1024;
    return 0;
}

std::uint64_t descriptors() {
    std::uint64_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

void open_and_measure(const Wanted& wanted) {
    auto config = expect(Config::load("", slave::slave_config_keys(), {},
                                      {{"slave.node", "127.0.0.1:0"}, {"slave.data", wanted.directory}}));
    const auto start = Clock::now();
    auto node = expect(slave::SlaveNode::start(slave::slave_settings(config), "bench"));
    const auto started = seconds_since(start);
    std::cout << wanted.partitions << " partitions, " << wanted.flushes << " flushes of " << wanted.rows
              << " rows each\n"
              << "start        " << started << " s, " << cpu_seconds() << " s of CPU\n"
              << "resident     " << resident_mib() << " MiB\n"
              << "descriptors  " << descriptors() << "\n"
              << "mappings     " << lines_of("/proc/self/maps") << "\n";
    const auto before = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::seconds(wanted.idle_seconds));
    std::cout << "idle         " << (cpu_seconds() - before) / static_cast<double>(wanted.idle_seconds) * 100
              << " % of a core, " << resident_mib() << " MiB\n";
    node->stop();
}

// What was made is on the disk before a start is measured, which otherwise waits for it.
void write_back(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && ::syncfs(fd) == 0;
    if (fd >= 0) ::close(fd);
    if (!done)
        throw std::runtime_error("what was made in " + directory + " could not be written to the disk");
}

// In a process of its own, so that nothing of another is measured.
void apart(const std::function<void()>& what) {
    const auto child = ::fork();
    if (child == 0) {
        try {
            what();
            std::cout.flush();
            ::_exit(0);
        } catch (const std::exception& error) {
            std::cerr << error.what() << "\n";
            ::_exit(1);
        }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error("a process has failed");
}

int run(int argc, char** argv) {
    set_log_level(LogLevel::off);
    adopt_spdlog("bench");
    Wanted wanted;
    wanted.partitions = static_cast<std::uint32_t>(argument(argc, argv, "--partitions", 10'000));
    wanted.flushes = static_cast<std::uint32_t>(argument(argc, argv, "--flushes", 1));
    wanted.rows = static_cast<std::uint32_t>(argument(argc, argv, "--rows", 20));
    wanted.idle_seconds = argument(argc, argv, "--idle", 10);
    wanted.directory = "/tmp/partitions_bench";
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--directory") == 0) wanted.directory = argv[i + 1];
    if (std::filesystem::exists(wanted.directory) && !std::filesystem::is_empty(wanted.directory))
        throw std::runtime_error(wanted.directory + " is not empty, and would be removed; name another one");
    apart([&] { make(wanted); });
    write_back(wanted.directory);
    apart([&] { open_and_measure(wanted); });
    std::filesystem::remove_all(wanted.directory);
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    if (const auto status = dl::slave::run_as_query_worker(argc, argv)) return *status;
    try {
        return dl::bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
