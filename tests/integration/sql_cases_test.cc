// SELECTs that once took the engine down, hung it or were answered wrongly, on one slave and on three, over
// rows of the tail and over compacted files: each gives what DuckDB gives over one copy, or the right error,
// and the next statement works.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"
#include "tests/support/tail_and_files.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::string times(std::string_view text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i)
        out += text;
    return out;
}

class SqlCasesTest : public ClusterTest, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        start({.slaves = GetParam()});
        auto client = connect();
        must(client, sql("create table t(id int primary key, g string, v int, s string, p string) "
                         "partition.number = 6"));
        auto data = json::array();
        for (int i = 1; i <= 20; ++i) {
            data.push_back({{"id", i},
                            {"g", i % 2 == 0 ? "even" : "odd"},
                            {"v", i % 4 == 0 ? json() : json(i)},
                            {"s", i == 13      ? "perhaps"
                                  : i % 2 == 0 ? "true"
                                               : "false"},
                            {"p", i == 13 ? "(" : "e"}});
        }
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    }

    // Frames as they came, one a line.
    std::string answer(const std::string& statement) {
        auto client = connect();
        std::string lines;
        for (const auto& frame : must(client, query(statement)).frames)
            lines += (lines.empty() ? "" : "\n") + frame;
        return lines;
    }
    std::string refusal(const std::string& statement, std::string_view code) {
        auto client = connect();
        const auto text = must_fail(client, query(statement), code);
        for (const char* inside : {"dl_", "/work", ".cpp", "Stack Trace", "0x"})
            EXPECT_THAT(text, Not(HasSubstr(inside))) << statement;
        EXPECT_EQ(value(client, "select count(*) from t"), 20) << "after " << statement.substr(0, 200);
        return text;
    }
};

TEST_P(SqlCasesTest, WhatTookTheEngineDownIsAnswered) {
    EXPECT_EQ(
        answer("select id, string_agg(g, ',') over () = repeat('x', 0) as e from t order by id limit 2"),
        "{\"id\":1,\"e\":false}\n{\"id\":2,\"e\":false}");
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(answer("select lag(s,10,'x') over () as l from (values ('a'),(NULL)) t(s)"),
                  "{\"l\":\"x\"}\n{\"l\":\"x\"}");
    }
    const std::string deep = "(repeat('[',100000) || repeat(']',100000))";
    EXPECT_THAT(refusal("select json_structure(" + deep + ")", "QUERY_ERROR"), HasSubstr("recursion depth"));
    refusal("select " + deep + "::json::variant", "NOT_SUPPORTED");
    refusal("select json_contains(" + deep + ", " + deep + ")", "LIMIT_EXCEEDED");
    refusal("select json_transform('1', " + deep + ")", "LIMIT_EXCEEDED");
    EXPECT_EQ(answer("select length(json_merge_patch(" + deep + ", '{\"a\":1}')::varchar) as n"),
              "{\"n\":7}");
    EXPECT_EQ(answer("select json_keys('{\"a\":1}', '$.*') is null as k from t limit 1"), "{\"k\":false}");
    EXPECT_EQ(answer("select count(*) as n from (select fill(v order by id) over (partition by g order by "
                     "id) from t)"),
              "{\"n\":20}");
    EXPECT_EQ(answer("select count(*) as n from (select lead(id order by id) over (order by v rows between 3 "
                     "following "
                     "and 1 following) from t)"),
              "{\"n\":20}");
    EXPECT_EQ(answer("select count(*) as n from t a asof join t b on a.v = b.v and a.id >= b.id and false"),
              "{\"n\":0}");
    EXPECT_EQ(answer("select " + times("(select ", 60) + "1" + times(")", 60) + " as one"), "{\"one\":1}");
    EXPECT_EQ(
        answer("select count(*) as n from (select 1 where repeat('a',100000) glob repeat('*a',5000)||'b')"),
        "{\"n\":0}");
    refusal("select repeat('9',1000000)::bignum", "NOT_SUPPORTED");
}

TEST_P(SqlCasesTest, NullMatchesNothingInAnAsofJoin) {
    tail_and_files(connect(), "t", [&] {
        EXPECT_EQ(answer("select count(*) as n from t a asof join t b on a.g = b.g and a.v >= b.v"),
                  "{\"n\":15}");
        EXPECT_EQ(
            answer(
                "select count(*) as n from t a asof left join t b on a.g = b.g and a.v >= b.v where b.id is "
                "null"),
            "{\"n\":5}");
    });
}

TEST_P(SqlCasesTest, ErrorsOfSingleRowsAreNotSwallowed) {
    tail_and_files(connect(), "t", [&] {
        EXPECT_THAT(refusal("select count(*) from t where s::boolean", "QUERY_ERROR"), HasSubstr("perhaps"));
        EXPECT_THAT(refusal("select id from t where s::boolean and v > 0", "QUERY_ERROR"),
                    HasSubstr("perhaps"));
        EXPECT_THAT(refusal("select id from t where regexp_matches(s, p)", "QUERY_ERROR"),
                    HasSubstr("missing )"));
        EXPECT_THAT(refusal("select a.id from t a join t b on a.id = b.id where a.s::boolean", "QUERY_ERROR"),
                    HasSubstr("perhaps"));
        EXPECT_THAT(refusal("select g, sum(s::int) from t group by g", "QUERY_ERROR"),
                    HasSubstr("Could not convert"));
        EXPECT_EQ(answer("select count(*) as n from t where id <> 13 and try_cast(s as boolean)"),
                  "{\"n\":10}");
    });
}

TEST_P(SqlCasesTest, ARowThatFitsNoFrameIsRefused) {
    EXPECT_THAT(refusal("select repeat(repeat(chr(1),1000000),100) as s", "LIMIT_EXCEEDED"),
                HasSubstr("row"));
}

TEST_P(SqlCasesTest, JsonOfTheEngineIsJsonOrAnError) {
    for (const char* statement :
         {"select '[1,2,]'::JSON as j", "select 'NaN'::JSON as j", "select to_json('nan'::double) as j",
          "select ['inf'::float] as j", "select {'a': 'nan'::double} as j", "select json('Infinity') as j"})
        EXPECT_THAT(refusal(statement, "QUERY_ERROR"), HasSubstr("not valid JSON"));
    EXPECT_EQ(answer("select '[1,{\"a\":null}]'::JSON as j, [1.5] as l, 'x' as s"),
              "{\"j\":[1,{\"a\":null}],\"l\":[1.5],\"s\":\"x\"}");
}

TEST_P(SqlCasesTest, NamesOfOursHideNothing) {
    EXPECT_EQ(answer("with dl_fragment_1 as (select 99 as dl_p0) select count(*) as n from t"), "{\"n\":20}");
    EXPECT_EQ(answer("with DL_FRAGMENT_1 as (select 99 as dl_p0) select count(*) as n from t where v > 100"),
              "{\"n\":0}");
    EXPECT_EQ(
        answer("with dl_broadcast_1 as (select 1) select count(*) as n from t a join t b on a.id = b.id"),
        "{\"n\":20}");
    EXPECT_EQ(answer("select sum(id) as dl_p0, g as dl_g0 from t group by dl_g0 order by dl_p0"),
              "{\"dl_p0\":100,\"dl_g0\":\"odd\"}\n{\"dl_p0\":110,\"dl_g0\":\"even\"}");
    EXPECT_EQ(answer("select alias(g), count(*) as n from t group by g order by g limit 1"),
              "{\"alias(g)\":\"g\",\"n\":10}");
}

TEST_P(SqlCasesTest, NamesAreFoldedTheSameWayEverywhere) {
    auto client = connect();
    must(client, sql("create table ÄPFEL(ID int primary key, ЦЕНА int, Straße string) partition.number = 3"));
    must(client, json{{"batch_insert",
                       {{"table_name", "äpfel"},
                        {"data", {{{"id", 1}, {"цена", 7}, {"straße", "a"}}, {{"id", 2}, {"цена", 8}}}}}}}
                     .dump());
    for (const char* table : {"ÄPFEL", "äpfel", "Äpfel", "\"ÄPFEL\""}) {
        const std::string from = std::string(" from ") + table;
        EXPECT_EQ(answer("select ЦЕНА" + from + " where ID = 1"), "{\"цена\":7}");
        EXPECT_EQ(answer("select sum(Цена) as n" + from), "{\"n\":15}");
        EXPECT_EQ(answer("select count(*) as n" + from + " Ä where Ä.ЦЕНА > 7"), "{\"n\":1}");
        EXPECT_EQ(answer("select id" + from + " where id = 2"), "{\"id\":2}");
        EXPECT_EQ(answer("select id" + from + " order by ЦЕНА desc limit 1"), "{\"id\":2}");
        EXPECT_EQ(answer("with b as (select цена x" + from + ") select sum(x) as n from b"), "{\"n\":15}");
    }
}

TEST_P(SqlCasesTest, ErrorsSpeakOfTheStatementThatWasSent) {
    EXPECT_THAT(refusal("select count(*) from t where v < 1e309", "QUERY_ERROR"), HasSubstr("1e309"));
    for (const char* statement :
         {"select g, sum((s || v)::int) from t group by g", "select max(s::int) from t where id > 0",
          "select a.g, count(*) from t a join t b on a.id = b.id where b.s::int > 3 group by a.g",
          "select s::int as number from t order by id limit 15", "select distinct s::date from t",
          "select [s::int] from t where id = 13", "select id from t where nope = 3"}) {
        const auto text = refusal(statement, "QUERY_ERROR");
        const auto quote = text.find("LINE 1: ");
        if (quote != std::string::npos) {
            const auto begin = text.find_first_not_of(". ", quote + 8);
            EXPECT_THAT(statement, HasSubstr(text.substr(begin, 12))) << text;
        }
    }
}

TEST_P(SqlCasesTest, WhatWasRefusedThoughItIsHarmless) {
    EXPECT_EQ(
        answer("select lpad(g, 5 + 3, ' ') as l, s.upper() as u, t.g.length() as n from main.t where id = 2"),
        "{\"l\":\"    even\",\"u\":\"TRUE\",\"n\":4}");
    EXPECT_EQ(answer("select sum(e.value::int) as n from t, json_each('[1,2]') e"), "{\"n\":60}");
    EXPECT_EQ(answer("select count(*) as n from main.t a join t b using (id)"), "{\"n\":20}");
    EXPECT_EQ(answer("with t as (select 1 as x) select count(*) as n from main.t"), "{\"n\":20}");
}

TEST_P(SqlCasesTest, ValuesLookAsDuckDbPrintsThem) {
    EXPECT_EQ(
        answer(
            "select 'infinity'::date as a, '-infinity'::date as b, '0044-03-15 (BC)'::date as c, "
            "'infinity'::timestamp as d, '-infinity'::timestamp as e, '0044-03-15 (BC) 10:00:00'::timestamp "
            "as f"),
        "{\"a\":\"infinity\",\"b\":\"-infinity\",\"c\":\"-0043-03-15\",\"d\":\"infinity\",\"e\":"
        "\"-infinity\",\"f\":\"-0043-03-15 10:00:00\"}");
    EXPECT_EQ(answer("select row(1, 2) as r, {'a': row(1, 'x')} as n"),
              "{\"r\":[1,2],\"n\":{\"a\":[1,\"x\"]}}");
}

INSTANTIATE_TEST_SUITE_P(Slaves, SqlCasesTest, ::testing::Values(1, 3),
                         [](const auto& test) { return std::to_string(test.param) + "Slaves"; });

}  // namespace
}  // namespace dl::test
