#include <gtest/gtest.h>
#include <pthread.h>

#include <string>
#include <vector>

#include "master/sql/ddl_parser.h"

namespace dl::master {
namespace {

std::string repeated(std::string_view part, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes)
        text += part;
    return text;
}

// On a stack of 256 KiB, which a level of recursion a byte would break at once: this parser runs in the
// daemon.
TEST(DdlParser, NestingCostsNoStack) {
    constexpr std::size_t kBytes = 4'000'000, kStack = 256u << 10;
    std::vector<std::string> statements;
    for (const char* begin : {"",
                              "create table t(",
                              "create table t(id int primary key default ",
                              "create table t(id decimal(",
                              "create table t as ",
                              "create or replace view v as ",
                              "insert into t values (",
                              "insert into t(",
                              "insert into t select ",
                              "delete from t where ",
                              "delete from t where id in (",
                              "alter table t add ",
                              "alter table t set ",
                              "explain ",
                              "explain analyze ",
                              "summarize ",
                              "show ",
                              "drop table ",
                              "truncate ",
                              "select ",
                              "with ",
                              "describe ",
                              "call ",
                              "set "})
        for (const char* part :
             {"(", "[", "{", "((1),", "not ", "-", "- ", "+", "case when ", "explain ", "explain analyze ",
              "create table t as ", "insert into t select ", "/*", "'", "\"", "$$", "a.", "if not exists "})
            statements.push_back(begin + repeated(part, kBytes / 40));
    statements.push_back("insert into t values " + repeated("(", kBytes));
    statements.push_back("create table t(id int primary key, x " + repeated("(", kBytes));
    statements.push_back("delete from t where " + repeated("(", kBytes / 2) +
                         repeated(")", kBytes / 2 - 100));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ASSERT_EQ(pthread_attr_setstacksize(&attributes, kStack), 0);
    pthread_t thread;
    const auto parse_all = [](void* list) -> void* {
        for (const auto& statement : *static_cast<std::vector<std::string>*>(list)) {
            (void)parse_sql_statement(statement).has_value();
            (void)analyzed_select(statement).has_value();
        }
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, parse_all, &statements), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace dl::master
