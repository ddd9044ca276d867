// A slave that gets its copies anew, and one that follows: how fast, what it costs writers, what memory.
#include <atomic>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/bench/copies_bench.h"

namespace dl::bench {
namespace {

using nlohmann::json;

constexpr int kSmallBatch = 100;
constexpr double kCatchUpSeconds = 3600;
constexpr double kWriterRatioAim = 2.0;

// A batch of 100 rows every ten milliseconds, on one connection, until it goes out of scope.
class SmallWriter {
  public:
    SmallWriter(test::TestCluster& cluster, std::string table, std::int64_t first_id)
        : port_(cluster.port()), table_(std::move(table)), next_(first_id), first_(first_id) {
        thread_ = std::thread([this] { write(); });
    }
    ~SmallWriter() { finish(); }
    SmallWriter(const SmallWriter&) = delete;
    SmallWriter& operator=(const SmallWriter&) = delete;

    // Latencies since the last call; throws what stopped it.
    Latencies take() {
        const std::lock_guard lock(mutex_);
        if (!failure_.empty()) throw std::runtime_error("the writer: " + failure_);
        return std::exchange(latencies_, {});
    }
    // Rows that were acknowledged.
    std::int64_t finish() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        return next_ - first_;
    }

  private:
    void write() {
        try {
            test::RawClient client(port_);
            while (!stop_) {
                const auto request = binary_batch(table_, next_, kSmallBatch);
                const auto sent = Clock::now();
                const auto reply = client.send_batch(request);
                const auto took = seconds_since(sent);
                if (!reply.ok()) throw std::runtime_error(reply.text);
                next_ += kSmallBatch;
                {
                    const std::lock_guard lock(mutex_);
                    latencies_.add(took * 1e6);
                }
                std::this_thread::sleep_until(sent + std::chrono::milliseconds(10));
            }
        } catch (const std::exception& error) {
            const std::lock_guard lock(mutex_);
            failure_ = error.what();
        }
    }

    const std::uint16_t port_;
    const std::string table_;
    std::int64_t next_;
    const std::int64_t first_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    Latencies latencies_;
    std::string failure_;
    std::thread thread_;
};

// Bytes of its leaders' files that a slave says it got, over all partitions; lines end with bytes=N ms=N.
double refilled_bytes(test::DaemonProcess& slave) {
    double sum = 0;
    const auto log = slave.log_text();
    constexpr std::string_view kSaid = "it has the leader's files";
    for (auto at = log.find(kSaid); at != std::string::npos; at = log.find(kSaid, at + 1)) {
        const auto line = log.substr(at, log.find('\n', at) - at);
        const auto bytes = line.find("bytes=");
        if (bytes != std::string::npos) sum += std::strtod(line.c_str() + bytes + 6, nullptr);
    }
    return sum;
}

std::string memory_text(const Memory& memory) {
    return megabytes(memory.own) + " own, " + megabytes(memory.mapped) + " of mapped files";
}

void wait_quietly(int seconds) {
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
}

}  // namespace

void measure_catch_up(std::int64_t rows) {
    constexpr int kPartitions = 4;
    const std::string table = "caught_up";
    test::TestCluster cluster(copies_cluster());
    cluster.start();
    create_with_copies(cluster, table, kPartitions, 3);
    load_rows(cluster, table, rows);
    settle(cluster);
    wait_well(cluster, 60);
    headline("Catching up: " + std::to_string(rows) + " rows in " + std::to_string(kPartitions) +
             " partitions, three copies; one slave is killed, loses its disk and comes back; a writer of " +
             std::to_string(kSmallBatch) + " rows every 10 ms");
    auto& slave = cluster.slave(2);
    SmallWriter writer(cluster, table, rows);
    wait_quietly(3);
    writer.take();
    wait_quietly(15);
    auto before = writer.take();

    slave.kill_hard();
    std::filesystem::remove_all(cluster.slave_data(2));
    wait_quietly(8);  // others lead by then
    writer.take();
    wait_quietly(10);
    auto away = writer.take();

    slave.start();
    const auto start = Clock::now();
    const auto cpu_before = cpu_seconds(cluster);
    double own_most = 0;
    const bool caught_up =
        test::wait_until(std::chrono::seconds(static_cast<std::int64_t>(kCatchUpSeconds)), [&] {
            own_most = std::max(own_most, memory_of(slave).own);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            return status_text(cluster).find("\"well\"") != std::string::npos;
        });
    const auto seconds = seconds_since(start);
    const auto cpu = cpu_seconds(cluster) - cpu_before;
    if (!caught_up) throw std::runtime_error("it has not caught up:\n" + status_text(cluster));
    auto meanwhile = writer.take();
    const auto memory = memory_of(slave);
    const auto files = refilled_bytes(slave);
    const auto disk = disk_bytes(cluster.slave_data(2));
    const auto written = writer.finish();

    const auto number = static_cast<double>(rows);
    line("time until all copies are in sync", seconds_text(seconds),
         rows_per_second(number, seconds) + ", CPU of all " + seconds_text(cpu));
    line("files of its leaders", megabytes(files),
         megabytes(files / seconds) + "/s; at most " + "slave.compaction.bytes.per.second");
    line("its directory", megabytes(disk), megabytes(disk / seconds) + "/s");
    line("writer, three copies in sync", before.to_text());
    line("writer, one slave away", away.to_text());
    const auto base = before.percentile(99);
    line("writer meanwhile", meanwhile.to_text(),
         "p99 " + (base > 0 ? ratio_text(meanwhile.percentile(99) / base) : "") +
             " (aim <= " + ratio_text(kWriterRatioAim) + "), p50 " +
             (base > 0 ? ratio_text(meanwhile.percentile(50) / before.percentile(50)) : ""));
    line("its memory", megabytes(own_most) + " own at most",
         megabytes(memory.peak) + " peak with mapped files; then " + memory_text(memory));
    check_copies(cluster, table, rows + written, 3);
}

void measure_follow(std::int64_t rows) {
    // As few partitions as leave one slave with none to lead.
    constexpr int kPartitions = 2, kSlices = 10, kBatch = 10'000;
    const std::string table = "followed";
    test::TestCluster cluster(copies_cluster());
    cluster.start();
    create_with_copies(cluster, table, kPartitions, 3);
    std::set<std::string> leaders;
    auto client = cluster.connect();
    const auto reply = client.request(
        json{{"query", "select leader from system.partitions where \"table\" = '" + table + "'"}}.dump());
    if (!reply.ok()) throw std::runtime_error(reply.text);
    for (const auto& frame : reply.frames)
        leaders.insert(json::parse(frame).at("leader"));
    std::size_t follower = 0, leader = 0;
    for (std::size_t i = 0; i < cluster.slave_count(); ++i)
        (leaders.contains(cluster.slave(i).address()) ? leader : follower) = i;
    if (leaders.contains(cluster.slave(follower).address())) throw std::runtime_error("every slave leads");

    headline("Following: " + std::to_string(rows) + " rows in " + std::to_string(kPartitions) +
             " partitions, three copies; memory of a slave that leads none, and of one that leads");
    std::int64_t done = 0;
    const auto start = Clock::now();
    double own_most = 0;
    for (int slice = 1; slice <= kSlices; ++slice) {
        const auto end = rows / kSlices * slice;
        while (done < end) {
            std::vector<std::string> requests;
            for (int i = 0; i < 100 && done < end; ++i) {
                const auto size = std::min<std::int64_t>(kBatch, end - done);
                requests.push_back(binary_batch(table, done, static_cast<int>(size)));
                done += size;
            }
            send_all(cluster.port(), requests, 2);
            own_most = std::max(own_most, memory_of(cluster.slave(follower)).own);
        }
        const auto following = memory_of(cluster.slave(follower)), leading = memory_of(cluster.slave(leader));
        line(std::to_string(done) + " rows", "follows: " + memory_text(following),
             "peak " + megabytes(following.peak) + "; leads: " + memory_text(leading) + ", peak " +
                 megabytes(leading.peak));
    }
    line("written in", seconds_text(seconds_since(start)),
         "the one that follows: " + megabytes(own_most) + " own at most");
    settle(cluster);
    const auto quiet = memory_of(cluster.slave(follower));
    line("at rest", "follows: " + memory_text(quiet),
         megabytes(disk_bytes(cluster.slave_data(follower))) + " on its disk");
    wait_well(cluster, 120);
    check_copies(cluster, table, done, 3);
}

}  // namespace dl::bench
