// Twenty queries over the wire against DuckDB reading one plain Parquet file of the same live rows, in the
// same run: after loading, after half of the keys were replaced in random order and a tenth deleted, once the
// slaves had nothing to do for a while, and after compress_table.
//   query_bench [--rows N] [--slaves N] [--repeat N] [--pinned 1] [--queries N] [--shape iot|wide]
// Default: 10 000 000 rows, 1 slave, 3 times. --shape: other tables (query_shapes.h), on one slave, after
// loading and after compress_table only.
// --queries N asks the first N only.
// --pinned 1 gives each slave one core of its own (slave i on core i), to see what a second one brings.
#include <sched.h>

#include <filesystem>
#include <iostream>
#include <numeric>
#include <span>
#include <sstream>
#include <thread>
#include <utility>

#include "common/duck/duck_database.h"
#include "common/duck/parquet_file.h"
#include "tests/bench/bench_support.h"
#include "tests/bench/query_shapes.h"

namespace dl::bench {
namespace {

// Over q and bands.
std::vector<BenchQuery> queries_of_people(std::int64_t rows) {
    const auto middle = std::to_string(rows / 2);
    return {
        {"count", "select count(*) as n from q"},
        {"filter on a number", "select count(*) as n from q where age = 42"},
        {"filter on a text", "select count(*) as n from q where username = 'user4711'"},
        {"filter with like", "select count(*) as n from q where username like '%99%'"},
        {"three conditions", "select count(*) as n from q where age < 10 and xingbie = '男' and id % 7 = 3"},
        {"range of keys",
         "select sum(age) as s from q where id between " + middle + " and " + middle + " + 20000"},
        {"sum, avg, min, max", "select sum(age) as s, avg(age) as a, min(id) as lo, max(id) as hi from q"},
        {"group by 2", "select xingbie, count(*) as n from q group by xingbie order by xingbie"},
        {"group by 97", "select age, count(*) as n, max(id) as m from q group by age order by age"},
        {"group by expression", "select id % 1000 as g, avg(age) as a from q group by g order by g"},
        {"group by 100 003, top 10",
         "select username, count(*) as n, sum(age) as s from q group by username order by n desc, username "
         "limit 10"},
        {"group by two columns",
         "select age, xingbie, count(*) as n from q group by age, xingbie order by age, xingbie"},
        {"having", "select age, count(*) as n from q group by age having sum(id) % 2 = 0 order by age"},
        {"count distinct, low", "select count(distinct age) as n from q"},
        {"count distinct, high", "select count(distinct username) as n from q"},
        {"top 10 by key", "select * from q order by id desc limit 10"},
        {"top 100 by two", "select id, age from q order by age desc, id limit 100"},
        {"some hundred rows", "select * from q where age = 5 and id % 1009 = 1 order by id"},
        {"join with 97 rows",
         "select b.label, count(*) as n from q join bands b on q.age = b.age group by b.label order by "
         "b.label"},
        {"window",
         "select * from (select id, age, row_number() over (partition by age order by id desc) as r from q "
         "where id % 10 = 3) where r <= 2 order by age, r"},
    };
}

// Row `id` as loaded, and as replaced later. The same in text and in SQL.
BenchRow row_of(std::int64_t id, bool replaced) {
    const auto n = replaced ? id * 7907 % 100003 : id * 7919 % 100003;
    const auto age = replaced ? (id * 37 + 5) % 97 : id * 31 % 97;
    return {std::to_string(id), "user" + std::to_string(n), std::to_string(age), id % 3 == 0 ? "男" : "女"};
}
constexpr const char* kLoadedSql =
    "select id::int as id, 'user' || (id * 7919 % 100003) as username, id * 31 % 97 as age, "
    "case when id % 3 = 0 then '男' else '女' end as xingbie from range({rows}) t(id)";
constexpr const char* kChangedSql =
    "select id::int as id, 'user' || (case when id % 2 = 0 then id * 7907 else id * 7919 end % 100003) as "
    "username, "
    "case when id % 2 = 0 then id * 37 + 5 else id * 31 end % 97 as age, "
    "case when id % 3 = 0 then '男' else '女' end as xingbie from range({rows}) t(id) where id % 10 <> 9";

std::string with_rows(std::string text, std::int64_t rows) {
    text.replace(text.find("{rows}"), 6, std::to_string(rows));
    return text;
}

// slave.compaction.idle.ms and the interval at which it is looked at.
constexpr std::chrono::seconds kIdleCompaction{16};

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

// DuckDB on its own: the same queries over one Parquet file.
class Baseline {
  public:
    explicit Baseline(std::string directory) : directory_(std::move(directory)) {
        auto opened = writable_duck_database(4ull << 30, 2);
        if (!opened) fail(opened.error().to_text());
        database_ = std::move(*opened);
    }
    void copy(const std::string& select) {
        path_ = directory_ + "/plain" + std::to_string(++copies_) + ".parquet";
        auto session = this->session();
        auto done = session->execute("COPY (" + select + ") TO " + sql_literal(path_) +
                                     " (FORMAT parquet, COMPRESSION snappy)");
        if (!done) fail(done.error().to_text());
    }
    // Milliseconds until the last row, and the number of rows.
    std::pair<double, std::uint64_t> run(const std::string& sql) {
        auto session = this->session();
        if (!session->create_view("q", "SELECT * FROM read_parquet(" + sql_literal(path_) + ")") ||
            !session->create_view(
                "bands", "SELECT i::BIGINT AS age, 'band' || (i // 10) AS label FROM range(97) t(i)"))
            fail("the baseline has no tables");
        const auto start = Clock::now();
        auto result = session->query(sql);
        if (!result) fail(result.error().to_text());
        std::uint64_t rows = 0;
        for (;;) {
            auto batch = (*result)->next();
            if (!batch) fail(batch.error().to_text());
            if (!*batch) break;
            rows += (*batch)->rows();
        }
        return {seconds_since(start) * 1e3, rows};
    }

  private:
    std::unique_ptr<DuckSession> session() {
        auto session = database_->session();
        if (!session) fail(session.error().to_text());
        return std::move(*session);
    }
    std::string directory_;
    std::string path_;
    int copies_ = 0;
    std::shared_ptr<DuckDatabase> database_;
};

struct Asked {
    std::int64_t rows = 0;
    int repeat = 3;
    std::size_t queries = 20;
    std::vector<BenchQuery> (*of_shape)(std::int64_t rows) = queries_of_people;
};

double ask_all(test::TestCluster& cluster, Baseline& baseline, const Asked& asked, const std::string& when) {
    headline(when);
    line("query", "over the wire", "DuckDB on one Parquet file, ratio");
    auto client = cluster.connect(std::chrono::seconds(300));
    double ours_sum = 0;
    double theirs_sum = 0;
    const auto all = asked.of_shape(asked.rows);
    for (const auto& query : std::span(all).first(std::min(all.size(), asked.queries))) {
        Latencies ours, theirs;
        for (int i = 0; i < asked.repeat; ++i) {
            const auto [took, expected] = baseline.run(query.text);
            theirs.add(took);
            const auto start = Clock::now();
            const auto reply = client.request(R"({"query":")" + query.text + "\"}");
            ours.add(seconds_since(start) * 1e3);
            if (!reply.ok()) fail(std::string(query.name) + ": " + reply.text);
            if (reply.frames.size() != expected)
                fail(std::string(query.name) + ": " + std::to_string(reply.frames.size()) +
                     " rows, expected " + std::to_string(expected));
        }
        const auto a = ours.percentile(50);
        const auto b = theirs.percentile(50);
        ours_sum += a;
        theirs_sum += b;
        line(query.name, milliseconds_text(a), milliseconds_text(b) + "   " + ratio_text(a / b));
    }
    line("sum of the medians", milliseconds_text(ours_sum),
         milliseconds_text(theirs_sum) + "   " + ratio_text(ours_sum / theirs_sum));
    return ours_sum;
}

using RowChoice = std::vector<std::int64_t>;

// In portions, so that preparing is not measured. Seconds of sending.
double send(test::TestCluster& cluster, const RowChoice& ids, bool replaced, std::string_view crud) {
    constexpr std::size_t kBatch = 10'000;
    double seconds = 0;
    for (std::size_t at = 0; at < ids.size();) {
        std::vector<std::string> requests;
        for (int i = 0; i < 100 && at < ids.size(); ++i) {
            std::vector<BenchRow> rows;
            for (std::size_t k = 0; k < kBatch && at < ids.size(); ++k, ++at)
                rows.push_back(row_of(ids[at], replaced));
            requests.push_back(binary_batch("q", rows, crud));
        }
        seconds += send_all(cluster.port(), requests, 2).seconds;
    }
    return seconds;
}

// In an order that visits the keys at random: i * prime mod rows.
RowChoice scattered(std::int64_t rows, const std::function<bool(std::int64_t)>& wanted) {
    RowChoice ids;
    std::int64_t step = 7'368'787;
    while (std::gcd(step, rows) != 1)
        ++step;
    for (std::int64_t i = 0; i < rows; ++i)
        if (const auto id = i * step % rows; wanted(id)) ids.push_back(id);
    return ids;
}

void pin_to_core(int core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(static_cast<unsigned>(core), &cores);
    if (::sched_setaffinity(0, sizeof cores, &cores) != 0) fail("a core cannot be chosen");
}

// Of a table of another shape: after loading and after compress_table.
int run_shape(Asked asked, const QueryShape& shape) {
    asked.of_shape = shape.queries;
    test::TestCluster cluster(default_cluster());
    cluster.start();
    auto client = cluster.connect(std::chrono::seconds(900));
    must(client, shape.create);
    headline(std::to_string(asked.rows) + " rows of shape " + shape.name);
    constexpr std::int64_t kBatch = 10'000;
    double seconds = 0;
    for (std::int64_t at = 0; at < asked.rows;) {
        std::vector<std::string> requests;
        for (int i = 0; i < 50 && at < asked.rows; ++i, at += kBatch)
            requests.push_back(shape.batch(at, std::min(kBatch, asked.rows - at)));
        seconds += send_all(cluster.port(), requests, 2).seconds;
    }
    line("loaded", rows_per_second(static_cast<double>(asked.rows), seconds));
    line("background work done after", seconds_text(settle(cluster)));
    Baseline baseline(cluster.directory());
    baseline.copy(shape.sql(asked.rows));
    ask_all(cluster, baseline, asked, "after loading");
    must(client, R"({"compress_table":"q"})");
    line("background work done after", seconds_text(settle(cluster)));
    ask_all(cluster, baseline, asked, "after compaction");
    return 0;
}

int run(int argc, char** argv) {
    const auto rows = argument(argc, argv, "--rows", 10'000'000) / 10'000 * 10'000;
    const auto slaves = static_cast<int>(argument(argc, argv, "--slaves", 1));
    const Asked asked{rows, static_cast<int>(argument(argc, argv, "--repeat", 3)),
                      static_cast<std::size_t>(argument(argc, argv, "--queries", 20))};
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::string_view(argv[i]) != "--shape") continue;
        const auto* shape = query_shape(argv[i + 1]);
        if (shape == nullptr) fail("--shape is iot or wide, not " + std::string(argv[i + 1]));
        return run_shape(asked, *shape);
    }
    auto options = default_cluster();
    options.slaves = slaves;
    test::TestCluster cluster(std::move(options));
    if (argument(argc, argv, "--pinned", 0) != 0) {
        cpu_set_t before;
        ::sched_getaffinity(0, sizeof before, &before);
        for (int i = 0; i < slaves; ++i) {
            pin_to_core(i);  // inherited by the process that is started
            cluster.slave(static_cast<std::size_t>(i)).start();
        }
        ::sched_setaffinity(0, sizeof before, &before);
    }
    cluster.start();
    auto client = cluster.connect(std::chrono::seconds(900));
    must(client, create_statement("q", 4));
    must(client, R"({"sql":"create table bands(age long primary key, label string) partition.number = 1"})");
    for (int i = 0; i < 97; ++i)
        must(client, R"({"insert":{"table_name":"bands","data":{"_crud_type":"insert","age":")" +
                         std::to_string(i) + R"(","label":"band)" + std::to_string(i / 10) + "\"}}}");

    Baseline baseline(cluster.directory());
    RowChoice all(static_cast<std::size_t>(rows));
    std::iota(all.begin(), all.end(), 0);
    headline(std::to_string(rows) + " rows, " + std::to_string(slaves) + " slaves");
    line("loaded", rows_per_second(static_cast<double>(rows), send(cluster, all, false, "insert")));
    all.clear();
    line("background work done after", seconds_text(settle(cluster)));
    baseline.copy(with_rows(kLoadedSql, rows));
    const auto clean = ask_all(cluster, baseline, asked, "after loading");

    const auto half = scattered(rows, [](std::int64_t id) { return id % 2 == 0; });
    line("half of the keys replaced, in random order",
         rows_per_second(static_cast<double>(half.size()), send(cluster, half, true, "insert")));
    const auto tenth = scattered(rows, [](std::int64_t id) { return id % 10 == 9; });
    line("a tenth deleted",
         rows_per_second(static_cast<double>(tenth.size()), send(cluster, tenth, false, "delete")));
    baseline.copy(with_rows(kChangedSql, rows));
    line("background work done after", seconds_text(settle(cluster)));
    const auto changed = ask_all(cluster, baseline, asked, "after replacing half and deleting a tenth");
    line("against the run after loading", ratio_text(changed / clean));

    std::this_thread::sleep_for(kIdleCompaction);
    line("background work done after", seconds_text(settle(cluster)));
    const auto rested = ask_all(cluster, baseline, asked, "once nothing had been written for a while");
    line("against the run after loading", ratio_text(rested / clean));

    const auto start = Clock::now();
    must(client, R"({"compress_table":"q"})");
    line("compress_table", rows_per_second(1.6 * static_cast<double>(rows), seconds_since(start)));
    const auto compacted = ask_all(cluster, baseline, asked, "after compaction");
    line("against the run after loading", ratio_text(compacted / clean));
    return 0;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
    return dl::bench::run_program(dl::bench::run, argc, argv);
}
