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
        {"copy t from 'a.csv'", "--load FILE TABLE"},
        {"show tables like 'r%'", "information_schema.tables"},
        {"use shop", "there is one database"},
        {"show databases", "there is one database, datalake"},
        {"show schemas", "show tables lists"},
    };
    for (const auto& [sql, way] : cases)
        expect_refused(sql, way);
    EXPECT_EQ(refused("show tables x").find("did you mean"), std::string::npos);
    EXPECT_EQ(parsed<InsertStatement>("insert into main.t values (1)").table, "t");
    EXPECT_EQ(parsed<DeleteStatement>("delete from main.\"T\" where id = 1").table, "T");
    EXPECT_EQ(parsed<DropTableStatement>("drop table main.t").table, "t");
    EXPECT_EQ(parsed<DescStatement>("desc main.t").table, "t");
    EXPECT_EQ(parsed<CreateTableStatement>("create table main.t (id int primary key)").table, "t");
    // Columns may be called so.
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
