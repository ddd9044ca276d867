// Queries and reads by offset that any copy may answer, against those that leaders answer.
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/bench/copies_bench.h"

namespace dl::bench {
namespace {

using nlohmann::json;

constexpr int kPartitions = 4;
const std::string kTable = "readings";

std::string with_read(json statement, bool any, json options = json::object()) {
    if (any) options["read"] = "any";
    if (!options.empty()) statement["options"] = std::move(options);
    return statement.dump();
}

// What one client does again and again; gives how much was done, and throws when an answer is wrong.
class Step {
  public:
    virtual ~Step() = default;
    virtual double run(test::RawClient& client) = 0;
};

class Aggregate final : public Step {
  public:
    Aggregate(std::int64_t rows, bool any, unsigned seed) : rows_(rows), any_(any), random_(seed) {}
    double run(test::RawClient& client) override {
        const auto from = static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(rows_));
        const auto reply = client.request(with_read(
            {{"query",
              "select count(*) as n, sum(age) as s from readings where id >= " + std::to_string(from)}},
            any_));
        if (!reply.ok()) throw std::runtime_error(reply.text);
        const auto row = json::parse(reply.frames.at(0));
        if (row.at("n") != rows_ - from || row.at("s") != rows_ - from)
            throw std::runtime_error("rows from " + std::to_string(from) + " on: " + row.dump());
        return 1;
    }

  private:
    const std::int64_t rows_;
    const bool any_;
    std::mt19937_64 random_;
};

class Lookup final : public Step {
  public:
    Lookup(std::int64_t rows, bool any, unsigned seed) : rows_(rows), any_(any), random_(seed) {}
    double run(test::RawClient& client) override {
        const auto id = static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(rows_));
        const auto reply = client.request(
            with_read({{"query", "select id from readings where id = " + std::to_string(id)}}, any_));
        if (!reply.ok()) throw std::runtime_error(reply.text);
        if (reply.frames.size() != 1 || json::parse(reply.frames[0]).at("id") != id)
            throw std::runtime_error("key " + std::to_string(id) + ": wrong answer");
        return 1;
    }

  private:
    const std::int64_t rows_;
    const bool any_;
    std::mt19937_64 random_;
};

// From the first offset to the last, then from the beginning again; counts rows.
class Consumer final : public Step {
  public:
    Consumer(std::int64_t rows, bool any) : rows_(rows), any_(any) { begin(); }
    double run(test::RawClient& client) override {
        auto parts = json::array();
        for (std::size_t i = 0; i < positions_.size(); ++i)
            parts.push_back({{"patition_code", i}, {"offset", positions_[i]}});
        const auto reply = client.request(with_read(
            {{"stream_read", {{"table_name", kTable}, {"patition_mess", parts}, {"read_count", 10'000}}}},
            any_, {{"meta", true}, {"format", "columnar"}}));
        if (!reply.ok()) throw std::runtime_error(reply.text);
        std::int64_t read = 0;
        const auto meta = json::parse(reply.frames.back());
        for (const auto& [partition, next] : meta.at("meta").at("next").items()) {
            auto& position = positions_.at(std::stoul(partition));
            read += next.get<std::int64_t>() - position;
            position = next;
        }
        pass_ += read;
        if (read == 0) {
            if (pass_ != rows_)
                throw std::runtime_error("read " + std::to_string(pass_) + " rows of " +
                                         std::to_string(rows_));
            begin();
        }
        return static_cast<double>(read);
    }

  private:
    void begin() {
        positions_.assign(kPartitions, 0);
        pass_ = 0;
    }
    const std::int64_t rows_;
    const bool any_;
    std::vector<std::int64_t> positions_;
    std::int64_t pass_ = 0;
};

struct Figures {
    std::vector<double> rate, cpu;  // a second; processor microseconds each
};

using MakeStep = std::function<std::unique_ptr<Step>(bool any, unsigned client)>;

void turn(test::TestCluster& cluster, const ReadOptions& options, const MakeStep& make, bool any,
          Figures& figures) {
    std::atomic<bool> stop{false};
    std::mutex mutex;
    double done = 0;
    std::string failure;
    std::vector<std::thread> threads;
    const auto cpu_before = cpu_seconds(cluster);
    const auto start = Clock::now();
    for (int i = 0; i < options.clients; ++i)
        threads.emplace_back([&, i] {
            double mine = 0;
            std::string wrong;
            try {
                auto client = cluster.connect(std::chrono::seconds(300));
                const auto step = make(any, static_cast<unsigned>(i));
                while (!stop)
                    mine += step->run(client);
            } catch (const std::exception& error) {
                wrong = error.what();
                stop = true;
            }
            const std::lock_guard lock(mutex);
            done += mine;
            if (!wrong.empty()) failure = wrong;
        });
    while (!stop && seconds_since(start) < options.seconds)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop = true;
    for (auto& thread : threads)
        thread.join();
    const auto seconds = seconds_since(start);
    if (!failure.empty()) throw std::runtime_error((any ? "any copy: " : "leaders: ") + failure);
    figures.rate.push_back(done / seconds);
    figures.cpu.push_back((cpu_seconds(cluster) - cpu_before) / std::max(done, 1.0) * 1e6);
}

// Reads of partitions that others lead, over all slaves, as cluster_status counts them.
std::uint64_t follower_reads(test::TestCluster& cluster) {
    std::uint64_t sum = 0;
    const auto text = status_text(cluster);
    constexpr std::string_view kSaid = "has answered ";
    for (auto at = text.find(kSaid); at != std::string::npos; at = text.find(kSaid, at + 1))
        sum += std::strtoull(text.c_str() + at + kSaid.size(), nullptr, 10);
    return sum;
}

void compare(test::TestCluster& cluster, const ReadOptions& options, const std::string& name,
             const std::string& unit, const MakeStep& make) {
    Figures leaders, any;
    Figures warm;
    for (const bool both : {false, true})
        turn(cluster, options, make, both, warm);
    std::uint64_t by_followers = 0;
    for (int i = 0; i < options.repeat; ++i) {
        const auto before = follower_reads(cluster);
        turn(cluster, options, make, false, leaders);
        const auto between = follower_reads(cluster);
        if (between != before) throw std::runtime_error("followers were read without read \"any\"");
        turn(cluster, options, make, true, any);
        by_followers += follower_reads(cluster) - between;
    }
    if (by_followers == 0) throw std::runtime_error("read \"any\" asked leaders alone");
    const auto figure = [&](const Figures& of) {
        char text[96];
        std::snprintf(text, sizeof text, "%.0f %s/s, CPU %.1f us each", median(of.rate), unit.c_str(),
                      median(of.cpu));
        return std::string(text);
    };
    line(name + ", leaders", figure(leaders));
    line(name + ", any copy", figure(any),
         ratio_text(median(any.rate) / median(leaders.rate)) + ", CPU " +
             ratio_text(median(any.cpu) / median(leaders.cpu)) + "; " + std::to_string(by_followers) +
             " reads of partitions by slaves that follow");
}

}  // namespace

void measure_reads(const ReadOptions& options) {
    test::TestCluster cluster(copies_cluster());
    cluster.start();
    create_with_copies(cluster, kTable, kPartitions, 3);
    load_rows(cluster, kTable, options.rows);
    settle(cluster);
    wait_well(cluster, 60);
    headline("Reading " + std::to_string(options.rows) + " rows in " + std::to_string(kPartitions) +
             " partitions, three copies on three slaves, " + std::to_string(options.clients) +
             " clients; medians of " + std::to_string(options.repeat) + " turns each, in turns");
    compare(cluster, options, "count and sum", "queries", [&](bool any, unsigned client) {
        return std::make_unique<Aggregate>(options.rows, any, client);
    });
    compare(cluster, options, "a row by its key", "queries",
            [&](bool any, unsigned client) { return std::make_unique<Lookup>(options.rows, any, client); });
    compare(cluster, options, "stream_read, columnar", "rows",
            [&](bool any, unsigned) { return std::make_unique<Consumer>(options.rows, any); });
    check_copies(cluster, kTable, options.rows, 3);
}

}  // namespace dl::bench
