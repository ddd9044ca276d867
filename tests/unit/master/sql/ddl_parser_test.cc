#include "master/sql/ddl_parser.h"

#include <gtest/gtest.h>

#include "tests/unit/master/sql/ddl_test_support.h"

namespace dl::master {
namespace {

using namespace test;

TEST(DdlParser, TheReadmeStatement) {
    const auto s = parsed<CreateTableStatement>(
        "create table table_name(id INT PRIMARY KEY, username string NOT NULL, age long, xingbie string "
        "default '男') "
        "partition.number = 4, replicas.number=1");
    EXPECT_EQ(s.table, "table_name");
    ASSERT_EQ(s.columns.size(), 4u);
    EXPECT_TRUE(s.columns[0].primary_key);
    EXPECT_EQ(s.columns[0].type, "INT");
    EXPECT_TRUE(s.columns[1].not_null);
    EXPECT_EQ(s.columns[3].default_text, "男");
    EXPECT_EQ(s.partitions, 4u);
    EXPECT_EQ(s.extra_copies, 1u);
}

TEST(DdlParser, TheHistoryOfATable) {
    auto s = parsed<CreateTableStatement>(
        "create table t(id int primary key) history.hours = 24, partition.number=2, "
        "history.bytes=5000000000");
    EXPECT_EQ(s.history, (TableHistory{24, 5'000'000'000}));
    EXPECT_EQ(s.partitions, 2u);
    s = parsed<CreateTableStatement>("create table t(id int primary key) with history.hours = 0");
    EXPECT_EQ(s.history, (TableHistory{0, 0}));
    EXPECT_EQ(parsed<CreateTableStatement>("create table t(id int primary key)").history, TableHistory{});
    for (const auto* options : {"history.hours = -1", "history.hours = 876001", "history.number = 3",
                                "history.hours = 1, history.hours = 2", "history = 3", "history.bytes = 1.5",
                                "history.bytes = 99999999999999999999"})
        EXPECT_TRUE(
            parse_sql_statement("create table t(id int primary key) " + std::string(options)).has_error())
            << options;
}

TEST(DdlParser, ShowOffsets) {
    EXPECT_EQ(parsed<ShowOffsetsStatement>("show offsets T").table, "T");
    EXPECT_FALSE(parsed<ShowOffsetsStatement>("show offsets t;").since_us);
    EXPECT_EQ(parsed<ShowOffsetsStatement>("show offsets t since '1970-01-01 00:00:01'").since_us, 1'000'000);
    // As before: the columns of a table of that name.
    EXPECT_EQ(parsed<DescStatement>("show offsets").table, "offsets");
    for (const auto* bad : {"show offsets t since", "show offsets t since noon",
                            "show offsets t since 'noon'", "show offsets t u", "show offsets t since 5"})
        EXPECT_TRUE(parse_sql_statement(bad).has_error()) << bad;
}

TEST(DdlParser, CreateInAllItsShapes) {
    auto s = parsed<CreateTableStatement>(
        "CREATE TABLE IF NOT EXISTS \"My T\"\"x\" (\"Order\" Decimal( 10 , 2 ) not null default -1.50 , `k` "
        "long "
        "primary key) replicas.number=0 , partition.number=2 ;");
    EXPECT_TRUE(s.if_not_exists);
    EXPECT_EQ(s.table, "My T\"x");
    EXPECT_EQ(s.columns[0].name, "Order");
    EXPECT_EQ(s.columns[0].default_text, "-1.50");
    EXPECT_TRUE(s.columns[1].primary_key);
    EXPECT_EQ(s.partitions, 2u);
    EXPECT_EQ(s.extra_copies, 0u);

    s = parsed<CreateTableStatement>(
        "create table t(\"primary\" string default 'it''s', id int, primary key(ID))");
    EXPECT_EQ(s.columns[0].name, "primary");
    EXPECT_EQ(s.columns[0].default_text, "it's");
    EXPECT_TRUE(s.columns[1].primary_key);
    EXPECT_EQ(s.partitions, 1u);

    s = parsed<CreateTableStatement>(
        "create table 城市(编号 int primary key null, a boolean default TRUE, b string default NULL, c "
        "string default Word) "
        "-- done\n partition.number=3");
    EXPECT_EQ(s.table, "城市");
    EXPECT_EQ(s.columns[0].name, "编号");
    EXPECT_EQ(s.columns[1].default_text, "true");
    EXPECT_FALSE(s.columns[2].default_text.has_value());
    EXPECT_EQ(s.columns[3].default_text, "Word");
}

TEST(DdlParser, CreateRefusedWithAReason) {
    expect_refused("create table t(id int)", "no primary key");
    expect_refused("create table t(a int primary key, b int primary key)", "exactly one");
    expect_refused("create table t(a int primay key)", "did you mean 'primary'");
    expect_refused("create table t(a int primary key) partition.number = 0", "1..4096");
    expect_refused("create table t(a int primary key) partition.number = 4097", "1..4096");
    expect_refused("create table t(a int primary key) partition.number = -1", "position 54");
    expect_refused("create table t(a int primary key) partition.number=1, partition.number=2", "only once");
    expect_refused("create table t(a int primary key) partitoin.number = 1", "partition.number");
    expect_refused("create table t(a itn primary key)", "position 18");
    expect_refused("create table t(a int primary key", "end of the statement");
    expect_refused("create table t(a int primary key) x", "near 'x'");
    expect_refused("create table (a int primary key)", "a table name");
    expect_refused("create table t(a string default 'x primary key)", "position 33 is not closed");
    expect_refused("create table t()", "a column name");
    expect_refused("create table t(a int, primary key(b))", "no column");
    expect_refused("create table t(a int, b int, primary key(a, b))", "exactly one");
    expect_refused("create table 1t(a int primary key)", "do not start with a digit");
    expect_refused("create tabel t(a int primary key)", "did you mean 'table'");
}

TEST(DdlParser, Drop) {
    EXPECT_EQ(parsed<DropTableStatement>("drop table_name").table, "table_name");
    EXPECT_EQ(parsed<DropTableStatement>("DROP TABLE T;").table, "T");
    EXPECT_EQ(parsed<DropTableStatement>("drop table").table, "table");
    auto s = parsed<DropTableStatement>("drop table if exists \"x y\"");
    EXPECT_TRUE(s.if_exists);
    EXPECT_EQ(s.table, "x y");
    EXPECT_FALSE(parsed<DropTableStatement>("drop table t").if_exists);
    expect_refused("drop", "a table name");
    expect_refused("drop table a b", "near 'b'");
}

TEST(DdlParser, AlterAsTheJavaClientSendsIt) {
    auto add = parsed<AlterAddStatement>("ALTER TABLE table_name ADD column string DEFAULT test");
    EXPECT_EQ(add.column.name, "column");
    EXPECT_EQ(add.column.type, "string");
    EXPECT_EQ(add.column.default_text, "test");
    add = parsed<AlterAddStatement>("ALTER TABLE table_name ADD column string");
    EXPECT_EQ(add.column.name, "column");
    EXPECT_FALSE(add.column.default_text.has_value());
    add = parsed<AlterAddStatement>("ALTER TABLE t ADD c timestamp DEFAULT 2024-01-31 12:00:00");
    EXPECT_EQ(add.column.default_text, "2024-01-31 12:00:00");
    add = parsed<AlterAddStatement>("ALTER TABLE t ADD c string DEFAULT it's so ;");
    EXPECT_EQ(add.column.default_text, "it's so");
    EXPECT_EQ(parsed<AlterDropStatement>("ALTER TABLE table_name OROP column").column, "column");
}

TEST(DdlParser, Alter) {
    auto add = parsed<AlterAddStatement>("alter table t add column c decimal(10,2) default '1' not null;");
    EXPECT_EQ(add.column.name, "c");
    EXPECT_EQ(add.column.type, "decimal(10,2)");
    EXPECT_EQ(add.column.default_text, "1");
    EXPECT_TRUE(add.column.not_null);
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add column int int").column.name, "int");
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add column \"c d\" int").column.name, "c d");
    add = parsed<AlterAddStatement>("alter table t add c int default 5 not null");
    EXPECT_EQ(add.column.default_text, "5");
    EXPECT_TRUE(add.column.not_null);
    EXPECT_FALSE(
        parsed<AlterAddStatement>("alter table t add c int default null").column.default_text.has_value());
    EXPECT_EQ(parsed<AlterDropStatement>("alter table t drop column c").column, "c");
    EXPECT_EQ(parsed<AlterDropStatement>("alter table t drop c").column, "c");
    add = parsed<AlterAddStatement>("alter table t add column if not exists x int");
    EXPECT_EQ(add.column.name, "x");
    EXPECT_TRUE(add.if_not_exists);
    EXPECT_TRUE(parsed<AlterAddStatement>("alter table t add if not exists x int default 1").if_not_exists);
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add if int").column.name, "if");
    EXPECT_TRUE(parsed<AlterDropStatement>("alter table t drop column if exists c").if_exists);
    EXPECT_EQ(parsed<AlterDropStatement>("alter table t drop if exists c").column, "c");
    EXPECT_EQ(parsed<AlterDropStatement>("alter table t drop if").column, "if");
    EXPECT_EQ(parsed<DescStatement>("show t;").table, "t");
    parsed<ShowTablesStatement>("show tables");
    parsed<ShowTablesStatement>("show table;");
    expect_refused("show", "tables, columns, create, orphans");
    expect_refused("show me the tables", "tables, columns, create, orphans");
    EXPECT_EQ(parsed<ShowColumnsStatement>("show columns from t;").table, "t");
    EXPECT_EQ(parsed<ShowCreateStatement>("SHOW CREATE TABLE \"T x\"").table, "T x");
    expect_refused("show columns", "expected from");
    EXPECT_EQ(parsed<ShowCreateStatement>("show create view v").table, "v");
    expect_refused("show create index i", "expected table");
    parsed<SelectStatement>("unpivot t on a, b");
    parsed<SelectStatement>("pivot t on a");
    expect_refused("alter table t ad c int", "did you mean 'add'");
    expect_refused("alter table t add c", "a type");
    expect_refused("alter table t add c int default", "a default value");
    expect_refused("alter table t frob x", "add, drop, orop");
}

TEST(DdlParser, TypesOfSeveralWords) {
    const auto s = parsed<CreateTableStatement>(
        "create table t(id bigint primary key, a double precision not null, b character varying(20) default "
        "'x', c timestamp(3) with time zone, d timestamp with time zone, e time without time zone, f "
        "varchar(max)) with partition.number = 2");
    std::vector<std::string> types;
    for (const auto& column : s.columns)
        types.push_back(column.type);
    EXPECT_EQ(types, (std::vector<std::string>{"bigint", "double precision", "character varying(20)",
                                               "timestamp(3) with time zone", "timestamp with time zone",
                                               "time without time zone", "varchar(max)"}));
    EXPECT_TRUE(s.columns[1].not_null);
    EXPECT_EQ(s.partitions, 2u);
    for (const char* type : {"int unsigned", "int[]", "int[3]", "enum('a', 'b')", "struct(a int, b text)",
                             "interval", "hugeint", "map(text, int)"})
        expect_refused("create table t(id int primary key, a " + std::string(type) + " not null)",
                       "the nearest is");
    expect_refused("create table t(id int primary key, a varchar(20)", "')'");
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add column c varchar(3)").column.name, "c");
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add column double precision").column.name, "column");
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add column smallint smallint").column.name,
              "smallint");
    expect_refused("alter table t add column c strin", "did you mean 'string'?");
}

TEST(DdlParser, AlterColumnsAndHistory) {
    auto rename = parsed<AlterColumnStatement>("alter table t rename column \"A b\" to c;");
    EXPECT_EQ(rename.column, "A b");
    EXPECT_EQ(std::get<RenameTo>(rename.change).name, "c");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t rename a to b").column, "a");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t rename column to b").column, "column");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t rename column column to b").column, "column");
    expect_refused("alter table t rename to x", "a table keeps its name");
    expect_refused("alter table t rename a", "expected to");
    auto set = parsed<AlterColumnStatement>("alter table t alter column a set default 'x y'");
    EXPECT_EQ(std::get<SetDefault>(set.change).text, "x y");
    set = parsed<AlterColumnStatement>("alter table t alter a set default null");
    EXPECT_FALSE(std::get<SetDefault>(set.change).text);
    set = parsed<AlterColumnStatement>("alter table t alter a drop default;");
    EXPECT_FALSE(std::get<SetDefault>(set.change).text);
    for (const char* sql : {"alter table t alter a type varchar(20)", "alter table t modify a varchar(20)",
                            "alter table t alter column a set data type varchar(20)",
                            "alter table t modify column a varchar(20)"}) {
        const auto type = parsed<AlterColumnStatement>(sql);
        EXPECT_EQ(type.column, "a") << sql;
        EXPECT_EQ(std::get<SetType>(type.change).type, "varchar(20)") << sql;
    }
    expect_refused("alter table t alter a set not null", "not null default");
    expect_refused("alter table t alter a", "set default");
    const auto history =
        parsed<AlterHistoryStatement>("alter table t set history.hours = 5, history.bytes=7");
    EXPECT_EQ(history.hours, 5u);
    EXPECT_EQ(history.bytes, 7u);
    EXPECT_FALSE(parsed<AlterHistoryStatement>("alter table t set (history.hours = '5')").bytes);
    expect_refused("alter table t set history.hours = 5, history.hours = 6", "only once");
    expect_refused("alter table t set history.hours = 876001", "0..876000");
    expect_refused("alter table t set partition.number = 5", "stay as the table was made");
}

TEST(DdlParser, Views) {
    const auto v = parsed<CreateViewStatement>(
        "create or replace view V(a, \"B c\") as with x as (select 1) "
        "select * from x;");
    EXPECT_EQ(v.name, "V");
    EXPECT_TRUE(v.or_replace);
    EXPECT_EQ(v.columns, (std::vector<std::string>{"a", "B c"}));
    EXPECT_EQ(v.sql, "with x as (select 1) select * from x");
    EXPECT_TRUE(parsed<CreateViewStatement>("create view if not exists v as select 1").if_not_exists);
    EXPECT_EQ(parsed<DropViewStatement>("drop view v;").name, "v");
    EXPECT_TRUE(parsed<DropViewStatement>("drop view if exists v").if_exists);
    EXPECT_EQ(parsed<DropTableStatement>("drop view").table, "view");
    EXPECT_TRUE(parsed<CreateTableStatement>("create or replace table t(id int primary key)").or_replace);
    expect_refused("create or replace view if not exists v as select 1", "or replace");
    expect_refused("create view v as drop table t", "expected select");
    expect_refused("create view v", "expected as");
    expect_refused("create or view v as select 1", "expected replace");
    expect_refused("create or replace table t primary key(id) as select 1 as id", "drop table if exists t");
}

TEST(DdlParser, OneWordStatements) {
    EXPECT_EQ(parsed<DescStatement>("desc table_name").table, "table_name");
    EXPECT_EQ(parsed<DescStatement>(" DESCRIBE t ; ").table, "t");
    parsed<ShowTablesStatement>("show_table");
    parsed<ShowTablesStatement>("SHOW TABLES;");
    EXPECT_EQ(parsed<MaxOffsetStatement>("MAX_OFFSET t").table, "t");
    EXPECT_EQ(parsed<CompressStatement>("compress table_name").table, "table_name");
    EXPECT_EQ(parsed<CheckStatement>("check table t").table, "t");
    EXPECT_FALSE(parsed<CheckStatement>("check t;").repair);
    EXPECT_TRUE(parsed<CheckStatement>("CHECK TABLE t REPAIR;").repair);
    EXPECT_EQ(parsed<CheckStatement>("check table").table, "table");
    const auto loss = parsed<AcceptLossStatement>("ACCEPT LOSS OF TABLE t PARTITION 3;");
    EXPECT_EQ(loss.table, "t");
    EXPECT_EQ(loss.partition, 3u);
    EXPECT_TRUE(loss.without.empty());
    EXPECT_FALSE(loss.confirmed);
    const auto without = parsed<AcceptLossStatement>(
        "accept loss of table t partition 3 without node '10.0.0.1:7854', 7 confirm");
    EXPECT_EQ(without.without, (std::vector<std::string>{"10.0.0.1:7854", "7"}));
    EXPECT_TRUE(without.confirmed);
    EXPECT_FALSE(parsed<AcceptLossStatement>("accept loss of table t partition 3 without node 7").confirmed);
    for (const auto* text :
         {"accept loss", "accept loss of table t", "accept loss of t partition 3",
          "accept loss of table t partition -1", "accept loss of table t partition 3 4",
          "accept loss of table t partition 3 confirm", "accept loss of table t partition 3 without node",
          "accept loss of table t partition 3 without '10.0.0.1:7854'"})
        EXPECT_TRUE(parse_sql_statement(text).has_error()) << text;
    expect_refused("show databases", "tables");
    expect_refused("", "empty");
    expect_refused(" ; ", "a statement");
    expect_refused("slect 1", "did you mean 'select'");
    expect_refused("desc", "a table name");
    expect_refused("desc t; desc u", "end of the statement");
    expect_refused("drop table t; drop table u", "end of the statement");
}

TEST(DdlParser, SelectsPassWhole) {
    for (const char* sql : {"select * from t", "  WITH x as (select 1) select * from x", "(select 1)",
                            "explain select 'un''closed", "select 'never closed"}) {
        EXPECT_EQ(parsed<SelectStatement>(sql).sql, sql);
    }
}

TEST(DdlParser, Insert) {
    auto s = parsed<InsertStatement>(
        "insert into t (id, \"Name\", c) values (1, 'a''b', null), (-2.5e3, '', TRUE), (+3, default, "
        "timestamp '2024-01-01');");
    EXPECT_EQ(s.columns, (std::vector<std::string>{"id", "Name", "c"}));
    ASSERT_EQ(s.rows.size(), 3u);
    EXPECT_EQ(s.rows[0][1].text, "a'b");
    EXPECT_EQ(s.rows[0][2].kind, SqlLiteral::Kind::null);
    EXPECT_EQ(s.rows[1][0].text, "-2.5e3");
    EXPECT_EQ(s.rows[1][1].text, "");
    EXPECT_EQ(s.rows[1][2].text, "true");
    EXPECT_EQ(s.rows[2][0].text, "3");
    EXPECT_EQ(s.rows[2][1].kind, SqlLiteral::Kind::use_default);
    EXPECT_EQ(s.rows[2][2].text, "2024-01-01");
    EXPECT_TRUE(parsed<InsertStatement>("insert into t values (1)").columns.empty());
    expect_refused("insert into t (a, b) values (1)", "row 0 has 1 values for 2 columns");
    expect_refused("insert into t values (abc)", "a value");
    // The engine computes what is no plain value.
    for (const char* row : {"(1, now())", "(1 + 2, 'a')", "(-(1), 'a')", "(1, 'a' || 'b')", "(1, '2'::int)",
                            "(1, (select 2))", "(1, case when true then 1 end)"})
        EXPECT_EQ(parsed<InsertSelectStatement>("insert into t values (0, 'x'), " + std::string(row)).sql,
                  "values (0, 'x'), " + std::string(row));
    expect_refused("insert into t values (1", "')'");
    const auto select =
        parsed<InsertSelectStatement>("insert into t (id, b) select a, ';' from u where x > 1 ; ");
    EXPECT_EQ(select.table, "t");
    EXPECT_EQ(select.columns, (std::vector<std::string>{"id", "b"}));
    EXPECT_EQ(select.sql, "select a, ';' from u where x > 1");
    EXPECT_EQ(parsed<InsertSelectStatement>("insert into t with a as (select 1) from a").sql,
              "with a as (select 1) from a");
    expect_refused("insert t values (1)", "into");
    expect_refused("insert into t valeus (1)", "did you mean 'values'");
}

TEST(DdlParser, Delete) {
    auto s = parsed<DeleteStatement>("delete from t where id = 7");
    EXPECT_EQ(s.column, "id");
    ASSERT_EQ(s.keys.size(), 1u);
    EXPECT_EQ(s.keys[0].text, "7");
    s = parsed<DeleteStatement>("DELETE FROM t WHERE id IN ('a', 'b''c');");
    ASSERT_EQ(s.keys.size(), 2u);
    EXPECT_EQ(s.keys[1].text, "b'c");
    s = parsed<DeleteStatement>("delete from t where id = 7 and (x = ')' or y in (1, 2)) ;");
    EXPECT_EQ(s.condition, "id = 7 and (x = ')' or y in (1, 2))");
    EXPECT_TRUE(s.keys.empty());
    for (const char* condition : {"id > 7", "id = null", "id in (1, null)", "id in (select 1)", "f(id) = 1",
                                  "id = x", "not ok", "id = 1 or 2 = 2"}) {
        s = parsed<DeleteStatement>(std::string("delete from t where ") + condition);
        EXPECT_TRUE(s.keys.empty()) << condition;
        EXPECT_EQ(s.condition, condition);
    }
    for (const char* all : {"truncate t", "truncate table t;"}) {
        s = parsed<DeleteStatement>(all);
        EXPECT_EQ(s.table, "t");
        EXPECT_EQ(s.condition, "") << all;
        EXPECT_TRUE(s.keys.empty());
    }
    EXPECT_EQ(parsed<DeleteStatement>("truncate table").table, "table");
    s = parsed<DeleteStatement>("delete from t where id = 2; drop table c");
    EXPECT_TRUE(s.keys.empty());
    EXPECT_EQ(s.condition, "id = 2; drop table c");
    expect_refused("delete from t", "truncate t");
    expect_refused("delete from t;", "truncate t");
    expect_refused("delete from t where", "a condition");
    expect_refused("delete from t where ;", "a condition");
    expect_refused("delete from t whree id = 1", "did you mean 'where'");
    expect_refused("delete t where id = 1", "from");
    expect_refused("truncate t u", "the end");
}

TEST(DdlParser, CreateTableAs) {
    auto s = parsed<CreateTableAsStatement>("create table t primary key (a) as select 1 as a;");
    EXPECT_EQ(s.table.table, "t");
    EXPECT_EQ(s.key, "a");
    EXPECT_EQ(s.sql, "select 1 as a");
    for (const char* sql :
         {"create table if not exists t (primary key (a)) partition.number = 3 as from u",
          "create table if not exists t primary key (a) with partition.number = 3 as from u"}) {
        s = parsed<CreateTableAsStatement>(sql);
        EXPECT_TRUE(s.table.if_not_exists);
        EXPECT_EQ(s.key, "a");
        EXPECT_EQ(s.table.partitions, 3u);
        EXPECT_EQ(s.sql, "from u");
    }
    expect_refused("create table t primary key (a) as delete from u", "select");
    expect_refused("create table t as select 1 as a", "no primary key");
    expect_refused("create table t (primary key (a, b)) as select 1", "exactly one");
    expect_refused("create table t primary key (a)", "as");
}

TEST(DdlParser, WhatOtherSystemsHaveIsAnsweredWithTheWay) {
    for (const char* sql : {"begin", "BEGIN TRANSACTION", "start transaction", "commit;", "rollback"})
        expect_refused(sql, "no transactions");
    expect_refused("update t set a = 1", "inserting it again");
    expect_refused("merge into t using u on 1 = 1", "inserting it again");
    EXPECT_EQ(parsed<SelectStatement>("summarize t").sql, "SELECT * FROM (SUMMARIZE SELECT * FROM t\n)");
    EXPECT_EQ(parsed<SelectStatement>("summarize select 1;").sql, "SELECT * FROM (SUMMARIZE select 1\n)");
    expect_refused("summarize", "a table name");
    expect_refused("summarize t u", "the end");
}

TEST(DdlParser, GarbageNeverCrashes) {
    const std::string alphabet = "create table(,)'\"=;. -+0ax\xff\xe7\n";
    std::uint32_t state = 12345;
    for (int i = 0; i < 20000; ++i) {
        std::string sql;
        if (i % 3 == 0) sql = "create table t(";
        if (i % 3 == 1) sql = "alter table t add ";
        for (int k = 0; k < 24; ++k) {
            state = state * 1664525u + 1013904223u;
            sql += alphabet[(state >> 16) % alphabet.size()];
        }
        (void)parse_sql_statement(sql).has_value();
    }
}

TEST(DdlParser, Copies) {
    const auto create = std::get<CreateTableStatement>(
        parse_sql_statement("create table t(id int primary key) replicas.number = "
                            "2, replicas.in_sync.min = 2, partition.number = 3")
            .value());
    EXPECT_EQ(create.extra_copies, 2u);
    EXPECT_EQ(create.min_in_sync, 2u);
    EXPECT_EQ(create.partitions, 3u);
    const auto set =
        std::get<AlterCopiesStatement>(parse_sql_statement("ALTER TABLE t SET COPIES = 3;").value());
    EXPECT_EQ(set.table, "t");
    EXPECT_EQ(set.copies, 3u);
    EXPECT_EQ(parse_sql_statement("alter table t set copies = 0").error().code, ErrorCode::syntax_error);
    EXPECT_EQ(parse_sql_statement("alter table t set copies = 6").error().code, ErrorCode::syntax_error);
    EXPECT_TRUE(
        std::holds_alternative<ClusterStatusStatement>(parse_sql_statement("cluster_status").value()));
    const auto elect = std::get<ElectUncleanStatement>(
        parse_sql_statement("elect unclean table t partition 2 node '10.0.0.1:7854'").value());
    EXPECT_EQ(elect.partition, 2u);
    EXPECT_EQ(elect.node, "10.0.0.1:7854");
    EXPECT_FALSE(elect.confirmed);
    EXPECT_TRUE(std::get<ElectUncleanStatement>(
                    parse_sql_statement("elect unclean of table t partition 2 node 7 confirm").value())
                    .confirmed);
    const auto refill = std::get<RefillCopyStatement>(
        parse_sql_statement("refill table t partition 2 on '10.0.0.1:7854'").value());
    EXPECT_EQ(refill.table, "t");
    EXPECT_EQ(refill.partition, 2u);
    EXPECT_EQ(refill.node, "10.0.0.1:7854");
    const auto all = std::get<RefillCopyStatement>(parse_sql_statement("REFILL TABLE t ON NODE 7;").value());
    EXPECT_EQ(all.partition, std::nullopt);
    EXPECT_EQ(all.node, "7");
    EXPECT_EQ(std::get<RefillCopyStatement>(parse_sql_statement("refill of table t").value()).node, "");
    EXPECT_EQ(parse_sql_statement("refill t").error().code, ErrorCode::syntax_error);
}

TEST(DdlParser, StatementsAreKilledByNumber) {
    for (const auto* text : {"kill query 17", "KILL 17;", "kill query '17'",
                             "kill query where query_id = '17'", "KILL QUERY WHERE query = 17 SYNC"})
        EXPECT_EQ(parsed<KillQueryStatement>(text).query, 17u) << text;
    for (const auto* text :
         {"kill", "kill query", "kill query -1", "kill query 1.5", "kill query ''", "kill query t",
          "kill query 99999999999999999999", "kill query where user = 1", "kill query 1 2"})
        EXPECT_TRUE(parse_sql_statement(text).has_error()) << text;
}

}  // namespace
}  // namespace dl::master
