// Queries that want what is not theirs, or everything there is: each ends in an error or in time, and the
// daemons go on serving. Over two slaves, so that both the master's plans and the slaves' fragments are met.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr int kTimeoutMs = 700;
// Sanitizers make what cannot be interrupted several times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSlower = 5;
#else
constexpr int kSlower = 1;
#endif
constexpr seconds kSlack{12 * kSlower};  // a busy machine, and what cannot be interrupted at once

class HostileSqlTest : public ClusterTest {
  protected:
    void SetUp() override {
        start({.slaves = 2});
        auto client = connect();
        for (const char* table : {"t", "u"}) {
            must(client, sql(std::string("create table ") + table +
                             "(id int primary key, v string, d double) partition.number = 4"));
            auto data = json::array();
            for (int i = 0; i < 2000; ++i)
                data.push_back({{"id", i}, {"v", "v" + std::to_string(i % 10)}, {"d", i * 0.5}});
            must(client, json{{"batch_insert", {{"table_name", table}, {"data", data}}}}.dump());
        }
    }

    static std::string limited(const std::string& statement) {
        return json{{"query", statement}, {"options", {{"timeout_ms", kTimeoutMs}}}}.dump();
    }
    void expect_serving(const std::string& after) {
        ASSERT_TRUE(cluster().master().alive()) << after.substr(0, 200);
        for (std::size_t i = 0; i < cluster().slave_count(); ++i)
            ASSERT_TRUE(cluster().slave(i).alive()) << after.substr(0, 200);
        auto client = cluster().connect(seconds(60));
        EXPECT_EQ(value(client, "select count(*) from t where v <> 'x'"), 2000) << after.substr(0, 200);
    }
};

TEST_F(HostileSqlTest, WhatIsNotTheirsIsRefused) {
    const std::vector<std::string> statements = {
        // files and the network
        "select * from read_csv_auto('/etc/passwd')", "select * from read_json('/etc/*')",
        "select * from read_json_auto('/etc/passwd')", "select * from read_ndjson('/etc/passwd')",
        "select * from read_blob('/proc/self/environ')", "select * from parquet_scan('/tmp/*.parquet')",
        "select * from parquet_metadata('/tmp/x.parquet')", "select * from parquet_schema('/tmp/x.parquet')",
        "select * from read_parquet(['/etc/passwd', '/tmp/x'])", "select * from 'data.csv'",
        "select * from \"/etc/passwd\"", "select * from 'https://example.org/x.parquet'",
        "select * from 's3://bucket/x.parquet'", "select * from sniff_csv('/etc/passwd')",
        "select * from t, lateral (select * from read_text('/etc/passwd'))",
        "select v from t group by v having v = (select content from read_text('/etc/passwd'))",
        "select v from t order by (select content from read_text('/etc/passwd')) limit 1",
        "select v from t limit (select count(*) from glob('/*'))",
        "select count(*) from t where v = (select max(content) from read_text('/etc/passwd'))",
        "with recursive r as (select content from read_text('/etc/passwd') union all select * from r) select "
        "* from r",
        "select (select list(file) from glob('/etc/*'))", "from read_csv('/etc/passwd')",
        "select count(*) filter (where getenv('HOME') <> '') from t",
        "select sum(length(getenv(v))) from t group by v", "copy t to '/tmp/datalakedb-hostile.parquet'",
        "copy t from '/etc/passwd'", "copy (select * from t) to '/tmp/datalakedb-hostile.csv'",
        "export database '/tmp/datalakedb-hostile'", "import database '/tmp/datalakedb-hostile'",
        "attach ':memory:' as m", "attach '/tmp/datalakedb-hostile.db'", "detach memory", "install json",
        "load parquet", "load '/tmp/evil.duckdb_extension'", "create secret s (type s3)",
        // settings, internals, other tables
        "set variable x = 1", "set threads = 64", "reset threads", "set enable_external_access = true",
        "pragma threads = 64", "pragma enable_profiling", "pragma database_size", "call duckdb_tables()",
        "select * from duckdb_functions()", "select * from duckdb_secrets()", "select * from duckdb_memory()",
        "select * from pragma_table_info('t')", "select * from pg_catalog.pg_class",
        "select * from pg_tables", "select * from information_schema.routines", "select * from system.main.t",
        "select * from temp.t", "select current_setting('temp_directory')", "select getvariable('x') from t",
        "select nextval('s')", "select * from query_table('t')", "select * from query('select * from t')",
        "select * from json_execute_serialized_sql('{}')", "select * from test_all_types()",
        "select * from repeat_row(1, num_rows = 1000000000)", "select which_secret('s3://x', 's3')",
        "select write_log('x')", "select * from dl_scan(1)", "select dl_alive(1, id) from t",
        "select dl_average(sum(id), count(*), 0, 0) from t", "select * from dl_fragment_1", "select ? from t",
        "select $1", "select * from t at (version => 1)",
        // writes and several statements
        "create table x as select * from t", "create or replace view t as select 1",
        "create macro m(a) as a + 1", "create temp table x(i int)", "create type e as enum ('a')",
        "create schema s", "create sequence s", "insert into t select * from u",
        "insert into t values (1, 'x', 1) returning id", "update t set v = 'x'", "delete from t",
        "truncate t", "alter table t add column x int", "drop table t", "drop view t",
        "merge into t using u on t.id = u.id when matched then delete",
        "with x as (delete from t returning *) select 1", "explain analyze (delete from t)",
        "explain analyze delete from t", "explain (analyze) select 1", "explain insert into t values (1)",
        "explain drop table t", "explain explain select 1", "select 1; select 2", "select 1; drop table t",
        "select * from t; --", "; select 1; select 2", "prepare p as select * from t", "execute p",
        "deallocate p", "begin transaction", "commit", "checkpoint", "vacuum analyze", "analyze",
        "use memory", "describe t", "show tables", "summarize system.t", "show all tables",
        "pivot t on v using read_text('x')",
        "pivot (select * from read_csv('/etc/passwd')) on v in ('a') using count(*)",
        "select * from (pivot duckdb_settings() on name in ('x') using count(*))",
        // nothing that parses
        "select * from t where", "select from from from", "select 'unfinished", "select \"unfinished",
        "select $$x", "/* unfinished", "select * from t where id = = 1", "\xff\xfe", "select \x01", "(((((",
        "select 1 as"};
    std::size_t refused = 0;
    for (const auto& statement : statements) {
        auto client = connect();
        // Bytes that are no UTF-8 do not fit into JSON that a library writes.
        std::string frame = "{\"query\":\"";
        for (const char c : statement) {
            if (c == '"' || c == '\\') frame += '\\';
            frame += c;
        }
        const auto reply = client.request(frame + "\"}");
        // A comment and a `;` at the end are no second statement.
        if (statement == "select * from t; --") continue;
        EXPECT_FALSE(reply.ok()) << statement << " -> "
                                 << (reply.frames.empty() ? "no rows" : reply.frames[0]);
        EXPECT_EQ(reply.text.find('\n'), std::string::npos) << reply.text;
        EXPECT_EQ(reply.text.find("root:"), std::string::npos) << "a file was read: " << reply.text;
        if (!reply.ok()) ++refused;
    }
    EXPECT_GE(refused, 100u);
    EXPECT_FALSE(std::filesystem::exists("/tmp/datalakedb-hostile.csv"));
    EXPECT_FALSE(std::filesystem::exists("/tmp/datalakedb-hostile.parquet"));
    EXPECT_FALSE(std::filesystem::exists("/tmp/datalakedb-hostile.db"));
    EXPECT_FALSE(std::filesystem::exists("/tmp/datalakedb-hostile"));
    expect_serving("what was refused");
}

std::string repeated(const std::string& part, int times, const std::string& separator = "") {
    std::string text;
    for (int i = 0; i < times; ++i)
        text += (i == 0 ? "" : separator) + part;
    return text;
}

TEST_F(HostileSqlTest, EndlessWorkEndsInTime) {
    const std::string nested = [] {
        std::string text = "id";
        for (int i = 0; i < 900; ++i)
            text = "abs(" + text + ")";
        return text;
    }();
    std::vector<std::string> statements = {
        "select count(*) from range(1000000000000)",
        "select count(*) from t, range(1000000000000) r(x) where x % 7 = id",
        "select sum(x) from (select unnest(range(1000000)) as x from t, u)",
        "select count(*) from t a, t b, t c, u d where a.id + b.id + c.id + d.id = 7",
        "select a.v, count(*) from t a, u b, t c where a.id * b.id > c.id group by a.v",
        "select * from t a, u b, t c order by a.id * b.id * c.id, a.v || b.v",
        "select count(distinct a.id * b.id + c.id) from t a, u b, t c",
        "with recursive r(n) as (select 1 union all select n + 1 from r) select max(n) from r",
        "with recursive r(n) as (select id from t union all select n + 1 from r) select count(*) from r",
        "with recursive r as (select id, v from t union all select r.id + 1, r.v || r.v from r) select "
        "max(v) from r",
        "select repeat('x', 1000000000)",
        "select repeat(v, 1000000000) from t",
        "select lpad(v, 2000000000, 'x') from t",
        "select sum(length(repeat(v, 90000))) from t",
        "select max(length(repeat(v, 100000) || repeat(v, 200000))) from t, u",
        "select string_agg(repeat(a.v, 10000), '') from t a, u b",
        "select list(a.v || b.v) from t a, u b",
        "select len(range(1000000000))",
        "select range(id * 1000000000) from t",
        "select list_resize([1], 2000000000)",
        "select list_sum(list_transform(range(1000000), x -> list_sum(list_transform(range(1000000), y -> x "
        "* y)))) from t",
        "select list_reduce(range(1000000), (a, b) -> a + list_sum(range(1000000)))",
        "select [x for x in range(1000000) if list_contains(range(1000000), x)]",
        "select printf('%1000000000d', id) from t",
        "select format('{:1000000000d}', id) from t",
        "select regexp_matches(repeat('a', 100000), '(a*)*b') from t",
        "select levenshtein(repeat(v, 300), repeat(v, 200)) from t",
        "select power(10, 400)::varchar, factorial(10000)",
        "select 9223372036854775807 + id from t",
        "select bitstring('1', 2000000000)",
        "select rpad(v, 1000001) from t",
        "select sum(sum(id) over ()) from t",
        "select quantile_cont(a.d + b.d, [0.1, 0.5]) from t a, u b, range(1000) r(x)",
        "select mode(a.id * b.id) from t a, u b, range(1000) r(x)",
        "select a.id, row_number() over (order by a.id * b.id) from t a, u b, range(100) r(x)",
        "select count(*) from t where exists (select 1 from u a, u b, u c where a.id + b.id + c.id = t.id - "
        "100000)",
        "select id from t union select a.id * b.id from t a, u b, range(1000) union select 1",
        "select count(*) from t group by cube (id, v, d, id + 1, id + 2, id + 3, id + 4, id + 5, id + 6, id "
        "+ 7)",
        "explain select count(*) from t a, t b, t c, t d, t e, t f, t g, t h, t i, t j, t k, t l",
        "select " + nested + " from t",
        "select count(*) from t where " + nested + " > 3",
        "select " + repeated("(", 5000) + "1" + repeated(")", 5000),
        "select " + repeated("-", 50000) + "1",
        "select " + repeated("not ", 50000) + "true",
        "select 1" + repeated(" + 1", 100000),
        "select * from " + repeated("(select * from ", 3000) + "t" + repeated(")", 3000),
        repeated("select id from t", 5000, " union all "),
        "select " + repeated("id", 20000, ", ") + " from t",
        "select count(*) from " + repeated("t", 500, " natural join "),
        "select case " + repeated("when id = 1 then 2 ", 20000) + "end from t",
        "select * from t where v = '" + std::string(3'000'000, 'x') + "'",
        "select \"" + std::string(1'000'000, 'y') + "\" from t",
        "select count(*) from t where " + repeated("id = 1", 100000, " or "),
        "select " + repeated("[", 5000) + repeated("]", 5000),
        "select " + repeated("{'a': ", 2000) + "1" + repeated("}", 2000),
        "select /* " + std::string(2'000'000, '*') + " */ 1 from",
        std::string(1'000'000, '('),
        "with " + repeated("a as (select 1)", 5000, ", ") + " select 1",
        "select count(*) over (" + repeated("partition by id", 100, " ") + ") from t"};
    for (const int elements : {200'000, 1'000'000}) {
        std::string list = "select count(*) from t where id in (0";
        for (int i = 1; i < elements; ++i)
            list += "," + std::to_string(i);
        statements.push_back(list + ")");
    }
    EXPECT_GE(statements.size(), 60u);
    for (const auto& statement : statements) {
        auto client = cluster().connect(seconds(120));
        const auto started = Clock::now();
        try {
            client.request(limited(statement));
        } catch (const TransportError&) {  // a reply that cannot be finished ends the connection
        }
        const auto took = Clock::now() - started;
        EXPECT_LT(took, std::chrono::milliseconds(kTimeoutMs) + kSlack)
            << statement.substr(0, 200) << " took " << std::chrono::duration_cast<seconds>(took).count()
            << " s";
        expect_serving(statement);
        if (HasFatalFailure()) return;
    }
    for (std::size_t i = 0; i < cluster().slave_count(); ++i)
        EXPECT_LT(cluster().slave(i).resident_bytes(), std::uint64_t{3} << 30);
    EXPECT_LT(cluster().master().resident_bytes(), std::uint64_t{3} << 30);
}

}  // namespace
}  // namespace dl::test
