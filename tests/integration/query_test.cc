// SELECT as users write it, and everything that must be refused.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

class QueryTest : public ClusterTest {
  protected:
    void SetUp() override {
        start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
        auto client = connect();
        must(client, sql("create table orders(id int primary key, customer int, amount decimal(10,2), placed "
                         "date, note string) "
                         "partition.number = 4"));
        must(client, sql("create table customers(id int primary key, name string, country string) "
                         "partition.number = 2"));
        auto orders = json::array(), customers = json::array();
        for (int i = 0; i < 4000; ++i)
            orders.push_back({{"id", i},
                              {"customer", i % 100},
                              {"amount", std::to_string(i % 50) + ".25"},
                              {"placed", i % 2 == 0 ? "2024-01-01" : "2024-06-01"},
                              {"note", i % 3 == 0 ? json() : json("n" + std::to_string(i % 7))}});
        for (int i = 0; i < 100; ++i)
            customers.push_back(
                {{"id", i}, {"name", "c" + std::to_string(i)}, {"country", i % 4 == 0 ? "PL" : "CN"}});
        must(client, json{{"batch_insert", {{"table_name", "orders"}, {"data", orders}}}}.dump());
        must(client, json{{"batch_insert", {{"table_name", "customers"}, {"data", customers}}}}.dump());
    }
    std::vector<std::string> lines(const std::string& select) {
        auto client = connect();
        return must(client, query(select)).frames;
    }
};

TEST_F(QueryTest, ShapesOfSelect) {
    EXPECT_THAT(lines("select 1 as one, 'a' as a, null as n, true as t, 1.5 as f"),
                ElementsAre(R"({"one":1,"a":"a","n":null,"t":true,"f":1.5})"));
    EXPECT_THAT(lines("select id, note from orders where id in (3, 4) order by id desc"),
                ElementsAre(R"({"id":4,"note":"n4"})", R"({"id":3,"note":null})"));
    EXPECT_THAT(
        lines("select count(*) as n, min(id) as lo, max(id) as hi from orders where placed = '2024-06-01'"),
        ElementsAre(R"({"n":2000,"lo":1,"hi":3999})"));
    EXPECT_THAT(
        lines("select customer, count(*) as n from orders group by customer having customer < 2 order by 1"),
        ElementsAre(R"({"customer":0,"n":40})", R"({"customer":1,"n":40})"));
    EXPECT_THAT(lines("select distinct note from orders where note is not null order by note limit 2"),
                ElementsAre(R"({"note":"n0"})", R"({"note":"n1"})"));
    EXPECT_THAT(lines("select id from orders order by amount desc, id limit 2 offset 1"),
                ElementsAre(R"({"id":99})", R"({"id":149})"));
    EXPECT_THAT(lines("select avg(id) as a, sum(customer) as s from orders"),
                ElementsAre(R"({"a":1999.5,"s":198000})"));
    EXPECT_EQ(lines("select * from orders where 1 = 0").size(), 0u);
    EXPECT_EQ(lines("select * from orders").size(), 4000u);
}

TEST_F(QueryTest, JoinsSubqueriesAndCtes) {
    EXPECT_THAT(lines("select c.country, count(*) as n from orders o join customers c on o.customer = c.id "
                      "group by c.country order by n"),
                ElementsAre(R"({"country":"PL","n":1000})", R"({"country":"CN","n":3000})"));
    EXPECT_THAT(lines("select count(*) as n from orders where customer in (select id from customers where "
                      "country = 'PL')"),
                ElementsAre(R"({"n":1000})"));
    EXPECT_THAT(
        lines("with big as (select customer, count(*) as n from orders where id < 150 group by customer) "
              "select max(n) as m, min(n) as k from big"),
        ElementsAre(R"({"m":2,"k":1})"));
    EXPECT_THAT(lines("select name, (select count(*) from orders o where o.customer = c.id) as n from "
                      "customers c where c.id = 7"),
                ElementsAre(R"({"name":"c7","n":40})"));
    EXPECT_THAT(lines("select id, row_number() over (order by id desc) as r from customers qualify r <= 2"),
                ElementsAre(R"({"id":99,"r":1})", R"({"id":98,"r":2})"));
    EXPECT_THAT(lines("select id from customers where id < 2 union all select id from orders where id = 3999 "
                      "order by id"),
                ElementsAre(R"({"id":0})", R"({"id":1})", R"({"id":3999})"));
    EXPECT_THAT(lines("select a.id, b.id as other from customers a left join customers b on b.id = a.id + 99 "
                      "where a.id < 2 order by 1"),
                ElementsAre(R"({"id":0,"other":99})", R"({"id":1,"other":null})"));
}

TEST_F(QueryTest, ColumnsComeInSelectOrderWithTheirNames) {
    EXPECT_THAT(lines("select note as \"Z z\", id as a from orders where id = 1"),
                ElementsAre(R"({"Z z":"n1","a":1})"));
    EXPECT_THAT(lines("SELECT ID FROM ORDERS WHERE ID = 1;"), ElementsAre(R"({"id":1})"));
    EXPECT_THAT(lines("select o.* from orders o where o.id = 0"),
                ElementsAre(R"({"id":0,"customer":0,"amount":0.25,"placed":"2024-01-01","note":null})"));
}

TEST_F(QueryTest, NamesOfEveryScriptAreFoundInAnyCase) {
    auto client = connect();
    must(client, sql("create table äpfel(ID int primary key, ЦЕНА int, sorte string)"));
    must(client, sql("insert into ÄPFEL (id, Цена, Sorte) values (1, 30, 'Ä'), (2, 40, 'ä')"));
    EXPECT_EQ(value(client, "select sum(цена) from äpfel"), 70);
    EXPECT_EQ(value(client, "select sum(ЦЕНА) from ÄPFEL"), 70);
    EXPECT_EQ(value(client, R"(select "Цена" from "Äpfel" as Ä where Ä.ЦЕНА > 30 and sorte <> 'Ä')"), 40);
    EXPECT_EQ(value(client, "select ЦЕНА from ÄPFEL where ID = 1"), 30);
    EXPECT_EQ(rows(client, "select ID, ЦЕНА from äpfel order by ЦЕНА limit 1").at(0),
              (json{{"id", 1}, {"цена", 30}}));
    EXPECT_EQ(value(client, "select a.ЦЕНА + b.цена from ÄPFEL a join äpfel b on a.id + 1 = b.id"), 70);
}

TEST_F(QueryTest, AfterDeletesAndUpdatesOverFiles) {
    auto client = connect();
    auto data = json::array();
    for (int i = 0; i < 4000; i += 2)
        data.push_back({{"id", i}, {"crud", "delete"}});
    for (int i = 1; i < 4000; i += 4)
        data.push_back({{"id", i}, {"customer", 1000}, {"amount", "1.00"}});
    must(client, json{{"batch_insert", {{"table_name", "orders"}, {"data", data}}}}.dump());
    EXPECT_THAT(lines("select count(*) as n, count(*) filter (customer = 1000) as changed from orders"),
                ElementsAre(R"({"n":2000,"changed":1000})"));
    must(client, R"({"compress_table":"orders"})");
    EXPECT_THAT(lines("select count(*) as n, count(*) filter (customer = 1000) as changed from orders"),
                ElementsAre(R"({"n":2000,"changed":1000})"));
}

TEST_F(QueryTest, EverythingButASelectOnOurTablesIsRefused) {
    auto client = connect();
    for (const char* text : {"insert into orders values (1)",
                             "update orders set id = 1",
                             "delete from orders",
                             "drop table orders",
                             "create table x(i int)",
                             "copy orders to '/tmp/datalakedb-stolen.csv'",
                             "copy (select 1) to '/tmp/datalakedb-stolen.csv'",
                             "attach '/tmp/x.db'",
                             "set memory_limit='1GB'",
                             "pragma database_list",
                             "call pragma_version()",
                             "install httpfs",
                             "load httpfs",
                             "select * from read_csv('/etc/passwd')",
                             "select * from read_text('/etc/passwd')",
                             "select * from read_parquet('/etc/*')",
                             "select * from '/etc/passwd'",
                             "select * from glob('/etc/*')",
                             "select * from query('select 1')",
                             "select getvariable('x')",
                             "select * from duckdb_settings()",
                             "select * from information_schema.routines",
                             "select * from sqlite_master",
                             "select current_setting('memory_limit')",
                             "select getenv('HOME')",
                             "select 1; select 2",
                             "select 1; drop table orders",
                             "",
                             ";",
                             "select",
                             "select * from",
                             "select nope from orders",
                             "select * from nowhere",
                             "selec 1",
                             "export database '/tmp/x'",
                             "vacuum",
                             "checkpoint",
                             "explain analyze insert into orders values (1)",
                             "with x as (select * from read_text('/etc/passwd')) select * from x",
                             "select (select content from read_text('/etc/passwd'))",
                             "select * from orders where id in (select 1 from read_blob('/etc/passwd'))",
                             "select count(*) from orders, '/etc/passwd'",
                             "prepare p as select 1",
                             "begin",
                             "use other"}) {
        const auto reply = client.request(query(text));
        EXPECT_FALSE(reply.ok()) << text << " -> " << (reply.frames.empty() ? "no rows" : reply.frames[0]);
        EXPECT_EQ(reply.text.find('\n'), std::string::npos) << reply.text;
        // The sql statement takes DDL as well, so only what reads goes that way here.
        if (std::string_view(text).starts_with("select ")) {
            const auto by_sql = client.request(query(text).replace(2, 5, "sql"));
            EXPECT_FALSE(by_sql.ok()) << "sql: " << text;
        }
    }
    EXPECT_EQ(value(client, "select count(*) from orders"), 4000) << "the tables are as they were";
}

// A query of a client that goes away must not occupy the slave.
TEST_F(QueryTest, DisconnectCancelsTheQuery) {
    for (int i = 0; i < 8; ++i) {
        auto client = connect();
        client.send_frame(
            query("select count(*) from orders a, orders b, orders c, orders d where a.id + b.id * c.id - "
                  "d.id = -1"));
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        client.reset();
    }
    auto client = cluster().connect(std::chrono::seconds(20));
    const auto started = std::chrono::steady_clock::now();
    EXPECT_EQ(value(client, "select count(*) from orders"), 4000);
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
}

TEST_F(QueryTest, HungryQueriesEndInErrorsAndNothingElseDies) {
    auto client = cluster().connect(std::chrono::seconds(100));
    for (const char* text :
         {"select repeat('x', 1000000000) as a, repeat('y', 1000000000) as b, repeat('z', 1000000000) as c "
          "from orders",
          "select string_agg(repeat(o.note, 10000), '') from orders o, orders p",
          "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r",
          "select * from orders a, orders b order by a.id * b.id, a.note || b.note"}) {
        auto statement = json{{"query", text}, {"options", {{"timeout_ms", 4000}}}};
        try {
            client.request(statement.dump());
        } catch (const TransportError&) {  // a reply too large to finish may end the connection
            client = cluster().connect(std::chrono::seconds(100));
        }
        EXPECT_TRUE(cluster().master().alive() && cluster().slave().alive()) << text;
        EXPECT_EQ(value(client, "select count(*) from orders"), 4000) << "after " << text;
    }
    const std::string deep = "select " + std::string(20'000, '(') + "1" + std::string(20'000, ')');
    client.request(query(deep));
    std::string terms = "select 1";
    for (int i = 0; i < 50'000; ++i)
        terms += "+1";
    client.request(query(terms));
    EXPECT_TRUE(cluster().master().alive() && cluster().slave().alive());
    EXPECT_EQ(value(client, "select count(*) from orders"), 4000);
}

}  // namespace
}  // namespace dl::test
