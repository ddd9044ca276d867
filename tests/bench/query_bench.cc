// Queries over a table that is being replaced and deleted from: right after loading, with dead rows, and
// after compaction.
//   query_bench [--rows N]   default 3 000 000
#include <iostream>
#include <sstream>
#include <utility>

#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

void ask(test::TestCluster& cluster, const std::string& when) {
    headline(when);
    auto client = cluster.connect();
    const std::vector<std::pair<const char*, const char*>> queries{
        {"count", "select count(*) as n from q"},
        {"filter", "select count(*) as n from q where age = 1 and xingbie = '0' and id % 7 = 3"},
        {"group by", "select id % 100 as g, count(*) as n, avg(age) as a from q group by g order by g"},
        {"top 10", "select * from q order by id desc limit 10"},
        {"one key", "select * from q where id = 123456"}};
    for (const auto& [name, text] : queries) {
        Latencies latencies;
        for (int i = 0; i < 7; ++i) {
            const auto start = Clock::now();
            must(client, std::string(R"({"query":")") + text + "\"}");
            latencies.add(seconds_since(start) * 1e6);
        }
        std::ostringstream figure;
        figure.precision(2);
        figure << std::fixed << latencies.percentile(50) / 1000 << " ms (median of 7)";
        line(name, figure.str(), text);
    }
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 3'000'000) / 10'000 * 10'000;
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect();
    must(client, create_statement("q", 4));
    const auto send = [&](std::int64_t from, std::int64_t to) {
        std::vector<std::string> requests;
        for (std::int64_t id = from; id < to; id += 10'000)
            requests.push_back(binary_batch("q", id, 10'000));
        return send_all(cluster.port(), requests, 2).seconds;
    };
    send(0, rows);
    ask(cluster, std::to_string(rows) + " rows, right after loading");
    send(0, rows / 3 / 10'000 * 10'000);
    ask(cluster, "after a third of the rows was replaced");
    const auto start = Clock::now();
    must(client, R"({"compress_table":"q"})");
    headline("compaction took " + std::to_string(seconds_since(start)) + " s");
    ask(cluster, "after compaction");
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
