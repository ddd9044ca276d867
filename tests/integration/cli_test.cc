// data-lake-client as scripts use it: -c, -f, standard input, formats, loading, exit codes, errors on stderr.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CliTest : public ClusterTest {
  protected:
    void SetUp() override {
        start();
        client_ = program_path("data-lake-client") + " 127.0.0.1:" + std::to_string(cluster().port()) + " ";
    }
    std::string write(const std::string& name, const std::string& text) {
        auto path = cluster().directory() + "/" + name;
        std::ofstream(path) << text;
        return path;
    }
    std::string client_;
};

TEST_F(CliTest, StatementsFormatsAndExitCodes) {
    auto run = run_program(client_ +
                           "-c 'create table t(id int primary key, name string)' -c \"insert into t values "
                           "(1, 'a,b'), (2, null)\" "
                           "--format csv -c 'select * from t order by id'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("id,name\n1,\"a,b\"\n2,"));
    run = run_program(client_ + "--format ndjson -q -c '{\"query\":\"select * from t where id = 1\"}'");
    EXPECT_EQ(run.output, "{\"id\":1,\"name\":\"a,b\"}\n");
    run = run_program(client_ +
                      "-q --format csv -c '{\"query\":\"select 7 as n\",\"options\":{\"meta\":true}}'");
    EXPECT_THAT(run.output, HasSubstr("n\n7\n"));
    EXPECT_THAT(run.output, HasSubstr("{\"meta\":{\"offsets\":")) << "as it came, on stderr: it is no row";
    run = run_program(client_ + "-c 'select * from nowhere'");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("TABLE_NOT_FOUND"));
    run = run_program(client_ + "-c 'select * from nowhere' 2>/dev/null");
    EXPECT_THAT(run_program("sh -c \"" + client_ + "-c 'select * from nowhere' 2>/dev/null\"").output,
                Not(HasSubstr("TABLE_NOT_FOUND")))
        << "errors go to stderr";
    EXPECT_NE(run_program(program_path("data-lake-client") + " 127.0.0.1:1 -c 'select 1'").status, 0);
    EXPECT_EQ(run_program(client_ + "--nonsense").status, 2);
}

TEST_F(CliTest, StatementsThatMakeTablesAndViewsAreShownAsTheyAreWritten) {
    const auto script = write("script.sql",
                              "create table t(id int primary key, name varchar(9) default 'a\x1b[31m');\n"
                              "create view v as select id\nfrom t;\n"
                              "show create table t;\nshow create view v;\n\\d\n\\d v\n\\d t\n");
    auto run = run_program(client_ + "-f " + script);
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("create table t (\n  id int primary key,\n  name varchar(9) default "
                                      "'a\\x1b[31m'\n) partition.number = 1;\n"));
    EXPECT_THAT(run.output, Not(HasSubstr("\x1b")));
    EXPECT_THAT(run.output, HasSubstr("create view \"v\" as\nselect id\nfrom t;\n"));
    for (const char* shown : {"table_name", "\nview v\n", "column", "(1 row", "(2 rows"})
        EXPECT_THAT(run.output, HasSubstr(shown));
    run = run_program(client_ + "--format ndjson -c 'show create table t'");
    EXPECT_THAT(run.output, HasSubstr("{\"table_name\":\"t\",\"create_statement\":\"create table t (\\n"));
}

TEST_F(CliTest, StandardInputFilesAndJsonOverSeveralLines) {
    const auto script = write("script.sql",
                              "create table t(id int primary key, v string);\n{\n  \"batch_insert\": {\n    "
                              "\"table_name\": \"t\",\n"
                              "    \"data\": [{\"id\": 1, \"v\": \"x;y\"}]\n  }\n}\nselect v from t;\n");
    auto run = run_program(client_ + "--format csv -f " + script);
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("x;y"));
    run = run_program("echo 'select count(*) as n from t' | " + client_ + "--format csv -q");
    EXPECT_EQ(run.output, "n\n1\n") << "also without a closing semicolon";
    EXPECT_THAT(run.output, Not(HasSubstr("\033"))) << "no colour when not a terminal";
}

TEST_F(CliTest, LoadsCsvAndJsonLinesAndReportsRefusedRows) {
    std::string csv = "id,name,score\n";
    for (int i = 1; i <= 2000; ++i)
        csv += std::to_string(i) + ",n" + std::to_string(i) + "," + std::to_string(i * 2) + "\n";
    auto run = run_program(client_ + "--load " + write("people.csv", csv) +
                           " --table people --key id --create --partitions 2");
    EXPECT_EQ(run.status, 0) << run.output;
    auto client = connect();
    EXPECT_EQ(value(client, "select count(*) from people where score = id * 2"), 2000);

    must(client, sql("create table strict(id int primary key, n int not null)"));
    std::string lines;
    for (int i = 1; i <= 100; ++i)
        lines +=
            "{\"id\":" + std::to_string(i) + ",\"n\":" + (i == 50 ? "\"bad\"" : std::to_string(i)) + "}\n";
    run = run_program(client_ + "--load " + write("strict.jsonl", lines) + " --table strict");
    EXPECT_THAT(run.output, HasSubstr("50"));
    EXPECT_EQ(value(client, "select count(*) from strict"), 99) << run.output;

    run = run_program(client_ + "--load " + cluster().directory() +
                      "/people.csv --table numbered --key row_number:line --create --rows 10");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(value(client, "select max(line) from numbered"), 10);
    run = run_program(client_ + "--load /does/not/exist.csv --table x --create");
    EXPECT_NE(run.status, 0);
    EXPECT_THAT(run.output, HasSubstr("exist.csv"));
}

// What a user has stays when what is to replace it fails.
TEST_F(CliTest, FilesOfTheUserSurviveAFailure) {
    const auto text = [](const std::string& path) {
        std::ifstream in(path);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto keep = write("keep.csv", "mine\n");
    auto run =
        run_program(client_ + "-c 'select * from nowhere' --continue-on-error -c '\\save " + keep + "'");
    EXPECT_EQ(run.status, 1) << run.output;
    EXPECT_EQ(text(keep), "mine\n");
    run = run_program(client_ + "-c 'select 7 as n' -c '\\save " + keep + "'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(text(keep), "n\n7\n");

    const auto input = write("a.csv", "id,v\n1,x\n");
    run = run_program(client_ + "--load " + input + " --table t --key id --create --rejects " +
                      cluster().directory() + "/./a.csv");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("is one of the files to load"));
    EXPECT_EQ(text(input), "id,v\n1,x\n");
    const auto rejects = write("rejects.csv", "of the last load\n");
    run = run_program(client_ + "--load " + input + " --table nowhere --rejects " + rejects);
    EXPECT_EQ(run.status, 1);
    EXPECT_EQ(text(rejects), "of the last load\n") << "nothing was loaded, nothing was refused";
}

// The page has every option and every command that the program has.
TEST_F(CliTest, ThePageHasWhatTheHelpHas) {
    std::ifstream file(DL_SOURCE_DIR "/docs/client.md");
    const std::string page(std::istreambuf_iterator<char>(file), {});
    // Of several names of one thing (`-q,--quiet`) one is enough.
    const auto missing = [&](const std::string& text, const std::string& pattern) {
        std::string lines;
        const std::regex line(pattern), name(R"(--?[A-Za-z-]+|\\[a-z?]+)");
        for (std::sregex_iterator found(text.begin(), text.end(), line), end; found != end; ++found) {
            const auto names = found->str(1);
            bool there = false;
            for (std::sregex_iterator one(names.begin(), names.end(), name); one != end; ++one)
                there = there || page.find('`' + one->str()) != std::string::npos;
            if (!there) lines += names + "\n";
        }
        return lines;
    };
    EXPECT_EQ(missing(run_program(client_ + "--help").output, R"(\n  (-[A-Za-z,-]+))"), "");
    EXPECT_EQ(missing(run_program(client_ + "-c '\\?'").output, R"(\n  (\\[a-z?]+) )"), "");
}

// What scripts/cluster.sh prints can be pasted: it names the programs and data that it was started with.
TEST(ClusterScript, PrintsWhatReachesItsCluster) {
    const auto folder = std::filesystem::temp_directory_path() / ("dl_cluster_" + std::to_string(::getpid()));
    for (const char* name : {"master", "slave", "data-lake-client"}) {
        std::filesystem::create_directories(folder / name);
        std::filesystem::create_symlink(program_path(name), folder / name / name);
    }
    const std::string script = DL_SOURCE_DIR "/scripts/cluster.sh ", build = " --build " + folder.string();
    EXPECT_EQ(run_program(script + "--stop" + build).output, "cluster: nothing runs there\n");
    auto port = free_port();
    while (port_accepts(static_cast<std::uint16_t>(port + 1)))
        port = free_port();
    auto run = run_program(script + "1 --port " + std::to_string(port) + build);
    EXPECT_EQ(run.status, 0) << run.output;
    for (const char* action : {"cluster.sh kill 1", "cluster.sh start 1", "cluster.sh --stop"}) {
        EXPECT_THAT(run.output, HasSubstr(action + build + "\n"));
    }
    for (const char* action : {"kill 1", "start 1"})
        EXPECT_EQ(run_program(script + action + build).status, 0) << action;
    const auto data = "; the data are in " + folder.string() + "/cluster-data\n";
    EXPECT_EQ(run_program(script + "--stop" + build).output, "cluster: stopped" + data);
    EXPECT_EQ(run_program(script + "--stop" + build).output, "cluster: nothing runs there" + data);
    EXPECT_EQ(run_program(script + "--remove" + build).status, 0);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace dl::test
