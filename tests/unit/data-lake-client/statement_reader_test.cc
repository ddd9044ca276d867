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

// A quote that was not closed does not look like a `;` that is missing.
TEST(StatementReader, ThePromptShowsAnOpenQuote) {
    for (const auto& [line, prompt] :
         std::initializer_list<std::pair<const char*, const char*>>{{"", "datalake> "},
                                                                    {"select 1;", "datalake> "},
                                                                    {"select 1", "      -> "},
                                                                    {"{\"query\":", "      -> "},
                                                                    {"select 'it''s", "      '> "},
                                                                    {"select \"a", "      \"> "},
                                                                    {"select '\"'", "      -> "},
                                                                    {"{\"query\":\"select", "      \"> "},
                                                                    {"select 1 -- don't", "      -> "},
                                                                    {"select 1 /* don't", "      -> "}}) {
        StatementReader reader(true);
        reader.add_line(line);
        while (reader.next()) {
        }
        EXPECT_EQ(prompt_of(reader), prompt) << line;
    }
}

TEST(StatementReader, Commands) {
    EXPECT_EQ(lines(true, {"\\d t", "quit", "help"}), (Texts{"C \\d t", "C \\q", "C \\?"}));
    EXPECT_EQ(lines(true, {"Quit;", "EXIT ;", "help;"}), (Texts{"C \\q", "C \\q", "C \\?"}));
    StatementReader reader(true);
    reader.add_line("select 1");
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.pending());
    reader.reset();
    EXPECT_FALSE(reader.pending());
}

// As in psql: a command on a line of its own runs at once, what was begun goes on behind it.
TEST(StatementReader, CommandsWithinAStatement) {
    EXPECT_EQ(lines(true, {"select", "  \\x", "1;"}), (Texts{"C \\x", "S select\n  1"}));
    EXPECT_EQ(lines(true, {"select 1", "\\q"}), (Texts{"C \\q"}));
    EXPECT_EQ(lines(true, {"{\"query\":", "\\q"}), (Texts{"C \\q"}));
    EXPECT_EQ(lines(true, {"{\"a\":", "\\x", "1}"}), (Texts{"C \\x", "J {\"a\":\n1}"}));
    EXPECT_EQ(lines(true, {"select '", "\\q", "', 1 \\q", ";"}), (Texts{"S select '\n\\q\n', 1 \\q"}))
        << "not in quotes, not behind something";
    EXPECT_EQ(lines(true, {"select 1 /*", "\\q", "*/;"}), (Texts{"S select 1 /*\n\\q\n*/"}));
    EXPECT_EQ(lines(true, {"select 1 /*/ ; */;"}), (Texts{"S select 1 /*/ ; */"}));
}

TEST(StatementReader, WhatClosesNothingSwallowsNothing) {
    EXPECT_EQ(lines(true, {R"({"a":1}})", "desc t", "select 1;"}),
              (Texts{R"(J {"a":1})", "S }", "S desc t", "S select 1"}));
    EXPECT_EQ(lines(false, {R"(}} ] {"a":1})"}), (Texts{"S }} ]", R"(J {"a":1})"}));
}

TEST(StatementReader, AnEmptyLineOfAPasteEndsNothing) {
    StatementReader reader(true);
    reader.add_line("select 1", true);
    reader.add_line("", true);
    EXPECT_FALSE(reader.next());
    reader.add_line("from t", true);
    reader.add_line("");
    const auto statement = reader.next();
    ASSERT_TRUE(statement);
    EXPECT_EQ(statement->text, "select 1\n\nfrom t");
}

// Every prefix of these, line by line and at once: the reader comes to an end, gives every byte that is not a
// blank back at most once and leaves nothing.
TEST(StatementReader, EveryPrefixIsRead) {
    for (const std::string text :
         {"drop table if exists t", "desc t", "check table t repair", "show tables", "max_offset t",
          "select ';', \"a;b\" -- c;\n/* ; */ from t;\n\\d t\nselect 2",
          "{\"a\":[1,\"}\\\\\"\"]} } ] select 1;", "\\load 'a b' t create --rows=3",
          "/* a */ -- b\n;;quit;\nhelp", "[1, {\"x\":\n\\q\n2}]\n\"x\"", "update t set a = 'x''y';\n\n\\\n'",
          "compress t\ndrop\ndrop table\ndrop table if\ndrop table if exists\n"})
        for (std::size_t size = 0; size <= text.size(); ++size)
            for (const bool interactive : {false, true}) {
                const auto prefix = text.substr(0, size);
                is_bare_statement(prefix);
                StatementReader reader(interactive);
                std::size_t bytes = 0;
                for (std::size_t begin = 0; begin <= prefix.size();) {
                    const auto end = std::min(prefix.find('\n', begin), prefix.size());
                    reader.add_line(prefix.substr(begin, end - begin));
                    begin = end + 1;
                    while (auto statement = reader.next()) {
                        bytes += statement->text.size();
                        ASSERT_LE(bytes, prefix.size()) << prefix;
                    }
                }
                StatementReader at_once(interactive);
                at_once.add_line(prefix);
                for (int left = 100; at_once.finish(); --left)
                    ASSERT_GT(left, 0) << prefix;
                while (reader.finish())
                    ;
                EXPECT_FALSE(reader.pending()) << prefix;
                EXPECT_FALSE(at_once.pending()) << prefix;
            }
}

}  // namespace
}  // namespace datalake::cli
