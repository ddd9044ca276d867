// What users are told of errors of the engine.
#include "common/duck/engine_message.h"

#include <gtest/gtest.h>

#include "common/duck/select_ast.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl {
namespace {

std::string told(const std::string& message) {
    return engine_error(ErrorCode::query_error, message).message;
}

TEST(EngineMessage, AdviceToSetIsLeftOut) {
    EXPECT_EQ(
        told("Invalid Input Error: Division by zero in expression (1 % 0). Use TRY(...) to return NULL for "
             "this "
             "expression, or SET error_on_division_by_zero=false to return NULL for all divisions by zero."),
        "Invalid Input Error: Division by zero in expression (1 % 0). Use TRY(...) to return NULL for this "
        "expression.");
    EXPECT_EQ(
        told("More than one row returned by a subquery.\nUse \"SET "
             "scalar_subquery_error_on_multiple_rows=false\" "
             "to revert to previous behavior of returning a random row.\n\nLINE 1: select x\n        ^"),
        "More than one row returned by a subquery.\n\nLINE 1: select x\n        ^");
    EXPECT_EQ(
        told(
            "Out of Memory Error: failed to allocate 5 KiB.\n\nPossible solutions:\n* Reducing the number of "
            "threads (SET threads=X)\n* Increasing the memory limit (SET memory_limit='...GB')\n\nFor more "
            "information, see https://duckdb.org/docs/x"),
        "Out of Memory Error: failed to allocate 5 KiB.");
    EXPECT_EQ(told("Pivot column limit of 5 exceeded. Use SET pivot_limit=X to increase the limit."),
              "Pivot column limit of 5 exceeded.");
    EXPECT_EQ(told("No room.\nYou can adjust this setting, by using (for example) PRAGMA "
                   "max_temp_directory_size='1GiB'"),
              "No room.");
}

TEST(EngineMessage, WhatTheUserWroteStays) {
    for (const auto* message : {"Could not convert string 'SET threads=1' to INT32",
                                "Conversion Error: string 'Use it. The SET a=b. x' is none",
                                "Binder Error: x\n\nLINE 1: select 'use SET a=1'\n ^", "SET is a word", ""})
        EXPECT_EQ(told(message), message);
}

TEST(EngineMessage, LimitsAndOtherWaysToWriteIt) {
    const auto deep =
        engine_error(ErrorCode::syntax_error,
                     "Max expression depth limit of 1000 exceeded. Use \"SET max_expression_depth TO "
                     "x\" to increase the maximum expression depth.");
    EXPECT_EQ(deep.code, ErrorCode::limit_exceeded);
    EXPECT_EQ(deep.message.find("SET"), std::string::npos) << deep.message;
    EXPECT_NE(told("Binder Error: Deprecated lambda arrow (->) detected. Please transition ...")
                  .find("lambda x: x + 1"),
              std::string::npos);
    EXPECT_NE(told("Binder Error: Deprecated lambda arrow (->) detected. Please transition ...")
                  .find("columns(lambda c: c like 'a%')"),
              std::string::npos);
}

TEST(EngineMessage, TypesAreNamedWithTheWay) {
    EXPECT_EQ(
        told("Conversion Error: Unimplemented type for cast (INTEGER -> BLOB) when casting from source "
             "column id\n\nLINE 1: select x\n        ^"),
        "there is no conversion from INTEGER to BLOB (column id): what is compared, or joined by USING or "
        "NATURAL JOIN, has to be of types that convert; cast one side, such as cast(a as text), which "
        "encode() makes bytes of\n\nLINE 1: select x\n        ^");
    EXPECT_NE(
        told("Conversion Error: Unimplemented type for cast (DATE -> BLOB)").find("from DATE to BLOB: "),
        std::string::npos);
    EXPECT_NE(told("Catalog Error: Type with name unsigned does not exist!\nDid you mean \"union\"?")
                  .find("it is ubigint"),
              std::string::npos);
    EXPECT_EQ(
        told("Conversion Error: Type INT32 with value 70000 can't be cast because the value is out of "
             "range for the destination type INT16"),
        "Conversion Error: Type INT32 with value 70000 can't be cast because the value is out of range for "
        "smallint (-32768 to 32767)");
    EXPECT_EQ(told("x is out of range for the destination type UINT8"),
              "x is out of range for the destination type UINT8");
    const std::string own = "Parser Error: x\n\nLINE 1: select 'Type with name unsigned does not exist'";
    EXPECT_EQ(told(own), own);
}

TEST(EngineMessage, ATextInDoubleQuotesNamesAColumn) {
    const std::string unknown =
        "Binder Error: Referenced column \"ann\" not found in FROM clause!\nCandidate "
        "bindings: \"id\"\n\n";
    EXPECT_EQ(
        told(unknown + "LINE 1: select 1 from t where a = \"ann\"\n      ^"),
        "Binder Error: Referenced column \"ann\" not found in FROM clause!\nCandidate bindings: \"id\"\nA "
        "text is written in single quotes: 'ann'.\n\nLINE 1: select 1 from t where a = \"ann\"\n      ^");
    for (const std::string& own : {unknown + "LINE 1: select ann from t\n      ^",
                                   std::string("Binder Error: Referenced column \"ann\" not found")})
        EXPECT_EQ(told(own), own);
}

// As the engine of this release says them.
TEST(EngineMessage, OfTheEngine) {
    auto database = test::open_database();
    auto session = test::open_session(*database);
    const auto refused = [&](const std::string& sql) {
        auto parsed = SelectAst::parse(*database, sql);
        if (!parsed) return parsed.error();
        auto result = session->query(sql);
        while (result) {
            auto batch = (*result)->next();
            if (!batch) return batch.error();
            if (!*batch) break;
        }
        return result ? make_error(ErrorCode::internal, "it runs") : result.error();
    };
    std::string deep = "select 1";
    for (int i = 0; i < 3000; ++i)
        deep += "+1";
    for (const auto& [sql, code, says] :
         std::initializer_list<std::tuple<std::string, ErrorCode, const char*>>{
             {deep, ErrorCode::limit_exceeded, "nests expressions more than 1000 deep"},
             {"select list_transform([1, 2], x -> x + 1)", ErrorCode::query_error, "lambda x: x + 1"},
             {"select 1 % 0", ErrorCode::query_error, "Division by zero in expression (1 % 0). Use TRY(...)"},
             {"select (select a from range(3) r(a))", ErrorCode::query_error, "More than one row"}}) {
        const auto error = refused(sql);
        EXPECT_EQ(error.code, code) << error.to_text();
        EXPECT_NE(error.message.find(says), std::string::npos) << error.to_text();
        EXPECT_EQ(error.message.find("SET "), std::string::npos) << error.to_text();
    }
}

}  // namespace
}  // namespace dl
