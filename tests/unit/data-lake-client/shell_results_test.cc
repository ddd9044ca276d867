// What the prompt makes of replies that are rows, and which of them \save writes.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "data-lake-client/cli/interrupt.h"
#include "data-lake-client/cli/shell.h"
#include "tests/unit/data-lake-client/fake_server.h"

namespace datalake::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Answers every statement with two rows, {"n": number of the statement, "k": 1} and {..., "k": 2}; a delete
// or insert with its meta, `alter` with its success alone.
class ShellResults : public testing::Test {
  protected:
    ShellResults()
        : server([this](test::FakePeer& peer, int) {
              while (auto request = peer.read_frame()) {
                  std::string text;
                  {
                      std::lock_guard lock(mutex);
                      asked.push_back(*request);
                      text = "{\"n\":" + std::to_string(asked.size());
                  }
                  const auto is = [&](const char* word) { return request->find(word) != std::string::npos; };
                  if (is("delete from") || is("insert into")) {
                      if (is("\"meta\":true")) peer.frame(R"({"meta":{"offsets":{"0":[4,6]},"rows":3}})");
                  } else if (is("show_table")) {
                      peer.frame(R"(["a","b"])");
                      continue;
                  } else if (is("stream_read")) {
                      for (const char* id : {"1", "2"})
                          peer.frame(std::string(R"({"table_name":"t","offset":)") + id + "}");
                      if (is("\"meta\":true")) peer.frame(R"({"meta":{"next":{"0":3},"table_id":"a"}})");
                  } else if (!is("alter")) {
                      peer.frame(text + ",\"k\":1}");
                      peer.frame(text + ",\"k\":2}");
                  }
                  peer.done();
              }
          }),
          client(std::move(*Client::connect(server.address(), {}))),
          folder(std::filesystem::path(testing::TempDir()) / ("dl_shell_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder);
    }
    ~ShellResults() override { std::filesystem::remove_all(folder); }

    std::string run(const std::vector<std::string>& statements, OutputFormat format = OutputFormat::csv,
                    int code = kExitOk) {
        CommandLine line;
        line.format = format;
        Shell shell(client, {}, line, interrupts);
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        EXPECT_EQ(shell.run_statements(statements), code);
        errors = testing::internal::GetCapturedStderr();
        return testing::internal::GetCapturedStdout();
    }
    std::string path(const std::string& name) const { return (folder / name).string(); }
    static std::string text(const std::string& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    std::mutex mutex;
    std::vector<std::string> asked;
    test::FakeServer server;
    Client client;
    Interrupts interrupts;
    std::filesystem::path folder;
    std::string errors;
};

// Whatever word a statement begins with, its rows are one result.
TEST_F(ShellResults, RowsAreOneResult) {
    for (const char* statement :
         {"pivot t on a using sum(b)", "UNPIVOT t ON a", "cluster_status", "show sizes", "show offsets t",
          "summarize t", "from t limit 2", "values (1), (2)", "elect unclean table t partition 0 node 'n:1'",
          "check t", R"({"query":"pivot t on a"})", R"({"sql":"cluster_status"})", R"({"check_table":"t"})",
          R"({"sql":"unpivot t on a"})", R"({"sql":"a word of a later server"})"}) {
        asked.clear();
        EXPECT_EQ(run({statement}), "n,k\n1,1\n1,2\n") << statement;
        asked.clear();
        EXPECT_EQ(run({statement}, OutputFormat::json), "[\n  {\"n\":1,\"k\":1},\n  {\"n\":1,\"k\":2}\n]\n")
            << statement;
    }
    EXPECT_THAT(run({"cluster_status"}, OutputFormat::table), HasSubstr("(2 rows, "));
    EXPECT_THAT(run({"alter table t set copies = 2"}, OutputFormat::table), HasSubstr("OK ("));
    EXPECT_THAT(run({R"({"sql":"delete from t","options":{"meta":true}})"}), HasSubstr("offsets,rows\n"))
        << "the meta as it came";
}

// What options.meta asks for is no record, whatever the rows are printed as.
TEST_F(ShellResults, TheMetaOfAReadIsNoRow) {
    const char* read = R"({"stream_read":{"table_name":"t"},"options":{"format":"json","meta":true}})";
    const std::string meta = "{\"meta\":{\"next\":{\"0\":3},\"table_id\":\"a\"}}\n";
    EXPECT_EQ(run({read}, OutputFormat::ndjson),
              "{\"table_name\":\"t\",\"offset\":1}\n{\"table_name\":\"t\",\"offset\":2}\n" + meta);
    EXPECT_EQ(run({read}, OutputFormat::csv), "table_name,offset\nt,1\nt,2\n");
    EXPECT_EQ(errors, meta) << "no line of a CSV";
    EXPECT_THAT(run({read}, OutputFormat::json), Not(HasSubstr("meta")));
    EXPECT_EQ(errors, meta);
    const auto table = run({read}, OutputFormat::table);
    EXPECT_THAT(table, HasSubstr("(2 rows, "));
    EXPECT_THAT(table, testing::EndsWith(")\n" + meta));
}

// The last statement that gave rows is the one that is saved, whatever it is.
TEST_F(ShellResults, SaveWritesTheLastResult) {
    const auto file = path("p.csv");
    for (const char* statement :
         {"pivot t on a using sum(b)", "from t limit 1", "values (1)", "summarize t", "cluster_status",
          "(select 1)", "explain select 1", R"({"query":"select 2"})"}) {
        asked.clear();
        const auto printed = run({"select 1", statement, "insert into t values (1)", "\\save " + file});
        EXPECT_THAT(printed, HasSubstr("2 rows in " + file)) << statement;
        ASSERT_EQ(asked.size(), 4u);
        EXPECT_EQ(asked[3], asked[1]) << statement;
        EXPECT_EQ(text(file), "n,k\n4,1\n4,2\n") << statement;
        EXPECT_THAT(run({statement, "\\save " + file}), HasSubstr("2 rows in")) << "no SELECT before it";
    }
    run({"select 1", "show_table", "\\save " + file});
    EXPECT_EQ(text(file), "table_name\na\nb\n");
    asked.clear();
    run({"select 1", "elect unclean table t partition 0 node 'n:1'", "\\save " + file}, OutputFormat::csv,
        kExitStatementFailed);
    EXPECT_EQ(asked.size(), 2u) << "not done twice";
    EXPECT_THAT(errors, HasSubstr("is not run again"));
    run({"insert into t values (1)", "\\save " + file}, OutputFormat::csv, kExitStatementFailed);
    EXPECT_THAT(errors, HasSubstr("there was no query yet"));
}

// The prompt of a person says how many rows a JSON write wrote, too; a script gets what it asked for.
TEST_F(ShellResults, WritesAreCounted) {
    const auto table = [&](const char* statement) {
        asked.clear();
        return run({statement}, OutputFormat::table);
    };
    EXPECT_THAT(table(R"({"sql":"delete from t where a = 1"})"), HasSubstr("OK (3 deletes, "));
    EXPECT_EQ(asked[0], R"({"sql":"delete from t where a = 1","options":{"meta":true}})");
    EXPECT_THAT(table("delete from t where a = 1"), HasSubstr("OK (3 deletes, "))
        << "of keys, with rows or not";
    EXPECT_THAT(table("insert into t values (1)"), HasSubstr("OK (3 rows, "));
    EXPECT_THAT(table(R"({"options":{"timeout_ms":5},"sql":"insert into t select 1"})"),
                HasSubstr("OK (3 rows, "));
    EXPECT_EQ(asked[0], R"({"options":{"meta":true,"timeout_ms":5},"sql":"insert into t select 1"})");
    EXPECT_THAT(table(R"({"sql":"insert into t select 1","options":{}})"), HasSubstr("OK (3 rows, "));
    const char* lenient = R"({"insert":{"table_name":"t","data":{}},"options":{"on_error":"skip"}})";
    (void)table(lenient);
    EXPECT_EQ(asked[0], lenient) << "its reply has what was left out";
    const char* own = R"({"sql":"insert into t select 1","options":{"meta":false}})";
    EXPECT_THAT(table(own), HasSubstr("OK ("));
    EXPECT_EQ(asked[0], own);
    asked.clear();
    run({R"({"sql":"delete from t"})"}, OutputFormat::json);
    EXPECT_EQ(asked[0], R"({"sql":"delete from t"})");
}

// Who says how long it may take says it to the server: the wait of the client alone would end nothing there.
TEST_F(ShellResults, TheTimeLimitGoesWithEveryStatement) {
    const auto sent = [&](std::optional<double> seconds, const std::string& statement) {
        CommandLine line;
        line.format = OutputFormat::csv;
        line.timeout_seconds = seconds;
        Shell shell(client, {}, line, interrupts);
        asked.clear();
        testing::internal::CaptureStdout();
        shell.run_statements({statement});
        testing::internal::GetCapturedStdout();
        return asked.empty() ? "" : asked.back();
    };
    EXPECT_THAT(sent({}, "select 1"), Not(HasSubstr("timeout_ms")));
    EXPECT_EQ(sent({}, R"({"sql":"alter table t drop a"})"), R"({"sql":"alter table t drop a"})");
    EXPECT_THAT(sent(2.5, "select 1"), HasSubstr("\"timeout_ms\":2500}"));
    EXPECT_EQ(sent(120, "alter table t drop a"),
              R"({"sql":"alter table t drop a","options":{"timeout_ms":120000}})");
    EXPECT_EQ(sent(1, "delete from t where a = 1"),
              R"({"sql":"delete from t where a = 1","options":{"timeout_ms":1000,"meta":true}})");
    EXPECT_EQ(sent(0, R"({"query":"select 1"} )"),
              R"({"query":"select 1","options":{"timeout_ms":86400000}})");
    EXPECT_EQ(sent(1, R"({"options":{"describe":true},"query":"select 1"})"),
              R"({"options":{"timeout_ms":1000,"describe":true},"query":"select 1"})");
    const char* own = R"({"query":"select 1","options":{"timeout_ms":7}})";
    EXPECT_EQ(sent(1, own), own);
    for (const char* broken : {R"({"sql":"select 1")", R"({"sql":"insert into t)", "[1]", "{}"})
        EXPECT_EQ(sent(1, broken), broken) << "the server says what is wrong with it";
    EXPECT_THAT(run({"\\timeout", "\\timeout 1.5", "select 1", "\\timeout 0"}),
                HasSubstr("as long as the server allows.\nA statement may take 1.5 s.\n"));
    EXPECT_THAT(asked.back(), HasSubstr("\"timeout_ms\":1500"));
    for (const char* wrong : {"\\timeout soon", "\\timeout -1", "\\timeout 1e9", "\\timeout nan"})
        run({wrong}, OutputFormat::csv, kExitStatementFailed);
    EXPECT_GT(time_limit(2).wait, std::chrono::milliseconds(time_limit(2).statement_ms));
    EXPECT_EQ(time_limit(0).wait.count(), 0) << "for ever";
    EXPECT_EQ(time_limit(0.00001).statement_ms, 1);
}

TEST_F(ShellResults, FilesOfStatementsAndOfResults) {
    const auto script = path("script.sql"), outer = path("outer.sql"), results = path("results.csv");
    std::ofstream(script) << "\xef\xbb\xbfselect 1;\n\\q\nselect 2;\n";
    std::ofstream(outer) << "\\i " << script << "\nselect 3;\n";
    EXPECT_EQ(run({"\\i " + outer}), "n,k\n1,1\n1,2\nn,k\n2,1\n2,2\n") << "\\q ends its file only";
    EXPECT_EQ(asked[0].find("\xef"), std::string::npos) << "the mark of an editor is no statement";
    std::ofstream(outer) << "\\i " << outer << "\n";
    run({"\\i " + outer}, OutputFormat::csv, kExitStatementFailed);
    EXPECT_THAT(errors, HasSubstr("file within another"));
    run({"\\i " + path("nowhere.sql"), "select 1"}, OutputFormat::csv, kExitStatementFailed);
    EXPECT_THAT(errors, HasSubstr("nowhere.sql cannot be read"));
    asked.clear();
    EXPECT_EQ(run({"\\o " + results, "select 1", "\\o", "select 2"}), "n,k\n2,1\n2,2\n");
    EXPECT_EQ(text(results), "n,k\n1,1\n1,2\n");
    run({"\\o " + path("no/such/folder/f.csv")}, OutputFormat::csv, kExitStatementFailed);
    EXPECT_THAT(errors, HasSubstr("cannot be written"));
    EXPECT_EQ(run({"\\dt A*"}), "table_name\na\n");
    EXPECT_EQ(run({"\\d ?"}), "table_name\na\nb\n");
    EXPECT_EQ(run({"\\dt x*"}), "table_name\n");
}

}  // namespace
}  // namespace datalake::cli
