#include "data-lake-client/cli/commands.h"

#include <gtest/gtest.h>

#include "data-lake-client/cli/completer.h"
#include "data-lake-client/cli/interrupt.h"
#include "data-lake-client/cli/options.h"
#include "data-lake-client/cli/shell.h"
#include "tests/unit/data-lake-client/fake_server.h"

namespace datalake::cli {
namespace {

TEST(Commands, WordsQuotesAndSettings) {
    auto load = parse_command(R"(\load "my file.csv" users key=id create partitions=8 --connections 3)");
    ASSERT_TRUE(load.ok());
    EXPECT_EQ(load->name, "load");
    EXPECT_EQ(load->arguments, (std::vector<std::string>{"my file.csv", "users", "create"}));
    EXPECT_EQ(load->settings,
              (std::map<std::string, std::string>{{"key", "id"}, {"partitions", "8"}, {"connections", "3"}}));
    auto tail = parse_command(R"(\tail t --from beginning --count=5)");
    ASSERT_TRUE(tail.ok());
    EXPECT_EQ(tail->settings.at("from"), "beginning");
    EXPECT_EQ(tail->settings.at("count"), "5");
    EXPECT_EQ(parse_command("\\q;")->name, "q");
    EXPECT_FALSE(parse_command("\\load 'x").ok());
    EXPECT_FALSE(parse_command("\\tail t --from").ok());
    // Words that nobody looks at are no silent success.
    for (const char* line : {"\\dt a b", "\\d t u", "\\cluster x", "\\q x", "\\save a.csv b.csv",
                             "\\format csv json", "\\timing on off", "\\i a b", "\\o a b", "\\dt --all x"})
        EXPECT_FALSE(parse_command(line).ok()) << line;
    for (const char* line : {"\\dt peo*", "\\l a b", "\\? select", "\\i a.sql", "\\o"})
        EXPECT_TRUE(parse_command(line).ok()) << line;
}

TEST(Commands, AMistypedOneNamesTheNearest) {
    EXPECT_NE(parse_command("\\timming").error().message().find("did you mean \\timing?"), std::string::npos);
    EXPECT_NE(parse_command("\\fromat csv").error().message().find("\\format"), std::string::npos);
    EXPECT_EQ(parse_command("\\xylophone").error().message().find("did you mean"), std::string::npos);
}

TEST(CommandLine, OptionsAndExitCodes) {
    const char* good[] = {"data-lake-client", "-c",  "desc t",      "-c",  "select 1",
                          "--format",         "csv", "--no-header", "db:1"};
    const auto parsed = parse_command_line(9, good);
    ASSERT_EQ(parsed.exit_code, -1) << parsed.text;
    EXPECT_EQ(parsed.command_line.statements, (std::vector<std::string>{"desc t", "select 1"}));
    EXPECT_EQ(parsed.command_line.format, OutputFormat::csv);
    EXPECT_FALSE(parsed.command_line.header);
    EXPECT_EQ(parsed.command_line.address, "db:1");
    const char* address_last[] = {"data-lake-client", "-c", "select 1", "db:2"};
    EXPECT_EQ(parse_command_line(4, address_last).command_line.address, "db:2");
    EXPECT_EQ(parse_command_line(4, address_last).command_line.statements.size(), 1u);
    const char* port[] = {"data-lake-client", "23000"};
    EXPECT_EQ(parse_command_line(2, port).command_line.address, "127.0.0.1:23000");
    const char* none[] = {"data-lake-client"};
    EXPECT_EQ(parse_command_line(1, none).command_line.address, "127.0.0.1:7853");
    EXPECT_TRUE(parse_command_line(1, none).command_line.header);
    EXPECT_FALSE(parse_command_line(1, none).command_line.timeout_seconds);
    const char* timeout[] = {"data-lake-client", "--timeout", "90"};
    EXPECT_EQ(parse_command_line(3, timeout).command_line.timeout_seconds, 90);
    const char* words[] = {"data-lake-client", "--load", "x",       "--table", "t", "--true", "yes",
                           "--true",           "Y",      "--false", ""};
    EXPECT_EQ(parse_command_line(11, words).command_line.load.text.true_texts,
              (std::vector<std::string>{"yes", "Y"}));
    EXPECT_EQ(parse_command_line(11, words).command_line.load.text.false_texts,
              (std::vector<std::string>{""}));
    const char* both[] = {"data-lake-client", "--load", "x", "--table", "t", "--true", "1", "--false", "1"};
    EXPECT_EQ(parse_command_line(9, both).exit_code, kExitUsage);
    const char* bad[] = {"data-lake-client", "--format", "xml"};
    EXPECT_EQ(parse_command_line(3, bad).exit_code, kExitUsage);
    const char* unknown[] = {"data-lake-client", "--tabel"};
    EXPECT_EQ(parse_command_line(2, unknown).exit_code, kExitUsage);
    const char* no_table[] = {"data-lake-client", "--load", "x.csv"};
    EXPECT_EQ(parse_command_line(3, no_table).exit_code, kExitUsage);
    const char* version[] = {"data-lake-client", "-V"};
    EXPECT_EQ(parse_command_line(2, version).exit_code, kExitOk);
}

// What prints results and what reads files is told apart.
TEST(CommandLine, TheFormatsOfResultsAndOfFiles) {
    const char* help[] = {"data-lake-client", "--help"};
    const auto text = parse_command_line(2, help).text;
    EXPECT_EQ(text.find("{table"), std::string::npos) << text;
    const auto results = text.find("--format FORMAT"), files = text.find("with --load", results);
    ASSERT_NE(files, std::string::npos) << text;
    const auto parquet = text.find("parquet", results);
    EXPECT_GT(parquet, files) << text;
    const char* parquet_results[] = {"data-lake-client", "--format", "parquet", "-c", "select 1"};
    const auto refused = parse_command_line(5, parquet_results);
    EXPECT_EQ(refused.exit_code, kExitUsage);
    EXPECT_NE(refused.text.find("table, json, csv, ndjson or vertical"), std::string::npos);
}

TEST(Shell, ErrorsSayWhatToDo) {
    const auto refused =
        error_text(Error(ErrorCode::connect_failed, "cannot connect to h:1: Connection refused"), "h:1");
    EXPECT_EQ(refused.find("ERROR CONNECT_FAILED: cannot connect"), 0u);
    const auto hint = [](const char* message, const char* address) {
        const auto text = error_text(Error(ErrorCode::connect_failed, message), address);
        return text.substr(text.find("HINT"));
    };
    for (const char* address : {"127.0.0.1:7853", "localhost:1", "[::1]:7853", "127.0.1.1"})
        EXPECT_NE(hint("cannot connect", address).find("Start it with: cd build/master"), std::string::npos)
            << address;
    EXPECT_EQ(hint("cannot connect to db.lan:1: Connection refused", "db.lan:1").find("cd build"),
              std::string::npos);
    EXPECT_NE(hint("cannot connect to db.lan:1: Connection refused", "db.lan:1")
                  .find("the master running at db.lan:1"),
              std::string::npos);
    EXPECT_EQ(hint("cannot resolve db.lann: Name or service not known", "db.lann:1"),
              "HINT: is the name db.lann spelled right? An address is host:port\n");
    EXPECT_NE(error_text(Error(ErrorCode::connection_lost, "x"), "h:1").find("may have been done"),
              std::string::npos);
    EXPECT_EQ(error_text(Error(ErrorCode::partial, "3 of 9 rows"), "h:1"), "ERROR PARTIAL: 3 of 9 rows\n")
        << "it says what was done";
    EXPECT_EQ(error_text(Error(ErrorCode::syntax_error, "x"), "h:1"), "ERROR SYNTAX_ERROR: x\n");
    EXPECT_EQ(error_text(Error(ErrorCode::timeout, "x"), "h:1", true), "ERROR TIMEOUT: x\n");
}

TEST(Shell, KnowsWhatOnlyReads) {
    using Kind = Statement::Kind;
    for (const char* text : {"select 1", "(select 1)", "-- a\nWITH a AS (SELECT 1) FROM a",
                             "explain select 1", "pivot t on a", "desc t", "UNPIVOT t on a", "from t",
                             "values (1)", "summarize t", "show sizes", "cluster_status", "max_offset t"})
        EXPECT_TRUE(only_reads({Kind::sql, text})) << text;
    for (const char* text : {"insert into t values (1)", "delete from t where id = 1", "drop t"})
        EXPECT_FALSE(only_reads({Kind::sql, text})) << text;
    for (const char* text : {R"({"query":"select 1"})", R"({"options":{},"sql":"select 1"})",
                             R"({"stream_read":{"table_name":"t","read_count":1}})"})
        EXPECT_TRUE(only_reads({Kind::json, text})) << text;
    for (const char* text : {R"({"sql":"drop t"})", R"({"insert":{"table_name":"query","data":{}}})"})
        EXPECT_FALSE(only_reads({Kind::json, text})) << text;
}

TEST(Commands, FlagsOfALoadNeedNoValue) {
    const auto command = parse_command("\\load f.csv t --create --key id --dry-run --rows=3 pad");
    ASSERT_TRUE(command.ok()) << command.error().to_text();
    EXPECT_EQ(command->arguments, (std::vector<std::string>{"f.csv", "t", "pad"}));
    EXPECT_EQ(command->settings, (std::map<std::string, std::string>{
                                     {"create", ""}, {"key", "id"}, {"dry-run", ""}, {"rows", "3"}}));
    EXPECT_EQ(parse_command("\\help")->name, "?");
    EXPECT_EQ(parse_command("\\nonsense1").error().message(),
              "there is no command \\nonsense1; \\? lists them");
}

TEST(Shell, NamesTheWayForAnUpdate) {
    using Kind = Statement::Kind;
    EXPECT_NE(hint_for({Kind::sql, "UPDATE t set a = 1"}).find("insert into replaces"), std::string::npos);
    EXPECT_EQ(hint_for({Kind::sql, "insert into t values (1)"}), "");
    EXPECT_EQ(hint_for({Kind::json, R"({"update":1})"}), "");
}

// The errors of the server, as it words them.
TEST(Shell, AMissingEndIsSuspected) {
    using Kind = Statement::Kind;
    const auto hint = [](const std::string& text, const char* message) {
        return missing_end_hint({Kind::sql, text}, Error(ErrorCode::syntax_error, message));
    };
    EXPECT_EQ(hint("insert into t values (1)\nselect * from t",
                   "at position 26 near 'select': expected the end of the statement"),
              "HINT: is a ; missing before the line that begins with select?\n");
    EXPECT_NE(hint("select 1\nselect 2", "syntax error at or near \"select\" (at byte 9)"), "");
    EXPECT_NE(
        hint("select 1 from t\n  insert into t values (1)", "syntax error at or near \"into\" (at byte 25)"),
        "");
    EXPECT_NE(hint("create table t(id int primary key)\ninsert into t values (1)",
                   "at position 36 near 'insert': expected partition.number"),
              "");
    EXPECT_EQ(hint("insert into t\nselect a b c from t", "syntax error at or near \"c\" (at byte 25)"), "")
        << "one statement of two lines";
    EXPECT_EQ(
        hint("alter table t\ndrop column a b", "at position 29 near 'b': expected the end of the statement"),
        "");
    EXPECT_EQ(hint("select 1 +\n  \nselect", "syntax error (at byte 12)"), "");
    EXPECT_EQ(hint("select 1 select 2", "syntax error at or near \"select\" (at byte 9)"), "");
    EXPECT_EQ(hint("select\n1 1 1", "syntax error at or near \"1\" (at byte 11)"), "");
    EXPECT_EQ(hint("select 1\nselect 2", "syntax error (at byte 999)"), "");
    EXPECT_EQ(hint("select 1\nselect 2", "no place named"), "");
}

// What \x and \timing are told is what they are, however often.
TEST(Shell, SwitchesAreSet) {
    test::FakeServer server([](test::FakePeer& peer, int) { peer.read_frame(); });
    auto client = Client::connect(server.address(), {});
    ASSERT_TRUE(client.ok());
    Interrupts interrupts;
    CommandLine line;
    Shell shell(*client, {}, line, interrupts);
    testing::internal::CaptureStdout();
    const int code =
        shell.run_statements({"\\timing on", "\\timing off", "\\timing off", "\\timing", "\\x on", "\\x on",
                              "\\x off", "\\x off", "\\format", "\\x", "\\x"});
    EXPECT_EQ(testing::internal::GetCapturedStdout(),
              "Timing is on.\nTiming is off.\nTiming is off.\nTiming is on.\n"
              "One column per line is on.\nOne column per line is on.\nOne column per line is off.\n"
              "One column per line is off.\nThe format is table.\nOne column per line is on.\n"
              "One column per line is off.\n");
    EXPECT_EQ(code, kExitOk);
    EXPECT_EQ(shell.run_statements({"\\x maybe"}), kExitStatementFailed);
}

// The reply of a query without rows has no names; they are asked for.
TEST(Shell, AnEmptyResultHasItsColumns) {
    std::mutex mutex;
    std::vector<std::string> asked;
    test::FakeServer server([&](test::FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            std::lock_guard lock(mutex);
            asked.push_back(*request);
            if (request->find("\"options\":{\"describe\":true}") != std::string::npos)
                peer.frame(
                    R"({"columns":[{"name":"a","type":"int"},{"name":"b","type":null}],"parameters":[]})");
            peer.done();
        }
    });
    auto client = Client::connect(server.address(), {});
    ASSERT_TRUE(client.ok());
    Interrupts interrupts;
    for (const auto& [format, text] :
         {std::pair(OutputFormat::csv, "a,b\n"), std::pair(OutputFormat::table, " a | b\n---+---\n"),
          std::pair(OutputFormat::json, "[]\n")}) {
        CommandLine line;
        line.format = format;
        line.quiet = true;
        Shell shell(*client, {}, line, interrupts);
        testing::internal::CaptureStdout();
        EXPECT_EQ(shell.run_statements({"select a, b from t -- none"}), kExitOk);
        EXPECT_EQ(testing::internal::GetCapturedStdout(), text);
    }
    EXPECT_EQ(asked.size(), 5u) << "JSON needs no names";
}

class Completion : public testing::Test {
  protected:
    Completer completer{[] {
                            return std::vector<std::string>{"users", "user_events", "flights"};
                        },
                        [](const std::string& table) {
                            return table == "users" ? std::vector<std::string>{"id", "email"}
                                                    : std::vector<std::string>{"origin"};
                        }};
    std::vector<std::string> offers(std::string_view before, std::string_view all = {}) {
        return completer.complete(before, all.empty() ? before : all).candidates;
    }
    using Texts = std::vector<std::string>;
};

TEST_F(Completion, OffersWhatFits) {
    EXPECT_EQ(offers("select * from us"), (Texts{"user_events", "users"}));
    EXPECT_EQ(offers("SELECT em", "SELECT em from users"), (Texts{"email"}));
    EXPECT_EQ(offers("select em"), Texts{});
    EXPECT_EQ(offers("sele"), (Texts{"select"}));
    EXPECT_EQ(offers("\\t"), (Texts{"\\tail", "\\timeout", "\\timing"}));
    EXPECT_EQ(offers("\\d fl"), (Texts{"flights"}));
    EXPECT_EQ(offers("\\format n"), (Texts{"ndjson"}));
    EXPECT_EQ(Completer::common_prefix({"user_events", "users"}), "user");
}

}  // namespace
}  // namespace datalake::cli
