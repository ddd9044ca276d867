#include "tests/bench/bench_support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <snappy.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "tests/support/wire_bytes.h"

namespace dl::bench {
namespace {

[[noreturn]] void die(const std::string& what) {
    std::cerr << what << "\n";
    std::_Exit(1);
}

std::string format(const char* pattern, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), pattern, value);
    return text.data();
}

void put_i32(std::string& out, std::int32_t value) {
    out.append(reinterpret_cast<const char*>(&value), 4);
}
void put_text(std::string& out, std::string_view text) {
    put_i32(out, static_cast<std::int32_t>(text.size()));
    out.append(text);
}

// Two connected loopback TCP sockets.
struct SocketPair {
    int client = -1, server = -1;
    SocketPair() {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        client = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener, 1) != 0 ||
            ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
            ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            die("loopback sockets: " + std::string(std::strerror(errno)));
        server = ::accept(listener, nullptr, nullptr);
        ::close(listener);
        const int on = 1;
        for (const int fd : {client, server})
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ~SocketPair() {
        ::close(client);
        ::close(server);
    }
};

int open_scratch(const std::string& directory) {
    const auto path = directory + "/baseline.bin";
    const int fd = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0644);
    if (fd < 0) die(path + ": " + std::strerror(errno));
    ::unlink(path.c_str());
    return fd;
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(fd, bytes.data(), bytes.size());
        if (written <= 0) die("write: " + std::string(std::strerror(errno)));
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

double Latencies::percentile(double p) {
    if (values_.empty()) return 0;
    if (!sorted_) std::sort(values_.begin(), values_.end());
    sorted_ = true;
    const auto index = static_cast<std::size_t>(p / 100 * static_cast<double>(values_.size() - 1) + 0.5);
    return values_[std::min(index, values_.size() - 1)];
}

std::string Latencies::to_text() {
    return "p50 " + format("%.2f ms", percentile(50) / 1000) + "  p99 " +
           format("%.2f ms", percentile(99) / 1000) + "  max " + format("%.2f ms", percentile(100) / 1000);
}

std::string create_statement(std::string_view table, int partitions) {
    return R"({"sql":"create table )" + std::string(table) +
           R"((id INT PRIMARY KEY, username string NOT NULL, age long, xingbie string default '男') partition.number = )" +
           std::to_string(partitions) + "\"}";
}

std::string json_batch(std::string_view table, std::int64_t first_id, int rows) {
    std::string out = R"({"batch_insert":{"table_name":")" + std::string(table) + R"(","data":[)";
    out.reserve(static_cast<std::size_t>(rows) * 80);
    for (int i = 0; i < rows; ++i) {
        if (i > 0) out += ',';
        out += R"({"id":")";
        out += std::to_string(first_id + i);
        out += R"(","_crud_type":"insert","username":"data-lake","age":"1","xingbie":"0"})";
    }
    out += "]}}";
    return test::frame(out);
}

std::string binary_batch(std::string_view table, std::int64_t first_id, int rows) {
    std::vector<BenchRow> made;
    made.reserve(static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i)
        made.push_back({std::to_string(first_id + i), "data-lake", "1", "0"});
    return binary_batch(table, made, "insert");
}

std::string binary_batch(std::string_view table, const std::vector<BenchRow>& rows, std::string_view crud) {
    std::string plain;
    plain.reserve(rows.size() * 60);
    put_text(plain, table);
    put_i32(plain, 5);
    for (const std::string_view column : {"id", "_crud_type", "username", "age", "xingbie"})
        put_text(plain, column);
    put_i32(plain, static_cast<std::int32_t>(rows.size()));
    for (const auto& row : rows) {
        put_i32(plain, 5);
        put_text(plain, row[0]);
        put_text(plain, crud);
        for (std::size_t i = 1; i < row.size(); ++i)
            put_text(plain, row[i]);
    }
    std::string compressed;
    snappy::Compress(plain.data(), plain.size(), &compressed);
    return test::frame("\"batch_insert\"") + test::frame(compressed);
}

SendResult send_all(std::uint16_t port, const std::vector<std::string>& requests, int connections) {
    std::vector<Latencies> latencies(static_cast<std::size_t>(connections));
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (int c = 0; c < connections; ++c)
        threads.emplace_back([&, c] {
            try {
                test::RawClient client(port);
                for (auto i = static_cast<std::size_t>(c); i < requests.size();
                     i += static_cast<std::size_t>(connections)) {
                    const auto sent = Clock::now();
                    const auto reply = client.send_batch(requests[i]);
                    if (!reply.ok()) die(reply.text);
                    latencies[static_cast<std::size_t>(c)].add(seconds_since(sent) * 1e6);
                }
            } catch (const std::exception& error) {
                die(error.what());
            }
        });
    for (auto& thread : threads)
        thread.join();
    SendResult result;
    result.seconds = seconds_since(start);
    for (const auto& one : latencies)
        result.latencies.add_all(one);
    return result;
}

RowLatencies measure_rows(test::TestCluster& cluster, const RowProbe& probe) {
    const auto now_ns = [] {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    };
    auto writer = cluster.connect();
    // Where the reader begins: behind the last record of each partition.
    const auto ends = writer.request(R"({"sql":"max_offset )" + probe.table + "\"}");
    if (!ends.ok()) die(ends.text);
    std::map<std::int64_t, std::int64_t> next;
    const auto last = nlohmann::json::parse(ends.text);
    for (const auto& [partition, offset] : last.items())
        next[std::stoll(partition)] = offset.get<std::int64_t>() + 1;

    RowLatencies measured;
    std::atomic<std::int64_t> sent_rows{0};
    std::atomic<bool> all_sent{false};
    std::thread reader([&] {
        auto client = cluster.connect();
        for (std::int64_t seen = 0; !all_sent || seen < sent_rows;) {
            std::string from;
            for (const auto& [partition, offset] : next)
                from += (from.empty() ? "" : ",") + (R"({"patition_code":)" + std::to_string(partition)) +
                        R"(,"offset":)" + std::to_string(offset) + "}";
            const auto reply =
                client.request(R"({"stream_read":{"table_name":")" + probe.table + R"(","patition_mess":[)" +
                               from + R"(],"read_count":1000},"options":{"max_wait_ms":500}})");
            const auto received = now_ns();
            if (!reply.ok()) die(reply.text);
            for (const auto& frame : reply.frames)
                for (const auto& record : test::decode_stream_frame(frame)) {
                    const auto sent = std::stoll(*record.values.at(probe.column));
                    measured.visible.add(static_cast<double>(received - sent) / 1000);
                    next[record.partition] = record.offset + 1;
                    ++seen;
                }
        }
    });
    for (std::int64_t i = 0; i < probe.rows && probe.go_on(); ++i) {
        const auto sent = now_ns();
        must(writer, R"({"insert":{"table_name":")" + probe.table + R"(","crud":"insert","data":{"id":)" +
                         std::to_string(probe.first_id + i) + ",\"" + probe.column +
                         "\":" + std::to_string(sent) + R"(,"username":"probe"}}})");
        ++sent_rows;
        measured.acknowledged.add(static_cast<double>(now_ns() - sent) / 1000);
        std::this_thread::sleep_for(probe.pause);
    }
    all_sent = true;
    reader.join();
    return measured;
}

double count_rows(test::TestCluster& cluster, const std::string& table, std::int64_t expected) {
    const auto start = Clock::now();
    const bool served = test::wait_until(std::chrono::seconds(300), [&] {
        auto client = cluster.connect(std::chrono::seconds(300));
        const auto reply = client.request(R"({"query":"select count(*) as n from )" + table + "\"}");
        if (!reply.ok()) return false;
        if (reply.frames.at(0) != "{\"n\":" + std::to_string(expected) + "}")
            throw std::runtime_error("expected " + std::to_string(expected) + " rows, got " +
                                     reply.frames[0]);
        return true;
    });
    if (!served) throw std::runtime_error("the table did not come back");
    return seconds_since(start);
}

Memory memory_of(test::DaemonProcess& process) {
    std::ifstream status("/proc/" + std::to_string(process.pid()) + "/status");
    Memory memory;
    for (std::string line; std::getline(status, line);) {
        const auto kilobytes = [&] { return std::strtod(line.c_str() + line.find(':') + 1, nullptr) * 1024; };
        if (line.starts_with("RssAnon:")) memory.own = kilobytes();
        if (line.starts_with("RssFile:")) memory.mapped = kilobytes();
        if (line.starts_with("VmHWM:")) memory.peak = kilobytes();
    }
    return memory;
}

double cpu_seconds(test::TestCluster& cluster) {
    struct Process {
        long parent = 0;
        std::uint64_t ticks = 0;
    };
    std::map<long, Process> processes;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream file(entry.path() / "stat");
        std::string text;
        if (!std::getline(file, text)) continue;  // it has ended
        // Behind the name: state, parent, ten more, time of its own in user and kernel mode, and of children
        // that have ended.
        std::istringstream fields(text.substr(text.rfind(')') + 1));
        std::string skipped;
        Process process;
        fields >> skipped >> process.parent;
        for (int field = 5; field < 14; ++field)
            fields >> skipped;
        for (int field = 14; field < 18; ++field) {
            std::uint64_t ticks = 0;
            fields >> ticks;
            process.ticks += ticks;
        }
        processes[std::stol(name)] = process;
    }
    std::set<long> roots{cluster.master().pid()};
    for (std::size_t i = 0; i < cluster.slave_count(); ++i)
        roots.insert(cluster.slave(i).pid());
    std::uint64_t sum = 0;
    for (const auto& [id, process] : processes) {
        auto at = id;
        while (!roots.contains(at) && processes.contains(at) && at > 1)
            at = processes.at(at).parent;
        if (roots.contains(at)) sum += process.ticks;
    }
    return static_cast<double>(sum) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double settle(test::TestCluster& cluster) {
    const auto start = Clock::now();
    const auto ticks = [&] {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < cluster.slave_count(); ++i) {
            std::ifstream file("/proc/" + std::to_string(cluster.slave(i).pid()) + "/stat");
            std::string text;
            std::getline(file, text);
            std::istringstream fields(text.substr(text.rfind(')') + 1));
            std::string skipped;
            for (int field = 3; field < 14; ++field)
                fields >> skipped;
            std::uint64_t user = 0, system = 0;
            fields >> user >> system;
            sum += user + system;
        }
        return sum;
    };
    const auto quiet_ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)) / 20;
    for (auto before = ticks(); seconds_since(start) < 120;) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const auto now = ticks();
        if (now - before <= quiet_ticks) break;
        before = now;
    }
    return seconds_since(start);
}

void must(test::RawClient& client, const std::string& statement) {
    const auto reply = client.request(statement);
    if (!reply.ok()) die(statement.substr(0, 200) + ": " + reply.text);
}

double raw_write_and_sync_seconds(const std::string& directory, const std::vector<std::string>& blocks) {
    const int fd = open_scratch(directory);
    const auto start = Clock::now();
    for (const auto& block : blocks) {
        write_all(fd, block);
        if (::fdatasync(fd) != 0) die("fdatasync: " + std::string(std::strerror(errno)));
    }
    const auto seconds = seconds_since(start);
    ::close(fd);
    return seconds;
}

Latencies raw_sync_latencies(const std::string& directory, int count, std::size_t bytes) {
    const int fd = open_scratch(directory);
    const std::string block(bytes, 'x');
    Latencies latencies;
    for (int i = 0; i < count; ++i) {
        const auto start = Clock::now();
        write_all(fd, block);
        if (::fdatasync(fd) != 0) die("fdatasync: " + std::string(std::strerror(errno)));
        latencies.add(seconds_since(start) * 1e6);
    }
    ::close(fd);
    return latencies;
}

double disk_bytes(const std::string& directory) {
    double sum = 0;
    std::error_code ignored;  // files come and go meanwhile
    for (std::filesystem::recursive_directory_iterator entry(directory, ignored), end; entry != end;
         entry.increment(ignored)) {
        struct stat status {};
        if (::lstat(entry->path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
            sum += static_cast<double>(status.st_blocks) * 512;
    }
    return sum;
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
}

double loopback_seconds(std::uint64_t bytes) {
    SocketPair sockets;
    const std::string block(1 << 18, 'x');
    const auto start = Clock::now();
    std::thread sender([&] {
        for (std::uint64_t left = bytes; left > 0;) {
            const auto part = std::min<std::uint64_t>(left, block.size());
            write_all(sockets.client, std::string_view(block).substr(0, part));
            left -= part;
        }
    });
    std::string buffer(1 << 18, '\0');
    for (std::uint64_t got = 0; got < bytes;) {
        const auto n = ::recv(sockets.server, buffer.data(), buffer.size(), 0);
        if (n <= 0) die("loopback receive");
        got += static_cast<std::uint64_t>(n);
    }
    const auto seconds = seconds_since(start);
    sender.join();
    return seconds;
}

Latencies loopback_round_trips(int count) {
    SocketPair sockets;
    std::thread echo([&] {
        char byte;
        while (::recv(sockets.server, &byte, 1, 0) == 1)
            if (::send(sockets.server, &byte, 1, 0) != 1) return;
    });
    Latencies latencies;
    for (int i = 0; i < count; ++i) {
        const auto start = Clock::now();
        char byte = 'x';
        if (::send(sockets.client, &byte, 1, 0) != 1 || ::recv(sockets.client, &byte, 1, 0) != 1)
            die("loopback echo");
        latencies.add(seconds_since(start) * 1e6);
    }
    ::shutdown(sockets.client, SHUT_RDWR);
    echo.join();
    return latencies;
}

void headline(const std::string& text) {
    std::cout << "\n" << text << "\n" << std::flush;
}

void line(const std::string& name, const std::string& figure, const std::string& baseline) {
    std::printf("  %-46s %-44s %s\n", name.c_str(), figure.c_str(), baseline.c_str());
    std::fflush(stdout);
}

std::string rows_per_second(double rows, double seconds) {
    return format("%.3f M rows/s", rows / seconds / 1e6);
}
std::string megabytes(double bytes) {
    return format("%.0f MB", bytes / 1048576);
}

std::string seconds_text(double seconds) {
    return format("%.2f s", seconds);
}
std::string milliseconds_text(double milliseconds) {
    return format("%.2f ms", milliseconds);
}
std::string ratio_text(double ratio) {
    return format("%.2f x", ratio);
}

std::int64_t argument(int argc, char** argv, std::string_view name, std::int64_t otherwise) {
    for (int i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) != name) continue;
        if (i + 1 == argc) die(std::string(name) + " needs a number");
        return std::strtoll(argv[i + 1], nullptr, 10);
    }
    return otherwise;
}

test::ClusterOptions default_cluster() {
    return {};
}

int run_program(int (*run)(int, char**), int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}

}  // namespace dl::bench
