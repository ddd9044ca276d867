// Commands of the prompt and results of any statement, through scripts: \tail, \i, \o, \dt, \save; files of
// others.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CliCommandsTest : public ClusterTest {
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
    static std::string read(const std::string& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string client_;
};

TEST_F(CliCommandsTest, RowsOfAnyStatementAreOneResultAndAreSaved) {
    auto client = connect();
    must(client, sql("create table r(id int primary key, d string, v int)"));
    must(client, sql("insert into r values (1, 'a', 1), (2, 'b', 2), (3, 'a', 5)"));
    auto run = run_program(client_ + "--format csv -c 'pivot (select d, v from r) on d using sum(v)'");
    EXPECT_EQ(run.output, "a,b\n6,2\n");
    run = run_program(client_ + "--format csv -c 'unpivot (select id, v from r order by id) on v'");
    EXPECT_EQ(run.output, "id,name,value\n1,v,1\n2,v,2\n3,v,5\n") << "one header";
    run = run_program(client_ + "--format json -c cluster_status");
    EXPECT_EQ(run.output.find('['), run.output.rfind('[')) << run.output;
    const auto saved = cluster().directory() + "/p.csv";
    for (const char* statement :
         {"pivot (select d, v from r) on d using sum(v)", "from (select sum(v) as a, 2 as b from r)",
          "{\"query\":\"select 1 as a, 2 as b\"}"}) {
        run = run_program(client_ + "-c 'select * from r' -c '" + statement + "' -c '\\save " + saved + "'");
        EXPECT_THAT(run.output, HasSubstr("1 rows in ")) << statement;
        std::ifstream in(saved);
        EXPECT_THAT(std::string(std::istreambuf_iterator<char>(in), {}), ::testing::StartsWith("a,b\n"))
            << statement;
    }
    must(client, sql("create view w as select id, d from r"));
    run = run_program(client_ + "--format csv -c 'desc w'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(run.output, "column,type,config,default\nid,int,\"\",\nd,string,\"\",\n");
    run = run_program(client_ + "--format csv -c '\\dt r*'");
    EXPECT_EQ(run.output, "table_name\nr\n");
    run = run_program(client_ + "-c '{\"sql\":\"insert into r select id + 10, d, v from r\"}'");
    EXPECT_THAT(run.output, HasSubstr("OK (3 rows, "));
    run = run_program(client_ + "-c 'delete from r where id = 999'");
    EXPECT_THAT(run.output, HasSubstr("OK (1 delete, "));
}

// What other systems write is taken as they mean it.
TEST_F(CliCommandsTest, FilesOfOtherSystems) {
    auto client = connect();
    const auto load = [&](const std::string& name, const std::string& text, const std::string& options) {
        return run_program(client_ + "--load " + write(name, text) + " " + options);
    };
    const auto all = [&](const std::string& query) {
        return run_program(client_ + "-q --no-header --format csv -c \"" + query + "\"").output;
    };
    auto run = load("copy.tsv", "1\ta\\tb\n2\t\\N\n3\tx\\\ny\n",
                    "--table c --key column0 --create --backslash --no-header");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(all("select length(column1), column1 is null from c order by column0"),
              "3,false\n,true\n3,false\n");
    must(client, sql("create table d(id int primary key, v double)"));
    run = load("d.jsonl", "{\"id\":1,\"v\":NaN}\n{\"id\":2,\"v\":-Infinity}\n{\"id\":3,\"v\":1.5}\n",
               "--table d");
    EXPECT_EQ(run.status, 0) << run.output;
    run = load("d.csv", "id,v\n4,NaN\n5,Infinity\n", "--table d");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(all("select count(*) from d where isnan(v) or isinf(v)"), "4\n");
    run = load("mixed.csv", "id,n,p\n1,7,10\n2,NaN,1.000\n", "--table mixed --key id --create");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("NOTE: column n is a string because of \"NaN\""));
    EXPECT_THAT(run.output, HasSubstr("column p is a string because of \"1.000\""));
    EXPECT_EQ(all("select p from mixed order by id"), "10\n1.000\n");
    run = load("excel.csv",
               "sep=;\r\nid;at;crud\r\n1;2024-01-31 12:00:00 UTC;\r\n2;2024-01-31 12:00:00 +0100;insert\r\n",
               "--table excel --key id --create --types 'id:varchar(5)'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(all("select id, \\\"at\\\" from excel order by id"),
              "1,2024-01-31 12:00:00\n2,2024-01-31 11:00:00\n");

    run = load("day1.csv", "v\na\nb\n", "--table days --key row_number --create");
    EXPECT_EQ(run.status, 0) << run.output;
    run = load("day2.csv", "v\nc\n", "--table days --key row_number");
    EXPECT_EQ(run.status, 1) << run.output;
    EXPECT_THAT(run.output, HasSubstr("--row-number-from 3 goes on behind them"));
    run = load("day2.csv", "v\nc\n", "--table days --key row_number --row-number-from 3");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(all("select id, v from days order by id"), "1,a\n2,b\n3,c\n");
    run = load("twice.csv", "id,v\n9,a\n9,b\n", "--table days --key id");
    EXPECT_THAT(run.output, HasSubstr("NOTE: 1 row has a key that a row before has, too"));
}

// Partitions are of different lengths: one offset for all of them is no reason to refuse.
TEST_F(CliCommandsTest, TailBeginsAtAnOffsetOfEveryPartition) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) partition.number = 4"));
    for (int i = 0; i < 3; ++i)  // of one key: of one partition
        must(client, sql("insert into t values (7, " + std::to_string(i) + ")"));
    auto run = run_program(client_ + "--format csv -c '\\tail t --from 1 --count 2'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr(",1,insert,7,1\n"));
    EXPECT_THAT(run.output, HasSubstr(",2,insert,7,2\n"));
    const auto partition = run.output.substr(run.output.find('\n') + 1, 1);
    run = run_program(client_ + "--format csv -c '\\tail t --from beginning --partition " + partition +
                      " --count 1'");
    EXPECT_THAT(run.output, HasSubstr("\n" + partition + ",0,insert,7,0\n"));
    const std::string other = partition == "0" ? "1" : "0";
    run = run_program(client_ + "-c '\\tail t --partition " + other + " --from 1 --count 1'");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("OFFSET_OUT_OF_RANGE")) << "it was named";
    run = run_program(client_ + "-c '\\tail t --partition 4 --count 1'");
    EXPECT_THAT(run.output, HasSubstr("has no partition 4"));
    run = run_program(client_ + "-c '\\tail t --partition x'");
    EXPECT_THAT(run.output, HasSubstr("partition (one, or several"));
    must(client, sql("create view w as select id from t"));
    run = run_program(client_ + "-c '\\tail w --from 0'");
    EXPECT_THAT(run.output, HasSubstr("name one that it reads"));
}

// Names and values of a table that is altered while it is followed belong together.
TEST_F(CliCommandsTest, TailShowsTheColumnsOfEachRecord) {
    auto client = connect();
    for (const std::string format : {"ndjson", "csv"}) {
        must(client,
             sql("create table " + format + "(id int primary key, a int, f float) partition.number = 1"));
        must(client, sql("insert into " + format + " values (1, 11, 0.1)"));
        const auto path = cluster().directory() + "/followed." + format;
        auto followed = std::async(std::launch::async, [&] {
            return run_program("(" + client_ + "-q --format " + format + " -c '\\tail " + format +
                               " --from 0 --count 2' > " + path + ")");
        });
        for (int i = 0; read(path).find("insert") == std::string::npos && i < 1000; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        must(client, sql("alter table " + format + " drop a"));
        must(client, sql("alter table " + format + " add a int"));
        must(client, sql("insert into " + format + " (id, a, f) values (2, 22, 0.2)"));
        const auto run = followed.get();
        if (format == "ndjson") {
            EXPECT_EQ(run.status, 0) << run.output;
            EXPECT_THAT(read(path), HasSubstr(R"("id":1,"a":11,"f":0.1})")) << "a float as it was written";
            EXPECT_THAT(read(path), HasSubstr(R"("id":2,"f":0.2,"a":22})"));
        } else {
            EXPECT_NE(run.status, 0);
            EXPECT_THAT(run.output,
                        HasSubstr("they are now id, f, a: the record at offset 1 of partition 0"));
            EXPECT_THAT(read(path), Not(HasSubstr("22")));
        }
    }
}

// A file is run where it is named, as if its statements stood there; a failure in it is a failure of the
// whole.
TEST_F(CliCommandsTest, FilesOfStatementsRunWhereTheyAreNamed) {
    const auto inner = write("inner.sql", "select 'inner' as w;\n\\q\nselect 'behind the end' as w;\n");
    const auto outer = write("outer.sql",
                             "create table i(id int primary key);\ninsert into i values (1),\n"
                             "(2);\n\\i " +
                                 inner + "\nselect count(*) as n from i\n");
    auto run = run_program(client_ + "-q --no-header --format csv -c '\\i " + outer + "' -c 'select 3 as n'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(run.output, "inner\n2\n3\n");
    const auto bad = write("bad.sql", "select 1 as a;\nselect * from nowhere;\nselect 2 as a;\n");
    run = run_program(client_ + "-q --no-header --format csv -c '\\i " + bad + "'");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, ::testing::StartsWith("1\n"));
    EXPECT_THAT(run.output, HasSubstr("TABLE_NOT_FOUND"));
    EXPECT_THAT(run.output, Not(HasSubstr("\n2\n"))) << "the file ends with the statement that failed";
    run = run_program(client_ + "-q --no-header --format csv --continue-on-error -c '\\i " + bad +
                      "' -c 'select 3 as a'");
    EXPECT_EQ(run.status, 1) << "also when it goes on";
    EXPECT_THAT(run.output, HasSubstr("\n2\n3\n"));
    const auto itself = write("itself.sql", "select 1 as a;\n\\i " + cluster().directory() + "/itself.sql\n");
    run = run_program(client_ + "-c '\\i " + itself + "'");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("file within another"));
    for (const auto& [name, why] :
         {std::pair("/nowhere.sql", "No such file"), std::pair("", "is a directory")}) {
        run = run_program(client_ + "-c '\\i " + cluster().directory() + name + "'");
        EXPECT_EQ(run.status, 1) << name;
        EXPECT_THAT(run.output, HasSubstr(why));
    }
}

// What is printed goes to the file, and errors do not.
TEST_F(CliCommandsTest, ResultsGoToAFileAndBack) {
    const auto text = [](const std::string& path) {
        std::ifstream in(path);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto path = write("out.txt", "of before");
    const auto script =
        write("o.sql", "select 1 as shown;\n\\o " + path + "\nselect 2 as filed;\nselect * from nowhere;\n" +
                           "\\o " + cluster().directory() + "/no/such/folder\nselect 3 as filed;\n\\o\n" +
                           "select 4 as shown;\n");
    auto run = run_program(client_ + "-q --format csv --continue-on-error -f " + script);
    EXPECT_EQ(run.status, 1);
    EXPECT_EQ(text(path), "filed\n2\nfiled\n3\n")
        << "emptied first; a file that cannot be written changes nothing";
    for (const char* there : {"shown\n1\n", "shown\n4\n", "TABLE_NOT_FOUND", "cannot be written"})
        EXPECT_THAT(run.output, HasSubstr(there));
    EXPECT_THAT(run.output, Not(HasSubstr("filed")));
    // The end of the program ends the file, too.
    run = run_program(client_ + "-q --format csv -c '\\o " + path + "' -c 'select 5 as filed'");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(run.output, "");
    EXPECT_EQ(text(path), "filed\n5\n");
}

// On a terminal a statement that writes what it reads says how far it is, and how many rows it were in the
// end.
TEST_F(CliCommandsTest, LongWritesSayHowFarTheyAre) {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    ASSERT_GE(terminal, 0);
    ASSERT_EQ(::grantpt(terminal), 0);
    ASSERT_EQ(::unlockpt(terminal), 0);
    const std::string name = ::ptsname(terminal);
    const int kept = ::open(name.c_str(), O_RDWR | O_NOCTTY);  // what is in it outlives the client
    const auto drawn = [&] {
        std::string text(1u << 16, '\0');
        const auto got = ::read(terminal, text.data(), text.size());
        text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return text;
    };
    const auto on_terminal = [&](const std::string& statement) {
        return run_program("(" + client_ + "-c '" + statement + "' 2>" + name + ")");
    };
    auto run =
        on_terminal("create table big primary key (i) as select i, i % 7 as v from range(5000000) r(i)");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("OK (5000000 rows, "));
    auto shown = drawn();
    EXPECT_THAT(shown, HasSubstr(" rows/s"));
    EXPECT_TRUE(shown.ends_with("\r\033[K")) << "gone when it is done";
    run = on_terminal("delete from big where v >= 0");
    EXPECT_THAT(run.output, HasSubstr("OK (5000000 deletes, "));
    EXPECT_THAT(drawn(), HasSubstr(" rows/s"));
    run = on_terminal("select {a: 1} as progress");
    EXPECT_THAT(run.output, HasSubstr("{\"a\":1}"));
    run = on_terminal("{\"query\":\"select 7 as rows_done, {a: 1} as progress\"}");
    EXPECT_THAT(run.output, HasSubstr("{\"a\":1}")) << "a row is no word of progress";
    ::close(kept);
    ::close(terminal);
}

}  // namespace
}  // namespace dl::test
