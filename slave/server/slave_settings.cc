#include "slave/server/slave_settings.h"

#include <algorithm>
#include <thread>

#include "common/base/machine_memory.h"

namespace dl::slave {
namespace {

using Kind = ConfigKey::Kind;
constexpr std::int64_t kMi = std::int64_t{1} << 20;
constexpr std::int64_t kGi = std::int64_t{1} << 30;

std::size_t cores() {
    return std::max(1u, std::thread::hardware_concurrency());
}

// The rest is for rows that are not in column files yet, for flushes, compactions and the cache of the files.
constexpr std::uint64_t kQueryMemoryDivisor = 4;
constexpr std::uint64_t kQueryMemoryMin = 256u << 20;
constexpr std::uint64_t kQueryMemoryUnknown = 512u << 20;

}  // namespace

std::vector<ConfigKey> slave_config_keys_of(std::optional<std::uint64_t> machine_memory) {
    return {
        {.name = "slave.node",
         .kind = Kind::address,
         .default_value = "127.0.0.1:7854",
         .help = "Address and port this slave listens on; masters name it so in slave.nodes."},
        {.name = "slave.data",
         .kind = Kind::list,
         .default_value = "../data/slave",
         .required = true,
         .help = "One or more directories; partitions are spread over them."},
        {.name = "slave.file.segment.bytes",
         .kind = Kind::bytes,
         .default_value = "64m",
         .min = 64 << 10,
         .max = kGi,
         .help = "A log file is closed at this size and then turned into columns.",
         .hint = "a size in mebibytes is given as slave.file.segment.mb"},
        {.name = "slave.file.segment.mb",
         .kind = Kind::integer,
         .min = 1,
         .max = 1024,
         .help = "The same in mebibytes; one of both.",
         .alias_of = "slave.file.segment.bytes",
         .alias_factor = kMi},
        {.name = "slave.sync",
         .kind = Kind::choice,
         .default_value = "always",
         .choices = {"always", "none"},
         .help =
             "always: a write is acknowledged when it is on disk. none: when the operating system has it."},
        {.name = "slave.log.codec",
         .kind = Kind::choice,
         .default_value = "none",
         .choices = {"none", "lz4"},
         .help = "Compression of the log's batches."},
        {.name = "slave.compaction.log.retain.number",
         .kind = Kind::integer,
         .default_value = "2",
         .min = 1,
         .max = 1000,
         .help = "Newest log files compress_table leaves as they are, the one being written included."},
        {.name = "slave.history.pack",
         .kind = Kind::choice,
         .default_value = "on",
         .choices = {"on", "off"},
         .help = "Closed log files of the history are compressed (zstd) and small ones joined."},
        {.name = "slave.disk.free.bytes.min",
         .kind = Kind::bytes,
         .default_value = "256m",
         .min = 0,
         .max = 1024 * kGi,
         .help = "Writes are refused with DISK_FULL when less is free; reads go on."},
        {.name = "slave.query.memory.bytes",
         .kind = Kind::bytes,
         .default_value =
             memory_share_text(machine_memory, kQueryMemoryDivisor, kQueryMemoryMin, kQueryMemoryUnknown),
         .min = 64 * kMi,
         .max = 4096 * kGi,
         .help =
             "Memory of all running queries together. Default: a quarter of the machine's, or of what its "
             "control group allows."},
        {.name = "slave.query.spill.bytes",
         .kind = Kind::bytes,
         .default_value = "4g",
         .min = 0,
         .max = 65536 * kGi,
         .help =
             "Disk space queries may use in the first data directory when memory does not suffice; 0: none."},
        {.name = "slave.query.threads",
         .kind = Kind::integer,
         .default_value = "0",
         .min = 0,
         .max = 1024,
         .help = "Threads of the SQL engine; 0: one a core."},
        {.name = "slave.query.concurrent.max",
         .kind = Kind::integer,
         .default_value = "8",
         .min = 1,
         .max = 1024,
         .help = "Queries that run at the same time; more wait."},
        {.name = "slave.query.workers",
         .kind = Kind::integer,
         .default_value = "2",
         .min = 1,
         .max = 64,
         .help = "Processes that stand ready to run queries; more are started while more run."},
        {.name = "slave.lookup.cache.bytes",
         .kind = Kind::bytes,
         .default_value = "64m",
         .min = 0,
         .max = 1024 * kGi,
         .help = "Memory for where values lie in column files, which makes lookups by key cheap."},
        {.name = "slave.file.memory.bytes",
         .kind = Kind::bytes,
         .default_value = "256m",
         .min = 64 * kMi,
         .max = 1024 * kGi,
         .help = "Memory for reading column files in stream_read, checks and repairs."},
        {.name = "slave.net.threads",
         .kind = Kind::integer,
         .default_value = "0",
         .min = 0,
         .max = 256,
         .help = "Threads that serve connections; 0: half the cores, at least one."},
        {.name = "slave.work.threads",
         .kind = Kind::integer,
         .default_value = "0",
         .min = 0,
         .max = 256,
         .help = "Threads that read for streams and check large batches; 0: one a core, at least two."},
        {.name = "slave.storage.threads",
         .kind = Kind::integer,
         .default_value = "4",
         .min = 1,
         .max = 256,
         .help = "Threads per data directory that write and sync logs; each waits for the disk, so more than "
                 "cores is fine."},
        {.name = "slave.background.threads",
         .kind = Kind::integer,
         .default_value = "1",
         .min = 1,
         .max = 64,
         .help = "Threads per data directory that turn closed log files into columns."},
        {.name = "slave.compaction.auto",
         .kind = Kind::choice,
         .default_value = "on",
         .choices = {"on", "off"},
         .help = "Compacts partitions by itself; off: with compress_table only."},
        {.name = "slave.compaction.dead.percent",
         .kind = Kind::integer,
         .default_value = "30",
         .min = 1,
         .max = 100,
         .help = "By itself when so many of the rows in column files can be dropped."},
        {.name = "slave.compaction.growth.percent",
         .kind = Kind::integer,
         .default_value = "100",
         .min = 1,
         .max = 10'000,
         .help = "Or when new column files have grown to so much of the compacted ones."},
        {.name = "slave.compaction.bytes.min",
         .kind = Kind::bytes,
         .default_value = "256m",
         .min = 0,
         .max = 1024 * kGi,
         .help = "With less in column files, growth does not compact a partition."},
        {.name = "slave.compaction.files.min",
         .kind = Kind::integer,
         .default_value = "4",
         .min = 1,
         .max = 100'000,
         .help = "Nor with fewer new column files."},
        {.name = "slave.compaction.join.files",
         .kind = Kind::integer,
         .default_value = "8",
         .min = 0,
         .max = 1000,
         .help = "So many small column files of about one size become one, all records kept; 0: never."},
        {.name = "slave.compaction.dead.bytes.min",
         .kind = Kind::bytes,
         .default_value = "4m",
         .min = 0,
         .max = 1024 * kGi,
         .help = "With less in column files, dead rows do not compact a partition."},
        {.name = "slave.compaction.idle.ms",
         .kind = Kind::integer,
         .default_value = "2000",
         .min = 0,
         .max = 86'400'000,
         .help =
             "Without a write for so long, rows to drop compact a partition with all it holds; 0: never."},
        {.name = "slave.compaction.history.ms",
         .kind = Kind::integer,
         .default_value = "60000",
         .min = 0,
         .max = 86'400'000,
         .help = "For so long after a compaction as_of can go back beyond it; its files stay meanwhile."},
        {.name = "slave.compaction.bytes.per.second",
         .kind = Kind::bytes,
         .default_value = "128m",
         .min = 0,
         .max = 1024 * kGi,
         .help =
             "What all compactions may read and write together, compress_table too, and copies that are made "
             "anew or catch up; 0: no limit."},
        {.name = "slave.compaction.threads",
         .kind = Kind::integer,
         .default_value = "2",
         .min = 1,
         .max = 64,
         .help = "Partitions compacted at the same time, divided among the data directories; each has one at "
                 "least."},
        {.name = "slave.compaction.memory.bytes",
         .kind = Kind::bytes,
         .default_value = "256m",
         .min = 64 * kMi,
         .max = 1024 * kGi,
         .help = "Memory for merging column files: 32 MiB for each thread to write with, the rest (64m at "
                 "least) for reading."},
        {.name = "slave.scrub.period.ms",
         .kind = Kind::milliseconds,
         .default_value = "336h",
         .min = 0,
         .max = 366LL * 86'400'000,
         .help = "In the course of it everything on the disk is read once and compared with its checksums; "
                 "0: only what the start had not read, once."},
        {.name = "slave.scrub.bytes.per.second",
         .kind = Kind::bytes,
         .default_value = "16m",
         .min = 0,
         .max = 1024 * kGi,
         .help = "What that may read at most, even if it takes longer then; 0: no limit."},
        {.name = "slave.tail.memory.bytes",
         .kind = Kind::bytes,
         .default_value = "2g",
         .min = 16 * kMi,
         .max = 1024 * kGi,
         .help = "Memory of rows that are not in column files yet; writers, and copies that follow, wait "
                 "beyond it."},
        {.name = "slave.batch_id.window.ms",
         .kind = Kind::milliseconds,
         .default_value = "15min",
         .min = limits::batch_id_window_ms_min,
         .max = 7 * 86'400'000,
         .help =
             "A batch with an id is remembered at least so long after it was written, and not written twice; "
             "longer than any statement repeats one."},
        {.name = "slave.batch_id.memory.bytes",
         .kind = Kind::bytes,
         .default_value = "128m",
         .min = kMi,
         .max = 1024 * kGi,
         .help = "Memory for finding batch ids on the disk, about 1.4 bytes each; batches with a new id are "
                 "refused beyond it."},
        {.name = "slave.connections.max",
         .kind = Kind::integer,
         .default_value = "8192",
         .min = 1,
         .max = 1'000'000,
         .help = "Connections at the same time; further ones are refused."},
        {.name = "slave.request.bytes.max",
         .kind = Kind::bytes,
         .default_value = "1g",
         .min = kMi,
         .max = 2 * kGi,
         .help = "Size of one request."},
        {.name = "slave.requests.bytes.max",
         .kind = Kind::bytes,
         .default_value = "2g",
         .min = kMi,
         .max = 1024 * kGi,
         .help = "All requests being received or answered together; more wait."},
        {.name = "slave.transfer.stall.ms",
         .kind = Kind::milliseconds,
         .default_value = "30s",
         .min = 100,
         .max = 3'600'000,
         .help = "A connection is closed when a frame begun makes no progress for so long."},
        {.name = "slave.stop.grace.ms",
         .kind = Kind::milliseconds,
         .default_value = "10s",
         .min = 0,
         .max = 3'600'000,
         .help = "How long running requests may take to finish after SIGTERM."},
        {.name = "slave.log.level",
         .kind = Kind::choice,
         .default_value = "info",
         .choices = {"debug", "info", "warn", "error", "off"},
         .help = "What is logged (to stderr)."},
        {.name = "slave.insert.cache.time.minute",
         .kind = Kind::integer,
         .default_value = "0",
         .min = 0,
         .max = 1'000'000'000,
         .help = "Of the original.",
         .unused = "writes are visible at once, there is no insert cache to expire"},
        {.name = "slave.replica.lag.ms",
         .kind = Kind::milliseconds,
         .default_value = "5s",
         .min = 200,
         .max = 3'600'000,
         .help = "A copy that has not caught up with its leader for so long is waited for no more."},
        {.name = "slave.replicas.sync.number",
         .kind = Kind::integer,
         .default_value = "0",
         .min = 0,
         .max = 1'000'000'000,
         .help = "Of the original.",
         .unused = "how many copies a write waits for is said of each table (min_in_sync)"},
    };
}

const std::vector<ConfigKey>& slave_config_keys() {
    static const auto keys = slave_config_keys_of(machine_memory_bytes());
    return keys;
}

SlaveSettings slave_settings(const Config& config) {
    const auto size = [&](std::string_view key) { return static_cast<std::size_t>(config.integer(key)); };
    const auto size_or = [&](std::string_view key, std::size_t automatic) {
        const auto set = size(key);
        return set == 0 ? automatic : set;
    };
    SlaveSettings settings;
    settings.node = config.text("slave.node");
    settings.data_directories = config.list("slave.data");
    settings.partition.segment_bytes = size("slave.file.segment.bytes");
    // The setting counts the active file, the partition the closed ones.
    settings.partition.retained_closed_logs =
        static_cast<std::uint32_t>(size("slave.compaction.log.retain.number") - 1);
    settings.partition.pack_log = config.text("slave.history.pack") == "on";
    settings.partition.sync = config.text("slave.sync") == "always";
    settings.partition.codec = config.text("slave.log.codec") == "lz4" ? BodyCodec::lz4 : BodyCodec::none;
    settings.partition.files_proven_at_open = false;
    settings.partition.free_disk_bytes_min = size("slave.disk.free.bytes.min");
    settings.query_memory_bytes = size("slave.query.memory.bytes");
    settings.query_workers = size("slave.query.workers");
    settings.query_spill_bytes = size("slave.query.spill.bytes");
    settings.query_threads = static_cast<unsigned>(size_or("slave.query.threads", cores()));
    settings.query_concurrent_max = size("slave.query.concurrent.max");
    settings.lookup_cache_bytes = size("slave.lookup.cache.bytes");
    settings.file_memory_bytes = size("slave.file.memory.bytes");
    settings.net_threads = size_or("slave.net.threads", std::max<std::size_t>(1, cores() / 2));
    settings.work_threads = size_or("slave.work.threads", std::max<std::size_t>(2, cores()));
    settings.storage_threads = size("slave.storage.threads");
    settings.background_threads = size("slave.background.threads");
    auto& policy = settings.partition.compaction;
    policy.automatic = config.text("slave.compaction.auto") == "on";
    policy.dead_percent = static_cast<std::uint32_t>(size("slave.compaction.dead.percent"));
    policy.growth_percent = static_cast<std::uint32_t>(size("slave.compaction.growth.percent"));
    policy.bytes_min = size("slave.compaction.bytes.min");
    policy.files_min = static_cast<std::uint32_t>(size("slave.compaction.files.min"));
    policy.join_files = static_cast<std::uint32_t>(size("slave.compaction.join.files"));
    policy.dead_bytes_min = size("slave.compaction.dead.bytes.min");
    policy.idle = std::chrono::milliseconds(config.integer("slave.compaction.idle.ms"));
    settings.partition.compaction_history =
        std::chrono::milliseconds(config.integer("slave.compaction.history.ms"));
    settings.compaction_threads = size("slave.compaction.threads");
    settings.compaction_memory_bytes = size("slave.compaction.memory.bytes");
    settings.compaction_bytes_per_second = size("slave.compaction.bytes.per.second");
    settings.scrub.period = std::chrono::milliseconds(config.integer("slave.scrub.period.ms"));
    settings.scrub.bytes_per_second = size("slave.scrub.bytes.per.second");
    settings.tail_memory_bytes = size("slave.tail.memory.bytes");
    settings.partition.batch_id_window =
        std::chrono::milliseconds(config.integer("slave.batch_id.window.ms"));
    settings.batch_id_memory_bytes = size("slave.batch_id.memory.bytes");
    // Requests wait for slave.requests.bytes.max before they get here; none of those let in is refused.
    settings.partition.append_queue_bytes_max = 2 * size("slave.requests.bytes.max");
    settings.connections_max = size("slave.connections.max");
    settings.request_bytes_max = size("slave.request.bytes.max");
    settings.requests_bytes_in_flight_max = size("slave.requests.bytes.max");
    settings.transfer.stall = std::chrono::milliseconds(config.integer("slave.transfer.stall.ms"));
    settings.stop_grace = std::chrono::milliseconds(config.integer("slave.stop.grace.ms"));
    settings.replica_lag_max = std::chrono::milliseconds(config.integer("slave.replica.lag.ms"));
    if (const auto level = parse_log_level(config.text("slave.log.level")); level.has_value())
        settings.log_level = *level;
    return settings;
}

}  // namespace dl::slave
