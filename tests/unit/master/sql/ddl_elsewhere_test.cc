// What users of other systems write.
#include <gtest/gtest.h>

#include "tests/unit/master/sql/ddl_test_support.h"

namespace dl::master {
namespace {

using namespace test;

// What other systems' users write names the way here.
TEST(DdlParser, WordsOfOtherSystemsNameTheWay) {
    const std::vector<std::pair<const char*, const char*>> cases = {
        {"insert into t values (1) on conflict (id) do update set a = 1", "replaces the row"},
        {"insert into t values (1) on conflict do nothing", "not in (select"},
        {"insert into t select 1 on conflict (id) do nothing", "replaces the row"},
        {"insert into t values (1) on duplicate key update a = 1", "replaces the row"},
        {"insert or replace into t values (1)", "replaces the row"},
        {"insert or ignore into t values (1)", "not in (select"},
        {"insert ignore into t values (1)", "not in (select"},
        {"replace into t values (1)", "inserting it again"},
        {"with x as (select 1) insert into t select * from x", "insert into t with x as"},
        {"with x as (select 1) delete from t where id in (select * from x)", "where key in (with x"},
        {"with x as (select 1) update t set a = 1", "inserting it again"},
        {"insert into public.t values (1)", "there is no schema \"public\""},
        {"insert into t values (1, e'a\\nb')", "with '' for a quote"},
        {"insert into t values (1, $$a$$)", "with '' for a quote"},
        {"create table t (id int primary key, a timestamp default now())", "insert into t values (1, now())"},
        {"create table t (id int primary key, a timestamp default current_timestamp)", "one value"},
        {"copy t from 'a.csv'", "--load FILE --table T"},
        {"show tables like 'r%'", "information_schema.tables"},
        {"use shop", "there is one database"},
        {"show databases", "there is one database, datalake"},
        {"show schemas", "show tables lists"},
        {"insert into t values (1) returning id", "at position 26: there is no RETURNING"},
        {"insert into t (id) select id from u returning *", "there is no RETURNING"},
        {"delete from t where id = 1 returning *", "before it"},
        {"delete from t where a > 1 returning id, a", "there is no RETURNING"},
        {"delete t where id = 1", "delete from t where"},
        {"insert into t set a = 1", "insert into t (a, b) values"},
        {"describe select 1 as a", "summarize select"},
        {"desc (select 1)", "summarize select"},
        {"prepare p as select 1", "options.params"},
        {"rename table a to b", "keeps its name"},
        {"load data infile 'a.csv' into table t", "--load FILE"},
    };
    for (const auto& [sql, way] : cases)
        expect_refused(sql, way);
    EXPECT_EQ(refused("show tables x").find("did you mean"), std::string::npos);
    EXPECT_EQ(parsed<InsertStatement>("insert into main.t values (1)").table, "t");
    EXPECT_EQ(parsed<DeleteStatement>("delete from main.\"T\" where id = 1").table, "T");
    EXPECT_EQ(parsed<DropTableStatement>("drop table main.t").table, "t");
    EXPECT_EQ(parsed<DescStatement>("desc main.t").table, "t");
    EXPECT_EQ(parsed<CreateTableStatement>("create table main.t (id int primary key)").table, "t");
    // Tables and columns may be called so.
    EXPECT_EQ(parsed<InsertStatement>("insert into returning values (1)").table, "returning");
    EXPECT_EQ(parsed<InsertStatement>("insert into t (returning, id) values (1, 2)").columns[0], "returning");
    EXPECT_EQ(parsed<InsertSelectStatement>("insert into t select a as returning from u").table, "t");
    EXPECT_EQ(parsed<DeleteStatement>("delete from t where u.returning = 1").table, "t");
    EXPECT_EQ(parsed<DescStatement>("describe table t").table, "t");
    EXPECT_EQ(parsed<DescStatement>("desc table").table, "table");
    EXPECT_EQ(parsed<DescStatement>("desc select").table, "select");
    EXPECT_EQ(parsed<InsertSelectStatement>("insert into t select a from u join v on conflict = b").table,
              "t");
    EXPECT_EQ(parsed<CreateTableStatement>("create table t (id int primary key, a string default now)")
                  .columns[1]
                  .default_text,
              "now");
}

TEST(DdlParser, WhatThereIsNotNamesWhatThereIs) {
    for (const auto& [sql, way] : std::initializer_list<std::pair<const char*, const char*>>{
             {"create index i on t(a)", "the major key has one"},
             {"create unique index i on t(a)", "the major key has one"},
             {"drop index i", "the major key has one"},
             {"create database d", "one database"},
             {"create temporary table t (id int primary key)", "WITH names rows"},
             {"create materialized view v as select 1", "create table ... as select"},
             {"grant select on t to u", "no users"},
             {"vacuum", "compress t"},
             {"set x = 1", "system.settings"},
             {"show processlist", "system.queries"},
             {"show grants", "no users"},
             {"show table status", "show sizes"},
             {"show full tables", "show sizes"},
             {"create type mood as enum ('a')", "string here"},
             {"create extension x", "no extensions"},
             {"drop table a, b", "at position 13: one table at a time"},
             {"drop table if exists a cascade", "leave it out"},
             {"alter table t add x int, add y int", "one change at a time"},
             {"alter table t drop a, drop b", "one change at a time"},
             {"alter table t add primary key (id)", "the key stays"},
             {"alter table t add constraint u unique (a)", "only the major key is unique"},
             {"alter table t add index i (a)", "the major key has one"},
             {"alter table t add unique (a)", "only the major key is unique"},
             {"alter table t change a b text", "rename a to b"},
             {"alter table t owner to me", "no users"},
             {".tables", "\\dt lists the tables"},
             {"show variables", "system.settings"},
             {"show index from t", "the major key has one"},
             {"create table t (id int primary key, a int unique)",
              "at position 43: only the major key is unique"},
             {"create table t (id int auto_increment primary key)", "the writer gives the keys"},
             {"create table t (id int primary key, a int references u(id))", "no foreign keys"},
             {"create table t (id int primary key, a int, unique (a))", "only the major key is unique"},
             {"create table t (id int primary key, a int, index ia (a))", "the major key has one"},
             {"create table t (id int primary key, a int, foreign key (a) references u(id))",
              "no foreign keys"},
             {"create table t (id int primary key, a string collate nocase)", "lower(a) = lower(b)"},
             {"create table t (id int primary key) engine = InnoDB", "one engine"},
             {"create table t (id int primary key) partition by range (id)", "partition.number = 4"}})
        expect_refused(sql, way);
    EXPECT_EQ(
        parsed<CreateTableStatement>(
            "create table t (id int, index int, key string, check boolean, constraint k primary key (id))")
            .columns.size(),
        4u);
    EXPECT_EQ(parsed<DropTableStatement>("drop index").table, "index");
    EXPECT_EQ(parsed<DropTableStatement>("drop table user").table, "user");
    EXPECT_EQ(parsed<DescStatement>("show t").table, "t");
    EXPECT_EQ(parsed<ShowColumnsStatement>("show full columns from t").table, "t");
    EXPECT_EQ(parsed<DescStatement>("show full").table, "full");
    for (const char* sql : {"alter table t add index int", "alter table t add key string",
                            "alter table t add column unique int", "alter table t add primary int"})
        parsed<AlterAddStatement>(sql);
}

TEST(DdlParser, ColumnsOfCreateAsAreThoseOfTheSelect) {
    for (const char* sql :
         {"create table c (id int primary key, a string) as select 1 as id, 'x' as a",
          "create table c (id, a) as select 1, 'x'",
          "create table c (id int) partition.number = 2 as select 1",
          "create table c (id int primary key, a decimal(10,2)) as with x as (select 1) select * from x"}) {
        expect_refused(sql, "primary key (COLUMN) as select cast(a as long) as n");
        expect_refused(sql, "insert into c select");
    }
    EXPECT_EQ(parsed<CreateTableAsStatement>("create table c (primary key (id)) as select 1 as id").key,
              "id");
    EXPECT_EQ(parsed<CreateTableStatement>("create table c (as int primary key)").columns[0].name, "as");
    expect_refused("create table c as values (1, 'a')",
                   "primary key (COLUMN) as ..., where the columns are col0");
}

TEST(DdlParser, ATableLikeAnotherIsShown) {
    for (const char* sql :
         {"create table c like t", "create table c (like t)", "create table c (like t including all)"})
        expect_refused(sql, "show create table t has the statement");
    // Columns may be called so.
    EXPECT_EQ(parsed<CreateTableStatement>("create table c (like int primary key, a int)").columns[0].name,
              "like");
    EXPECT_EQ(parsed<CreateTableStatement>("create table c (like string, id int primary key)").columns.size(),
              2u);
}

// A word that is nearly "column" is not taken for the name of one.
TEST(DdlParser, AMisspeltColumnIsNamed) {
    for (const char* sql : {"alter table t alter colum d type decimal(12,2)", "alter table t add colum d int",
                            "alter table t drop colunm d", "alter table t rename colum d to e",
                            "alter table t modify colmn d long"}) {
        EXPECT_NE(refused(sql).find("did you mean 'column'?"), std::string::npos) << refused(sql);
        EXPECT_EQ(refused(sql).find("type"), std::string::npos) << refused(sql);
    }
    EXPECT_EQ(parsed<AlterAddStatement>("alter table t add colum int").column.name, "colum");
    EXPECT_EQ(parsed<AlterDropStatement>("alter table t drop colum").column, "colum");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t rename colum to b").column, "colum");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t alter colum set default 5").column, "colum");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t alter colum type long").column, "colum");
    EXPECT_EQ(parsed<AlterColumnStatement>("alter table t alter colum long").column, "colum");
}

}  // namespace
}  // namespace dl::master
