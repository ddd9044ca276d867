#include "data-lake-client/cli/statement_reader.h"

#include <gtest/gtest.h>

namespace datalake::cli {
namespace {

using Kind = Statement::Kind;

std::vector<std::string> all(StatementReader& reader) {
    std::vector<std::string> texts;
    while (auto statement = reader.next()) {
        const char* mark = statement->kind == Kind::json      ? "J "
                           : statement->kind == Kind::command ? "C "
                                                              : "S ";
        texts.push_back(mark + statement->text);
    }
    return texts;
}

std::vector<std::string> lines(bool interactive, const std::vector<std::string>& input, bool at_end = false) {
    StatementReader reader(interactive);
    std::vector<std::string> texts;
    for (const auto& line : input) {
        reader.add_line(line);
        for (auto& text : all(reader))
            texts.push_back(text);
    }
    while (auto statement = at_end ? reader.finish() : std::nullopt)
        texts.push_back("E " + statement->text);
    return texts;
}

using Texts = std::vector<std::string>;

TEST(JsonScanner, FindsTheEnd) {
    JsonScanner scanner;
    EXPECT_TRUE(scanner.scan(R"({"a":"}\"{","b":[1,{"c":2}]} rest)"));
    EXPECT_EQ(scanner.end(), 28u);
    scanner.reset();
    EXPECT_FALSE(scanner.scan(R"({"a":"\)"));
    EXPECT_FALSE(scanner.scan(R"({"a":"\"})"));
    EXPECT_TRUE(scanner.scan(R"({"a":"\"}"})"));
    scanner.reset();
    EXPECT_TRUE(scanner.scan(R"("batch_insert")"));
}

TEST(StatementReader, JsonOverSeveralLines) {
    EXPECT_EQ(lines(true, {"{", "  \"query\": \"select ';'\"", "", "}"}),
              (Texts{"J {\n  \"query\": \"select ';'\"\n\n}"}));
    EXPECT_EQ(lines(true, {R"({"a":1} {"b":2};{"c":)", "3}", "select 1;"}),
              (Texts{R"(J {"a":1})", R"(J {"b":2})", "J {\"c\":\n3}", "S select 1"}));
}

TEST(StatementReader, SqlEndsAtASemicolonOutsideOfQuotesAndComments) {
    EXPECT_EQ(lines(false, {"select ';', \"a;b\" -- no; not here", "/* ; */ from t; select 2;"}),
              (Texts{"S select ';', \"a;b\" -- no; not here\n/* ; */ from t", "S select 2"}));
    EXPECT_EQ(lines(false, {"select 'it''s;'", ";"}), (Texts{"S select 'it''s;'"}));
    EXPECT_EQ(lines(false, {"-- only a comment", "/* and", "another; */ ;;", "select 1;"}),
              (Texts{"S select 1"}));
}

TEST(StatementReader, StatementsThatNeedNoSemicolon) {
    EXPECT_EQ(lines(false, {"desc t", "show_table", "SHOW TABLES", "max_offset t", "drop t",
                            "drop table if exists t", "compress t"}),
              (Texts{"S desc t", "S show_table", "S SHOW TABLES", "S max_offset t", "S drop t",
                     "S drop table if exists t", "S compress t"}));
    for (const auto* line : {"drop table", "drop table if exists", "select 1", "desc", "alter table t drop c",
                             "drop column c", "desc t;"})
        EXPECT_FALSE(is_bare_statement(line)) << line;
    for (const auto* line : {"check t", "check table t", "check table t repair", "check t repair"})
        EXPECT_TRUE(is_bare_statement(line)) << line;
    for (const auto* line : {"check", "check t twice", "check table t repair now"})
        EXPECT_FALSE(is_bare_statement(line)) << line;
    EXPECT_EQ(lines(false, {"drop table", "t;"}), (Texts{"S drop table\nt"}));
}

TEST(StatementReader, AnEmptyLineEndsAtThePromptOnly) {
    EXPECT_EQ(lines(true, {"select 1", ""}), (Texts{"S select 1"}));
    EXPECT_EQ(lines(false, {"select 1", "", "from t"}), Texts{});
    EXPECT_EQ(lines(false, {"select 1", "", "from t"}, true), (Texts{"E select 1\n\nfrom t"}));
}

TEST(StatementReader, Commands) {
    EXPECT_EQ(lines(true, {"\\d t", "quit", "help"}), (Texts{"C \\d t", "C \\q", "C \\?"}));
    EXPECT_EQ(lines(true, {"select", "\\x", ";"}), (Texts{"S select\n\\x"}));
    StatementReader reader(true);
    reader.add_line("select 1");
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.pending());
    reader.reset();
    EXPECT_FALSE(reader.pending());
}

}  // namespace
}  // namespace datalake::cli
