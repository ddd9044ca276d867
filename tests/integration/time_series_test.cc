// Buckets of time with gaps in them: time_bucket_gapfill(), locf() and interpolate(), on one slave and on
// three, over the tail and over files.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"
#include "tests/support/tail_and_files.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class TimeSeriesTest : public ClusterTest, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        start({.slaves = GetParam()});
        auto client = connect();
        must(client,
             sql("create table t(id int primary key, device string, v double, n int, ts timestamp, day "
                 "date) partition.number = 6"));
        must(
            client,
            sql("insert into t values (1, 'a', 1, 10, '2024-01-01 00:10:00', '2024-01-01'), (2, 'a', 3, 20, "
                "'2024-01-01 00:50:00', '2024-01-01'), (3, 'a', 8, 30, '2024-01-01 03:00:00', '2024-01-03'), "
                "(4, 'b', null, 40, '2024-01-01 01:30:00', '2024-01-03'), (5, 'b', 5, 50, "
                "'2024-01-01 04:59:59.999999', '2024-01-05'), (6, 'c', 9, 60, '2024-01-02 00:00:00', null)"));
    }
    // One row a line, values with blanks between.
    std::string answer(const std::string& statement) {
        auto client = connect();
        std::string lines;
        for (const auto& frame : must(client, query(statement)).frames) {
            std::string line;
            const auto row = nlohmann::ordered_json::parse(frame);
            for (const auto& value : row)
                line +=
                    (line.empty() ? "" : " ") + (value.is_string() ? value.get<std::string>() : value.dump());
            lines += (lines.empty() ? "" : "\n") + line;
        }
        return lines;
    }
};

constexpr const char* kDay = "where ts >= timestamp '2024-01-01' and ts < timestamp '2024-01-01 06:00:00' ";

TEST_P(TimeSeriesTest, EveryBucketOfEveryGroupComes) {
    tail_and_files(connect(), "t", [&] {
        EXPECT_EQ(answer(std::string(
                             "select strftime(time_bucket_gapfill('1 hour', ts), '%H') as h, device, avg(v), "
                             "locf(avg(v)), interpolate(avg(v)), count(*) as c from t ") +
                         kDay + "group by time_bucket_gapfill('1 hour', ts), device order by device, h"),
                  "00 a 2 2 2 2\n01 a null 2 4 null\n02 a null 2 6 null\n03 a 8 8 8 1\n"
                  "04 a null 8 null null\n05 a null 8 null null\n"
                  "00 b null null null null\n01 b null null null 1\n02 b null null null null\n"
                  "03 b null null null null\n04 b 5 5 5 1\n05 b null 5 null null");
        // A group by its place, its name or all of them; aliases; the rest of the statement.
        for (const char* groups : {"1", "hour", "all"})
            EXPECT_EQ(
                answer(std::string("select time_bucket_gapfill(interval 2 hour, ts) as hour, sum(n) as s, "
                                   "coalesce(sum(n), 0) + 1 as z from t ") +
                       kDay + "group by " + groups + " order by hour desc limit 2"),
                "2024-01-01 04:00:00 50 51\n2024-01-01 02:00:00 30 31")
                << groups;
    });
}

TEST_P(TimeSeriesTest, TheRangeIsThatOfTheStatement) {
    const auto buckets = [&](const std::string& where, const std::string& call = "'1 hour', ts") {
        return answer(
            "select count(*) as n, strftime(min(b), '%d %H') as a, strftime(max(b), '%d %H') as z from "
            "(select "
            "time_bucket_gapfill(" +
            call + ") as b, count(*) from t " + where + " group by b)");
    };
    EXPECT_EQ(buckets("where ts between '2024-01-01 01:30:00' and '2024-01-01 05:00:00'"), "5 01 01 01 05");
    EXPECT_EQ(buckets("where ts >= '2024-01-01 01:30:00' and '2024-01-01 05:00:00' > t.ts and n > 0"),
              "4 01 01 01 04");
    EXPECT_EQ(buckets("where ts > '2024-01-01 00:59:59.999999' and ts <= '2024-01-01 05:00:00'"),
              "5 01 01 01 05");
    EXPECT_EQ(buckets("", "'1 hour', ts, timestamp '2024-01-01', timestamp '2024-01-01 02:00:00'"),
              "5 01 00 02 00")
        << "what is given filters no rows";
    EXPECT_EQ(
        buckets("where ts < '2024-01-01 02:00:00'", "'1 hour', ts, start => timestamp '2023-12-31 22:00:00'"),
        "4 31 22 01 01");
    EXPECT_EQ(buckets("where ts >= now() - interval 3 hour and ts < now()").substr(0, 1), "4")
        << "no rows at all";
    EXPECT_EQ(
        answer(
            "select time_bucket_gapfill('1 day', day) as d, locf(count(*)) from t where day >= '2024-01-01' "
            "and day <= '2024-01-05' group by d order by d"),
        "2024-01-01 00:00:00 2\n2024-01-02 00:00:00 2\n2024-01-03 00:00:00 2\n2024-01-04 00:00:00 2\n"
        "2024-01-05 00:00:00 1");
    EXPECT_EQ(
        answer(
            "select time_bucket_gapfill('1 month', ts) as m, sum(n) from t where ts >= '2023-12-15' and ts < "
            "'2024-02-01' group by m order by m"),
        "2023-12-01 00:00:00 null\n2024-01-01 00:00:00 210");
}

TEST_P(TimeSeriesTest, ValuesAreCarriedAsTheyAreAskedFor) {
    const auto of_b = [&](const std::string& value) {
        return answer("select " + value +
                      " as x from t where device = 'b' and ts >= '2024-01-01' and ts < '2024-01-01 "
                      "06:00:00' group by time_bucket_gapfill('1 hour', ts) order by time_bucket_gapfill('1 "
                      "hour', ts)");
    };
    EXPECT_EQ(of_b("locf(avg(v))"), "null\nnull\nnull\nnull\n5\n5");
    EXPECT_EQ(of_b("locf(avg(v), -1)"), "-1\nnull\nnull\nnull\n5\n5") << "a NULL of rows is a value";
    EXPECT_EQ(of_b("locf(avg(v), -1, true)"), "-1\n-1\n-1\n-1\n5\n5");
    EXPECT_EQ(of_b("locf(avg(v), treat_null_as_missing => true)"), "null\nnull\nnull\nnull\n5\n5");
    EXPECT_EQ(of_b("interpolate(sum(n))"), "null\n40\n43.333333333333336\n46.666666666666664\n50\nnull");
    EXPECT_EQ(of_b("round(locf(sum(n)) / 2.0, 1)"), "null\n20\n20\n20\n25\n25");
    // Beside other things that a SELECT may have.
    EXPECT_EQ(
        answer("with u as (select * from t where device = 'a') select h, x from (select "
               "time_bucket_gapfill('1 hour', u.ts) as h, locf(last(v, ts)) as x from u where u.ts >= "
               "'2024-01-01' "
               "and u.ts < '2024-01-01 03:00:00' group by h having count(*) > 1) where x > 0 order by h"),
        "2024-01-01 00:00:00 3\n2024-01-01 01:00:00 3\n2024-01-01 02:00:00 3");
    auto client = connect();
    must(client, sql("create view hourly as select time_bucket_gapfill('1 hour', ts) as h, count(*) as n "
                     "from t where ts "
                     ">= '2024-01-01' and ts < '2024-01-01 06:00:00' group by h"));
    EXPECT_EQ(answer("select count(*), sum(n) from hourly"), "6 5");
    must(client, sql("create table filled primary key (h) as select h, coalesce(n, 0) as n from hourly"));
    EXPECT_EQ(answer("select count(*), sum(n) from filled"), "6 5");
    EXPECT_EQ(
        json::parse(
            must(client, query("select time_bucket_gapfill('1 day', ts), locf(sum(n)) from t where ts >= "
                               "'2024-01-01' and ts < '2024-01-02' group by 1"))
                .frames.at(0)),
        (json{{"time_bucket_gapfill('1 day', ts)", "2024-01-01 00:00:00"}, {"locf(sum(n))", 150}}));
    EXPECT_THAT(must_fail(client, query("select time_bucket_gapfill('1 hour', ts) as h from t group by h"),
                          "NOT_SUPPORTED"),
                HasSubstr("begin and end"));
}

INSTANTIATE_TEST_SUITE_P(Slaves, TimeSeriesTest, ::testing::Values(1, 3),
                         [](const auto& test) { return std::to_string(test.param) + "Slaves"; });

}  // namespace
}  // namespace dl::test
