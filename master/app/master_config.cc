#include "master/app/master_config.h"

#include <algorithm>
#include <thread>

#include "common/base/limits.h"
#include "common/base/machine_memory.h"
#include "common/net/address.h"

namespace dl::master {
namespace {

using Kind = ConfigKey::Kind;

ConfigKey number(std::string name, Kind kind, std::string value, std::int64_t min, std::int64_t max,
                 std::string help) {
    ConfigKey key;
    key.name = std::move(name);
    key.kind = kind;
    key.default_value = std::move(value);
    key.min = min;
    key.max = max;
    key.help = std::move(help);
    return key;
}

ConfigKey other(std::string name, Kind kind, std::string value, std::string help) {
    ConfigKey key;
    key.name = std::move(name);
    key.kind = kind;
    key.default_value = std::move(value);
    key.help = std::move(help);
    return key;
}

std::string thread_default(unsigned at_least) {
    return std::to_string(std::max(at_least, std::thread::hardware_concurrency()));
}

// A slave on the same machine takes twice as much (slave.query.memory.bytes).
constexpr std::uint64_t kQueryMemoryDivisor = 8;
constexpr std::uint64_t kQueryMemoryMin = 256u << 20;
constexpr std::uint64_t kQueryMemoryUnknown = 512u << 20;

}  // namespace

std::vector<ConfigKey> master_config_keys(std::optional<std::uint64_t> machine_memory) {
    constexpr std::int64_t kGiB = std::int64_t{1} << 30;
    constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
    std::vector<ConfigKey> keys = {
        other("master.data.port", Kind::text, "127.0.0.1:7853",
              "Address and port clients connect to; a bare port means 127.0.0.1."),
        other("master.data.path", Kind::list, "../data/master",
              "Directories for the master's own data; the first one holds the catalog."),
        other("slave.nodes", Kind::addresses, "127.0.0.1:7854",
              "The slaves, host:port each, separated by commas or as a JSON array."),
        number("master.frame.bytes.max", Kind::bytes, "256m", 1024, 2 * kGiB - 1,
               "Largest request frame; larger ones are refused and the connection is closed."),
        number("master.statement.timeout.ms", Kind::milliseconds, "60000", 1, kDayMs,
               "How long a statement may take when it gives no timeout_ms itself."),
        number("master.compress.timeout.ms", Kind::milliseconds, "86400000", 1, 7 * kDayMs,
               "The same for compress_table."),
        number("master.slave.wait.ms", Kind::milliseconds, "5000", 0, kDayMs,
               "How long a statement waits, within its own time, for a slave that cannot be reached; what "
               "was sent "
               "already is not repeated."),
        number("master.heartbeat.ms", Kind::milliseconds, "300", 20, 60'000,
               "How often each slave is asked whether it is there; each answer prolongs its lease."),
        number("master.lease.ms", Kind::milliseconds, "2000", 100, 600'000,
               "How long a slave may lead partitions with several copies without hearing from the master. At "
               "least three heartbeats."),
        number("master.failover.ms", Kind::milliseconds, "3000", 200, 3'600'000,
               "When a slave has not answered for so long, its partitions are led by their other copies; at "
               "once "
               "when its process is known to have ended. Above master.lease.ms by a tenth of it and 100 ms "
               "at least."),
        number("master.write.timeout.ms", Kind::milliseconds, "60000", 100, kDayMs,
               "A client that takes no byte of its reply for so long is disconnected."),
        number("master.read.timeout.ms", Kind::milliseconds, "60000", 100, kDayMs,
               "A client that sends no byte of a frame it has begun for so long is disconnected; idle ones "
               "are not."),
        number("master.shutdown.grace.ms", Kind::milliseconds, "10000", 0, kDayMs,
               "How long running statements may go on after SIGTERM."),
        number("master.sessions.max", Kind::integer, "20000", 1, 1'000'000,
               "Most clients connected at a time."),
        number(
            "master.request.memory.bytes", Kind::bytes, "2g", 64 << 20, 1024 * kGiB,
            "Memory for the requests of all clients together; more wait. Not below master.frame.bytes.max."),
        number("master.net.threads", Kind::integer, "2", 1, 64,
               "Threads that move bytes to and from the network."),
        number("master.work.threads", Kind::integer, thread_default(2), 1, 256,
               "Threads that parse batches and change the catalog. Default: one a core."),
        number("master.query.memory.bytes", Kind::bytes,
               memory_share_text(machine_memory, kQueryMemoryDivisor, kQueryMemoryMin, kQueryMemoryUnknown),
               64 << 20, 1024 * kGiB,
               "Memory of the master's own SQL engine, which merges what slaves send. Default: an eighth of "
               "the machine's, or of what its control group allows."),
        number("master.query.threads", Kind::integer, thread_default(2), 1, 256,
               "Threads of the master's own SQL engine. Default: one a core."),
        number("master.query.concurrent.max", Kind::integer, "4", 1, 1024,
               "Queries that run at a time; further ones wait until their timeout."),
        number(
            "master.query.workers", Kind::integer, "2", 1, 64,
            "Processes that stand ready to read, plan and finish queries; more are started while more run."),
    };
    auto level = other("master.log.level", Kind::choice, "info", "What is logged: this level and above.");
    level.choices = {"debug", "info", "warn", "error", "off"};
    keys.push_back(std::move(level));
    return keys;
}

Result<MasterConfig> master_config_from(const Config& config) {
    const auto ms = [&](const char* key) { return std::chrono::milliseconds(config.integer(key)); };
    const auto size = [&](const char* key) { return static_cast<std::size_t>(config.integer(key)); };
    MasterConfig result;
    const auto listen_on = config.text("master.data.port");
    const auto address = net::parse_address(listen_on, {.host = "127.0.0.1"});
    if (address.has_error())
        return make_error(ErrorCode::invalid_value,
                          "master.data.port = '" + listen_on + "' " + address.error().message);
    result.address = address->text();
    result.settings = config.settings();
    result.data_paths = config.list("master.data.path");
    result.slaves = config.list("slave.nodes");
    result.frame_bytes_max = size("master.frame.bytes.max");
    result.statement_timeout = ms("master.statement.timeout.ms");
    result.compress_timeout = ms("master.compress.timeout.ms");
    result.slave_wait = ms("master.slave.wait.ms");
    result.heartbeat = ms("master.heartbeat.ms");
    result.lease = ms("master.lease.ms");
    result.failover = ms("master.failover.ms");
    result.write_timeout = ms("master.write.timeout.ms");
    result.read_timeout = ms("master.read.timeout.ms");
    result.shutdown_grace = ms("master.shutdown.grace.ms");
    result.sessions_max = size("master.sessions.max");
    result.request_bytes_max = size("master.request.memory.bytes");
    result.net_threads = size("master.net.threads");
    result.work_threads = size("master.work.threads");
    result.query_bytes_max = size("master.query.memory.bytes");
    result.query_threads = static_cast<unsigned>(size("master.query.threads"));
    result.queries_max = static_cast<unsigned>(size("master.query.concurrent.max"));
    result.query_workers = size("master.query.workers");
    result.log_level = config.text("master.log.level");
    if (result.data_paths.empty())
        return make_error(ErrorCode::invalid_value, "master.data.path names no directory; give at least one");
    if (result.slaves.empty())
        return make_error(ErrorCode::invalid_value,
                          "slave.nodes names no slave; give at least one host:port");
    if (result.request_bytes_max < result.frame_bytes_max)
        return make_error(ErrorCode::invalid_value,
                          "master.request.memory.bytes (" + std::to_string(result.request_bytes_max) +
                              ") is below master.frame.bytes.max (" + std::to_string(result.frame_bytes_max) +
                              "); raise the first or lower the second");
    if (result.lease < 3 * result.heartbeat)
        return make_error(ErrorCode::invalid_value,
                          "master.lease.ms (" + std::to_string(result.lease.count()) +
                              ") is below three times master.heartbeat.ms (" +
                              std::to_string(result.heartbeat.count()) +
                              "); raise the first or lower the second, or one late answer ends a lease");
    const auto margin = std::max(result.lease / 10, std::chrono::milliseconds(100));
    if (result.failover < result.lease + margin)
        return make_error(ErrorCode::invalid_value,
                          "master.failover.ms (" + std::to_string(result.failover.count()) +
                              ") is not above master.lease.ms (" + std::to_string(result.lease.count()) +
                              ") by " + std::to_string(margin.count()) +
                              " ms, which clocks may differ; two slaves could lead one partition");
    return result;
}

}  // namespace dl::master
