// Short statements against two builds, asked in turns, so that what else the machine does meets both alike.
//   pairs_bench --before DIR [--rows N] [--slaves N] [--repeat N]   default 20 000 rows, 1 slave, 300 times
// DIR: where another build has its master/master and slave/slave. On a machine with other work, `chrt -r 5`
// in front lets the daemons run when they can.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/bench_support.h"

namespace dl::bench {
namespace {

constexpr int kFirst = 10;  // not counted
constexpr int kBatchRows = 2000;

struct Statement {
    const char* name;
    const char* sql;  // `%` stands for another number each time
    int share = 1;    // of the repeats, one in so many
};

constexpr Statement kStatements[] = {
    {"select 1", "select 1"},
    {"by key", "select * from t where id = 4711"},
    {"count(*)", "select count(*) from t"},
    {"filter", "select count(*) from t where v = 42"},
    {"filter, a new number each time", "select count(*) from t where v = %"},
    {"a statement never seen", "select count(*) as c% from t where v = %"},
    {"sum, min, max", "select sum(v), min(v), max(v) from t"},
    {"group by", "select g, count(*) from t group by g"},
    {"top 10", "select id, v from t order by v desc, id limit 10"},
    {"join with 97 rows", "select b.label, count(*) from t join b on t.v = b.age group by b.label"},
    {"window",
     "select * from (select id, v, row_number() over (partition by v order by id desc) as r from t where "
     "id % 10 = 3) where r <= 2"},
    {"all rows of three columns", "select id, g, v from t", 6},
};

std::string with_number(const Statement& statement, int number) {
    std::string sql = statement.sql;
    if (std::strstr(statement.name, "new") == nullptr && std::strstr(statement.name, "never") == nullptr)
        return sql;
    for (auto at = sql.find('%'); at != std::string::npos; at = sql.find('%', at))
        sql.replace(at, 1, std::to_string(number));
    return sql;
}

void fill(test::TestCluster& cluster, int rows) {
    auto client = cluster.connect(std::chrono::seconds(300));
    must(client,
         R"({"sql":"create table t(id int primary key, g string, v int, s string) partition.number = 4"})");
    must(client, R"({"sql":"create table b(age int primary key, label string) partition.number = 1"})");
    for (int first = 0; first < rows; first += kBatchRows) {
        std::string data;
        for (int id = first; id < std::min(rows, first + kBatchRows); ++id)
            data += (data.empty() ? "" : ",") + std::string("{\"id\":") + std::to_string(id) + ",\"g\":\"g" +
                    std::to_string(id % 97) + "\",\"v\":" + std::to_string(id * 31LL % 97) + ",\"s\":\"text" +
                    std::to_string(id) + "\"}";
        must(client, R"({"batch_insert":{"table_name":"t","data":[)" + data + "]}}");
    }
    std::string data;
    for (int age = 0; age < 97; ++age)
        data += (age == 0 ? "" : ",") + std::string("{\"age\":") + std::to_string(age) + ",\"label\":\"band" +
                std::to_string(age / 10) + "\"}";
    must(client, R"({"batch_insert":{"table_name":"b","data":[)" + data + "]}}");
}

double ask(test::RawClient& client, const std::string& sql) {
    const auto start = Clock::now();
    const auto reply = client.request(R"({"query":")" + sql + R"("})");
    const auto took = seconds_since(start) * 1e6;
    if (!reply.ok()) throw std::runtime_error(sql + ": " + reply.text);
    return took;
}

int run(int argc, char** argv) {
    const char* before = nullptr;
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--before") == 0) before = argv[i + 1];
    if (before == nullptr) throw std::runtime_error("--before DIR is missing: the build to compare with");
    const auto rows = static_cast<int>(argument(argc, argv, "--rows", 20'000));
    const auto repeat = static_cast<int>(argument(argc, argv, "--repeat", 300));
    auto options = default_cluster();
    options.slaves = static_cast<int>(argument(argc, argv, "--slaves", 1));

    test::TestCluster now(options);
    ::setenv("DL_BIN_DIR", before, 1);
    test::TestCluster then(options);
    for (auto* cluster : {&then, &now}) {
        cluster->start();
        fill(*cluster, rows);
    }
    auto asks_then = then.connect(std::chrono::seconds(300));
    auto asks_now = now.connect(std::chrono::seconds(300));
    headline("Short statements over " + std::to_string(rows) + " rows, " + std::to_string(options.slaves) +
             " slave(s), in turns");
    for (const auto& statement : kStatements) {
        Latencies of_then, of_now;
        for (int i = 0; i < kFirst + repeat / statement.share; ++i) {
            const auto sql = with_number(statement, i * 7919);
            // Who is asked first changes.
            double took_then = 0, took_now = 0;
            if (i % 2 == 0) took_then = ask(asks_then, sql);
            took_now = ask(asks_now, sql);
            if (i % 2 != 0) took_then = ask(asks_then, sql);
            if (i < kFirst) continue;
            of_then.add(took_then);
            of_now.add(took_now);
        }
        const auto p50_then = of_then.percentile(50) / 1e3, p50_now = of_now.percentile(50) / 1e3;
        line(statement.name,
             milliseconds_text(p50_now) + " (p10 " + milliseconds_text(of_now.percentile(10) / 1e3) + ")",
             milliseconds_text(p50_then) + " (p10 " + milliseconds_text(of_then.percentile(10) / 1e3) +
                 ")  " + ratio_text(p50_now / p50_then));
    }
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
