#include "data-lake-client/cli/load/loader.h"

#include <gtest/gtest.h>
#include <snappy.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "data-lake-client/cli/load/arrow_schema.h"
#include "data-lake-client/cli/load/json_source.h"
#include "data-lake-client/cli/load/load_settings.h"
#include "tests/unit/data-lake-client/fake_server.h"

namespace datalake::cli {
namespace {

using test::FakePeer;
using test::FakeServer;

// Sends ranges to a server that refuses some rows, with or without naming them.
struct Refusing {
    std::set<std::uint32_t> bad;
    bool names_rows = true;
    std::vector<std::uint32_t> accepted;
    int sends = 0;

    Result<void> operator()(std::uint32_t first, std::uint32_t end) {
        ++sends;
        for (auto row = first; row < end; ++row)
            if (bad.contains(row))
                return Error(ErrorCode::invalid_value,
                             names_rows ? "row " + std::to_string(row - first) + ", column age: x is no int"
                                        : "x is no int");
        for (auto row = first; row < end; ++row)
            accepted.push_back(row);
        return {};
    }
};

TEST(SendSplitting, LoadsAllRowsButTheBadOnes) {
    for (const bool names_rows : {true, false}) {
        Refusing server{.bad = {0, 7, 8, 99}, .names_rows = names_rows};
        std::uint64_t loaded = 0;
        std::vector<BatchRefusal> refused;
        auto sent = send_splitting(std::ref(server), 0, 100, loaded, refused, [] { return true; });
        ASSERT_TRUE(sent.ok());
        EXPECT_EQ(loaded, 96u);
        ASSERT_EQ(refused.size(), 4u);
        EXPECT_EQ(refused[1].row, 7u);
        EXPECT_EQ(refused[3].row, 99u);
        EXPECT_EQ(server.accepted.size(), 96u);
        EXPECT_TRUE(
            std::is_sorted(server.accepted.begin(), server.accepted.end()));  // order of the file kept
        if (names_rows) {
            EXPECT_LE(server.sends, 12);
        }
    }
}

// A server that names the wrong row must not make a good one be refused.
TEST(SendSplitting, ANamedRowIsTriedAlone) {
    std::vector<std::uint32_t> accepted;
    const auto send = [&](std::uint32_t first, std::uint32_t end) -> Result<void> {
        if (first <= 5 && 5 < end) return Error(ErrorCode::invalid_value, "row 0, column age: x is no int");
        for (auto row = first; row < end; ++row)
            accepted.push_back(row);
        return {};
    };
    std::uint64_t loaded = 0;
    std::vector<BatchRefusal> refused;
    ASSERT_TRUE(send_splitting(send, 0, 20, loaded, refused, [] { return true; }).ok());
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].row, 5u);
    EXPECT_EQ(accepted.size(), 19u);
}

TEST(SendSplitting, StopsAtOtherErrorsAndAtTooManyRefusedRows) {
    std::uint64_t loaded = 0;
    std::vector<BatchRefusal> refused;
    const auto gone = [](std::uint32_t, std::uint32_t) -> Result<void> {
        return Error(ErrorCode::table_not_found, "no t");
    };
    EXPECT_EQ(send_splitting(gone, 0, 10, loaded, refused, [] { return true; }).error().code(),
              ErrorCode::table_not_found);
    Refusing server{.bad = {0, 1, 2, 3, 4, 5}};
    auto sent = send_splitting(std::ref(server), 0, 10, loaded, refused, [&] { return refused.size() < 3; });
    EXPECT_EQ(sent.error().code(), ErrorCode::limit_exceeded);
    EXPECT_EQ(refused.size(), 3u);
}

TEST(SendSplitting, FindsTheRowInAMessage) {
    EXPECT_EQ(row_named_in("row 17, column a", 100), 17u);
    EXPECT_EQ(row_named_in("table t, row 0: x", 1), 0u);
    EXPECT_EQ(row_named_in("row 17", 17), std::nullopt);
    EXPECT_EQ(row_named_in("arrow x", 17), std::nullopt);
    EXPECT_EQ(row_named_in("row 99999999999999999999", 17), std::nullopt);
    EXPECT_EQ(table_column_name("Größe (cm)"), "größe__cm_");
    EXPECT_EQ(table_column_name("2nd"), "_2nd");
    EXPECT_EQ(table_column_name("Temp \u00b0C"), "temp__c");
    EXPECT_EQ(table_column_name("CO\u2082"), "co_");
    EXPECT_EQ(table_column_name("\u00b5g/m\u00b3"), "\u00b5g_m_");
    EXPECT_EQ(table_column_name("a\u2013b"), "a_b");
    EXPECT_EQ(table_column_name("\u00bd"), "_");
    EXPECT_EQ(table_column_name("\U0001f600 Mood"), "__mood");
    EXPECT_EQ(table_column_name("\u0663x"), "_\u0663x") << "a digit of another script in front";
    EXPECT_EQ(table_column_name("\xff?"), "__");
}

class Loading : public testing::Test {
  protected:
    Loading() {
        folder = std::filesystem::path(testing::TempDir()) /
                 ("dl_load_" + std::to_string(::getpid()) + "_" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder);
    }
    ~Loading() override { std::filesystem::remove_all(folder); }
    std::string file(const std::string& name, const std::string& content) {
        std::ofstream(folder / name) << content;
        return (folder / name).string();
    }
    std::filesystem::path folder;
};

// A table t(id long key, age int): refuses batches with an age that is no number, naming the first such row.
class FakeTable {
  public:
    void operator()(FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (request->find("\"create\"") != std::string::npos) {
                std::lock_guard lock(mutex);
                created = *request;
                peer.done();
            } else if (request->find("\"query\"") != std::string::npos) {
                std::lock_guard lock(mutex);
                asked = *request;
                peer.frame("{\"last\":" + last_key + "}");
                peer.done();
            } else if (request->find("desc nowhere") != std::string::npos) {
                peer.error("TABLE_NOT_FOUND: table 'nowhere' does not exist; show_table lists the tables");
            } else if (request->find("desc") != std::string::npos) {
                peer.coded(-3,
                           R"({"id":"{\"datatype\":\"long\",\"column_config\":\"PRIMARY_KEY\"}",)"
                           R"("age":"{\"datatype\":\"int\",\"column_config\":\"NULL\"}","table_name":"t",)"
                           R"("major_key":"id","partition_number":"1","partition_address":"{}"})");
            } else {
                batch(peer, *peer.read_frame());
            }
        }
    }
    std::mutex mutex;
    std::string created;
    std::string asked;
    std::string last_key = "null";
    std::map<std::string, std::string> rows;
    int batches = 0;

  private:
    void batch(FakePeer& peer, const std::string& packed) {
        std::string plain;
        snappy::Uncompress(packed.data(), packed.size(), &plain);
        dl::ByteReader reader{std::string_view(plain)};
        reader.read_string();
        const auto columns = reader.read<std::uint32_t>();
        for (std::uint32_t i = 0; i < columns; ++i)
            reader.read_string();
        const auto count = reader.read<std::uint32_t>();
        std::map<std::string, std::string> fresh;
        for (std::uint32_t row = 0; row < count; ++row) {
            reader.read<std::uint32_t>();
            std::string id(reader.read_string()), age(reader.read_string());
            reader.read_string();
            if (age != "/~|" && age.find_first_not_of("0123456789") != std::string::npos)  // that is NULL
                return peer.error("INVALID_VALUE: row " + std::to_string(row) + ", column age: \"" + age +
                                  "\" is not an int");
            fresh[id] = age;
        }
        std::lock_guard lock(mutex);
        ++batches;
        rows.merge(fresh);
        peer.frame(R"({"meta":{"offsets":{}}})");
        peer.done();
    }
};

TEST_F(Loading, BadRowsAreReportedAndTheOthersLoaded) {
    std::string csv = "id,age\n";
    for (int i = 1; i <= 500; ++i)
        csv += std::to_string(i) + (i == 40 || i == 41 || i == 333 ? ",old\n" : ",30\n");
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.files = {file("t.csv", csv)},
                        .table = "t",
                        .batch_rows = 100,
                        .rejects_file = (folder / "rejects.csv").string()};
    Loader loader(server.address(), {}, options);
    LoadResult result;
    auto done = loader.run(result, [](const LoadProgress&) {});
    ASSERT_TRUE(done.ok()) << done.error().to_text();
    EXPECT_EQ(result.rows_read, 500u);
    EXPECT_EQ(result.rows_loaded, 497u);
    EXPECT_EQ(table.rows.size(), 497u);
    ASSERT_EQ(result.refused.size(), 3u);
    EXPECT_EQ(result.refused[0].origin.line, 41u) << "the header is line 1";
    EXPECT_EQ(result.refused[2].origin.line, 334u);
    EXPECT_EQ(result.refused[2].problem.column, "age");
    EXPECT_EQ(result.refused[2].problem.value, "old");
    EXPECT_EQ(result.refused[2].text, "333,old");
    EXPECT_EQ(server.connections(), 1);  // order of equal keys kept
}

TEST_F(Loading, RowNumberKeyCreatesAndUsesTwoConnections) {
    std::string csv = "Age\n";
    for (int i = 1; i <= 300; ++i)
        csv += "7\n";
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.files = {file("t.csv", csv)},
                        .table = "t",
                        .key = "row_number",
                        .create = true,
                        .partitions = 3,
                        .batch_rows = 50};
    Loader loader(server.address(), {}, options);
    LoadResult result;
    auto done = loader.run(result, [](const LoadProgress&) {});
    ASSERT_TRUE(done.ok()) << done.error().to_text();
    EXPECT_EQ(
        table.created,
        R"({"create":{"table_name":"t","col_type":{"id":"long","age":"long"},"partition_number":3,"major_key":"id"}})");
    EXPECT_EQ(table.rows.size(), 300u);
    EXPECT_EQ(table.rows.count("300"), 1u);
    EXPECT_EQ(server.connections(), 2);
}

// As `alter table t set copies` counts them: all of them.
TEST_F(Loading, CopiesOfACreatedTable) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.files = {file("t.csv", "id,age\n1,7\n")}, .table = "t", .key = "id", .create = true};
    ASSERT_TRUE(set_load_option(options, "copies", "3").ok());
    LoadResult result;
    auto done = Loader(server.address(), {}, options).run(result, [](const LoadProgress&) {});
    ASSERT_TRUE(done.ok()) << done.error().to_text();
    EXPECT_NE(table.created.find("\"replica_number\":3"), std::string::npos) << table.created;
    for (const char* copies : {"0", "6", "all"})
        EXPECT_FALSE(set_load_option(options, "copies", copies).ok()) << copies;
    options.create = false;
    done = Loader(server.address(), {}, options).run(result, [](const LoadProgress&) {});
    ASSERT_FALSE(done.ok()) << "the table has its own";
    EXPECT_NE(done.error().message().find("alter table t set copies = N"), std::string::npos);
}

// Rows of an earlier file are not replaced because the rows of this one are numbered alike.
TEST_F(Loading, RowNumbersDoNotReplaceRowsByChance) {
    FakeTable table;
    FakeServer server(std::ref(table));
    const auto run = [&](std::optional<std::uint64_t> from) {
        LoadOptions options{.files = {file("day2.csv", "age\n7\n8\n")}, .table = "t", .key = "row_number"};
        options.row_number_from = from;
        Loader loader(server.address(), {}, options);
        LoadResult result;
        auto done = loader.run(result, [](const LoadProgress&) {});
        return done.ok() ? std::string() : done.error().message();
    };
    EXPECT_EQ(run({}), "") << "an empty table";
    EXPECT_EQ(table.rows.count("1"), 1u);
    EXPECT_NE(table.asked.find("select max(\\\"id\\\") as last from \\\"t\\\""), std::string::npos)
        << table.asked;
    table.rows.clear();
    table.last_key = "2";
    const auto refusal = run({});
    EXPECT_NE(refusal.find("--row-number-from 3 goes on behind them"), std::string::npos) << refusal;
    EXPECT_TRUE(table.rows.empty());
    EXPECT_EQ(run(3), "");
    EXPECT_EQ(table.rows, (std::map<std::string, std::string>{{"3", "7"}, {"4", "8"}}));
    EXPECT_EQ(run(1), "") << "replaces, as asked for";
    table.last_key = "\"x9\"";
    EXPECT_NE(run({}).find("keys up to \"x9\""), std::string::npos);
    table.last_key = "0";
    EXPECT_EQ(run({}), "") << "no key that is a number of a row";
}

// smallint and the like go to the server as they are written; what they are stored as is known for the
// values.
TEST_F(Loading, DeclaredTypesAreTakenAsTypes) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{
        .files = {file("t.csv", "id,age\n1,2\n2,x\n")}, .table = "t", .key = "id", .create = true};
    ASSERT_TRUE(set_load_option(options, "types", "id:Varchar(20),age:smallint").ok());
    LoadResult result;
    EXPECT_TRUE(Loader(server.address(), {}, options).run(result, [](const LoadProgress&) {}).ok());
    EXPECT_NE(table.created.find(R"j("id":"varchar(20)","age":"smallint")j"), std::string::npos)
        << table.created;
    ASSERT_EQ(result.refused.size(), 1u);
    EXPECT_NE(result.refused[0].problem.reason.find("not an int"), std::string::npos);
    for (const char* types : {"a:json", "a:uuid", "a:char(3),b:time", "a:bigint", "a:decimal(5,2)"}) {
        LoadOptions other;
        EXPECT_TRUE(set_load_option(other, "types", types).ok()) << types;
    }
    for (const char* types : {"a:smallint(3)", "a:varchar(20", "a:money", "a:char"}) {
        LoadOptions other;
        EXPECT_FALSE(set_load_option(other, "types", types).ok()) << types;
    }
}

// An operation that is left empty is an insert, as one that is left out.
TEST_F(Loading, AnEmptyOperationInserts) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.files = {file("t.csv", "id,age,crud\n1,2,\n2,3,insert\n3,4,upsert\n")},
                        .table = "t"};
    LoadResult result;
    EXPECT_TRUE(Loader(server.address(), {}, options).run(result, [](const LoadProgress&) {}).ok());
    EXPECT_EQ(table.rows, (std::map<std::string, std::string>{{"1", "2"}, {"2", "3"}}));
    EXPECT_EQ(result.refused.size(), 1u);
}

// COPY text and OUTFILE: \N is NULL, an empty field is a text, quotes are text.
TEST_F(Loading, BackslashEscapes) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.files = {file("t.tsv", "1\t\\N\n2\t7\n\"3\t8\n4\t\n")}, .table = "t"};
    for (const auto& [name, value] : {std::pair("backslash", ""), std::pair("no-header", "")})
        ASSERT_TRUE(set_load_option(options, name, value).ok());
    LoadResult result;
    EXPECT_TRUE(Loader(server.address(), {}, options).run(result, [](const LoadProgress&) {}).ok());
    EXPECT_EQ(table.rows, (std::map<std::string, std::string>{{"1", "/~|"}, {"2", "7"}}));
    ASSERT_EQ(result.refused.size(), 2u);
    EXPECT_EQ(result.refused[0].problem.value, "\"3");
    EXPECT_EQ(result.refused[1].problem.value, "") << "an empty text is no int";
}

TEST_F(Loading, RowsOfOneKeyAreCounted) {
    FakeTable table;
    FakeServer server(std::ref(table));
    const auto notes = [&](const std::string& csv) {
        Loader loader(server.address(), {}, {.files = {file("t.csv", csv)}, .table = "t"});
        LoadResult result;
        auto done = loader.run(result, [](const LoadProgress&) {});
        EXPECT_TRUE(done.ok());
        std::string all;
        for (const auto& note : result.notes)
            all += note + "\n";
        return all;
    };
    EXPECT_EQ(notes("id,age\n1,2\n2,2\n3,2\n"), "");
    EXPECT_EQ(notes("id,age\n1,2\n2,3\n1,4\n"),
              "1 row has a key that a row before has, too; the last row of each key is the one that stays\n");
    EXPECT_EQ(notes("id,age\n1,2\n1.0,3\n1e0,4\n2,x\n2,5\n").substr(0, 15), "2 rows have a k")
        << "as they are stored";
    EXPECT_EQ(notes("id,age,crud\n1,2,insert\n1,,delete\n1,4,insert\n"), "")
        << "changes, one after the other";
    RepeatedKeys keys;
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 100'000; ++i)
            keys.see(std::to_string(i));
    EXPECT_EQ(keys.rows(), 100'000u);
    EXPECT_TRUE(keys.complete());
}

TEST_F(Loading, RefusesWhatCannotWork) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadResult result;
    const auto run = [&](LoadOptions options) {
        Loader loader(server.address(), {}, std::move(options));
        auto done = loader.run(result, [](const LoadProgress&) {});
        return done.ok() ? std::string() : done.error().message();
    };
    EXPECT_NE(run({.files = {file("a.csv", "id,size\n1,2\n")}, .table = "t"}).find("no column size"),
              std::string::npos);
    EXPECT_NE(
        run({.files = {file("b.csv", "age,x\n1,2\n")}, .table = "t", .create = true}).find("needs a key"),
        std::string::npos);
    EXPECT_NE(run({.files = {file("c.csv", "age\n1\n")}, .table = "t"})
                  .find("the file has no column id, the key of table t; it has age; with key row_number"),
              std::string::npos);
    LoadOptions skipping{.files = {file("c2.csv", "Ident,age\n1,2\n")}, .table = "t"};
    skipping.skip_unknown_fields = true;
    EXPECT_NE(run(skipping).find("; it has age, Ident;"), std::string::npos) << run(skipping);
    EXPECT_NE(
        run({.files = {file("c3.csv", "Ident,Größe\n1,2\n")}, .table = "t", .key = "id", .create = true})
            .find("the file has no column id; it has Ident, Größe"),
        std::string::npos);
    EXPECT_NE(run({.files = {file("d.csv", "id,age\n1,2\n")}, .table = "t", .key = "row_number"})
                  .find("has a column id"),
              std::string::npos);
    EXPECT_NE(run({.files = {file("e.csv", "a b,a_b\n1,2\n")}, .table = "t", .key = "a_b", .create = true})
                  .find("columns \"a b\" and \"a_b\" of the files would both be column a_b"),
              std::string::npos);
    for (const bool dry_run : {true, false}) {
        LoadOptions options{
            .files = {file("f.csv", "id,_offset\n1,2\n")}, .table = "t", .key = "id", .create = true};
        options.dry_run = dry_run;
        EXPECT_NE(run(options).find("column \"_offset\" of the file cannot be column _offset"),
                  std::string::npos);
        options.files = {file("g.csv", "id," + std::string(129, 'x') + "\n1,2\n")};
        EXPECT_NE(run(options).find("is longer than 128 bytes"), std::string::npos);
        options.files = {file("h.csv", "id,x\n1,2\n")};
        options.table = "t-1";
        EXPECT_NE(run(options).find("table name \"t-1\""), std::string::npos) << run(options);
    }
    EXPECT_EQ(run({.files = {file("j.csv", "id\n1\n")}, .table = "nowhere"}),
              "table 'nowhere' does not exist; show_table lists the tables; --create makes it, with types "
              "from the files");
    LoadOptions exact{.files = {file("k.csv", "id,a,b\n1,12.50,1.10\n2,7.25,2.20\n")},
                      .table = "t",
                      .key = "id",
                      .create = true};
    exact.types = {{"b", "decimal(9,2)"}};
    exact.dry_run = true;
    result = {};
    EXPECT_EQ(run(exact), "");
    EXPECT_EQ(
        result.notes,
        std::vector<std::string>{
            "column a is decimal(4,2), as wide as the values of the files; --types a:decimal(38,2) leaves "
            "room, and alter table t alter column a type decimal(38,2) makes it wider later"});
    LoadOptions many{.files = {file("i.csv", "id,age\n1,a\n2,b\n3,c\n4,d\n")}, .table = "t"};
    for (const std::uint32_t most : {0u, 1u, 3u}) {
        many.refused_max = most;
        result = {};
        EXPECT_NE(run(many).find("too many rows were refused"), std::string::npos);
        EXPECT_EQ(result.refused.size(), std::max(most, 1u));
    }
    EXPECT_TRUE(table.rows.empty());
}

// The notes of `--create` about a column v with these values, beside a key.
class Notes : public Loading {
  protected:
    std::vector<std::string> of(const std::vector<std::string>& values, const std::string& types = "",
                                const std::string& key = "id") {
        std::string csv = "id,v\n";
        for (std::size_t i = 0; i < values.size(); ++i)
            csv += std::to_string(i + 1) + "," + values[i] + "\n";
        FakeServer server([](FakePeer&, int) {});
        LoadOptions load{.files = {file("notes.csv", csv)}, .table = "t", .key = key, .create = true};
        load.dry_run = true;
        if (!types.empty()) {
            EXPECT_TRUE(set_load_option(load, "types", types).ok());
        }
        LoadResult result;
        auto done = Loader(server.address(), {}, load).run(result, [](const LoadProgress&) {});
        EXPECT_TRUE(done.ok()) << done.error().to_text();
        return result.notes;
    }
    using Lines = std::vector<std::string>;
};

// A column is a string because of a single value: the value, its line, and what would take all of them.
TEST_F(Notes, NameTheValueThatMadeAString) {
    const auto because = [](const std::string& rest) {
        return Lines{"column v is a string because of " + rest};
    };
    EXPECT_EQ(of({"0.5", "1e5", "2"}),
              because("\"1e5\" in line 3, which is no plain number; --types v:double takes all values"));
    EXPECT_EQ(of({"5", "nan", "2"}),
              because("\"nan\" in line 3, which is no plain number; --types v:double takes all values"));
    EXPECT_EQ(of({"1", " 2", "3 "}),
              because("\" 2\" in line 3, which is no plain number; --types v:long takes all values"));
    EXPECT_EQ(of({" 1", " 2"}),
              because("\" 1\" in line 2, which is no plain number; --types v:long takes all values"));
    EXPECT_EQ(of({"1.10", "1.9", "2"}),
              because("\"1.10\" in line 2, whose zeros would not come back beside "
                      "the other numbers; --types v:decimal(3,2) takes all values"));
    EXPECT_EQ(of({"n/a", "1", "2"}), because("\"n/a\" in line 2, where most values are of type long; --types "
                                             "v:long would refuse 1 of 3 values"));
    EXPECT_EQ(
        of({"1.5", "NaN", "n/a", "2", "oops"}),
        because("\"n/a\" in line 4, where most values are of type double; --types v:double would refuse "
                "2 of 5 values"));
    EXPECT_EQ(
        of({"1e5", "0.5", "1", "9007199254740993"}),
        because("\"1e5\" in line 2, which is no plain number; --types v:decimal(17,1) takes all values"));
    EXPECT_EQ(
        of({"0.5", "1", "9007199254740993", "NaN", "x"}),
        because("\"x\" in line 6, where most values are of type double; --types v:double would refuse 2 "
                "of 5 values"))
        << "no type takes both";
    EXPECT_EQ(of({"0.5", "1", "9007199254740993", "NaN"}),
              because("\"9007199254740993\" in line 4, which has more digits than a double keeps; --types "
                      "v:double would refuse 1 of 4 values"));
    EXPECT_EQ(
        of({"true", "True", "false"}),
        because("\"True\" in line 3, where most values are of type boolean; --types v:boolean takes all "
                "values"));
    EXPECT_EQ(
        of({"true", "1", "false", "2", "true", "true"}),
        because("\"1\" in line 3, where most values are of type boolean; --types v:boolean would refuse "
                "1 of 6 values"));
    EXPECT_EQ(of({"2024-01-01", "2024-01-01 10:00", "2024-01-02 10:00"}),
              because("\"2024-01-01\" in line 2, which has no time of day, unlike most values; --types "
                      "v:timestamp takes all values"));
    EXPECT_EQ(of({"2024-01-01", "2024-01-01 10:00", "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"}),
              because("\"2024-01-01\" in line 2, which has no time of day, unlike most values; --types "
                      "v:timestamp takes all values"));
    EXPECT_EQ(of({"2024-01-01", "2024-01-01 10:00", "2024-01-02"}),
              because("\"2024-01-01 10:00\" in line 3, which has a time of day, unlike most values; --types "
                      "v:timestamp takes all values"));
    EXPECT_EQ(of({"2024-01-01 09:00", "2024-01-02T10:00:00Z", "2024-01-02T10:00:00Z"}),
              because("\"2024-01-01 09:00\" in line 2, which names no zone, unlike most values; --types "
                      "v:timestamp takes all values"));
    EXPECT_EQ(of({"2024-01-01 09:00:00", "2024-01-01 09:00:00.1234567", "2024-01-01 09:00:01"}),
              because("\"2024-01-01 09:00:00.1234567\" in line 3, where most values are of type timestamp; "
                      "--types v:timestamp would refuse 1 of 3 values"));
    EXPECT_EQ(
        of({"2024-01-01", "never", "2024-01-02", "2024-01-03"}),
        because("\"never\" in line 3, where most values are of type date; --types v:date would refuse 1 "
                "of 4 values"));
}

TEST_F(Notes, SayNothingOfTextsAndOfChosenTypes) {
    EXPECT_EQ(of({"a", "b", "1"}), Lines{});
    EXPECT_EQ(of({"007", "012", "100"}), Lines{}) << "most are no numbers";
    EXPECT_EQ(of({"12e4", "13e5"}), Lines{});
    EXPECT_EQ(of({"1", "2"}), Lines{});
    EXPECT_EQ(of({"1", "n/a", "2"}, "v:string"), Lines{});
    EXPECT_EQ(of({"1.5", "1e5", "2"}, "", "v"), Lines{}) << "no floating key";
}

// Rows of a file as the loader sees them, one line a row: `column=text` with the kind of what is no text.
std::string json_rows(const std::string& text, bool open = true, std::vector<std::string> columns = {}) {
    LoadColumns targets(open);
    for (auto& column : columns)
        targets.add(std::move(column));
    JsonSource source("f.json", std::move(*bytes_of(text, "")), targets);
    SourceRow row;
    std::string out;
    for (;;) {
        auto more = source.next(row);
        if (!more.ok()) return out + "ERROR " + more.error().message();
        if (!*more) return out;
        out += std::to_string(row.line) + ":";
        if (!row.problem.reason.empty()) {
            out += " " + row.problem.column + " " + row.problem.reason.substr(0, 20) + "\n";
            continue;
        }
        for (std::size_t i = 0; i < row.fields.size(); ++i) {
            static constexpr const char* kKinds[] = {"", "", "", "#", "?", "{}", ""};
            const auto& field = row.fields[i];
            if (field.kind == FieldKind::absent) continue;
            out += " " + targets.name(i) + "=" + kKinds[static_cast<int>(field.kind)] +
                   (field.kind == FieldKind::null ? "NULL" : std::string(field.text));
        }
        if (row.crud.kind != FieldKind::absent) out += " crud=" + std::string(row.crud.text);
        if (!row.unknown_field.empty()) out += " unknown=" + row.unknown_field;
        out += "\n";
    }
}

TEST(JsonSource, RowsInAllForms) {
    EXPECT_EQ(json_rows("{\"id\":1,\"v\":1.50,\"t\":\"x\\ny\"}\n\n {\"v\":null,\"ID\":2,\"b\":true}\r\n"),
              "1: id=#1 v=#1.50 t=x\ny\n3: id=#2 v=NULL b=?true\n");
    EXPECT_EQ(json_rows("[{\"a\":[1, {\"b\":\"]\"}]},\n{\"a\":{\"x\": [ ] } , \"c\":\"\"}\n]\n"),
              "1: a={}[1, {\"b\":\"]\"}]\n2: a={}{\"x\": [ ] } c=\n");
    EXPECT_EQ(json_rows("{\n \"a\": 1\n}\n{\n \"a\": 2,\n \"b\": {\"c\": {}}\n}\n"),
              "1: a=#1\n4: a=#2 b={}{\"c\": {}}\n");
    EXPECT_EQ(json_rows("{\"id\":1,\"_crud_type\":\"delete\"}\n"), "1: id=#1 crud=delete\n");
    EXPECT_EQ(json_rows("{\"id\":1,\"x\":2}\n", false, {"id"}), "1: id=#1 unknown=x\n");
    EXPECT_EQ(json_rows("{\"a\":1} {\"a\":2}{\"a\":3}\n{\"a\":4}"), "1: a=#1\n1: a=#2\n1: a=#3\n2: a=#4\n");
    EXPECT_EQ(json_rows("[]"), "");
    EXPECT_EQ(json_rows(""), "");
}

TEST(JsonSource, ABadValueCostsItsLine) {
    EXPECT_EQ(
        json_rows("{\"a\":1}\n{\"a\":}\n[1]\n{\"a\":01}\n{\"a\":2}\n"),
        "1: a=#1\n2:  not valid JSON: JSON\n3:  a row must be a JSON\n4:  not valid JSON: JSON\n5: a=#2\n");
    EXPECT_EQ(json_rows("{\"a\":1,\"A\":2}\n{\"a\":1,\"a\":1}\n{\"a b\":1,\"a_b\":1}\n"),
              "1: A is given more than o\n2: a is given more than o\n3: a_b another field of the\n");
    EXPECT_EQ(json_rows("[{\"a\":1},\n{\"a\":2}\n"),
              "1: a=#1\n2: a=#2\nERROR f.json: line 3: the file ends before the end of its array");
    EXPECT_EQ(json_rows("[{\"a\":1},\n{\"a\":\"2\n"),
              "1: a=#1\nERROR f.json: line 2: the file ends within the value that begins here");
    EXPECT_EQ(json_rows("[{\"a\":1}]\n{}"),
              "1: a=#1\nERROR f.json: line 2: text behind the end of the array");
}

TEST(ArrowSchema, ForeignBytesAreNoSchema) {
    EXPECT_TRUE(arrow_durations("").empty());
    EXPECT_TRUE(arrow_durations(std::string(64, '\xff')).empty());
    std::mt19937_64 random(3);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 120, '\0');
        for (char& c : bytes)
            c = static_cast<char>(random() % 3 == 0 ? random() % 256 : random() % 24);
        (void)arrow_durations(bytes);
    }
}

TEST_F(Loading, OneLineOfAMillionIsRefusedWhole) {
    std::string csv = "id,age\n";
    for (int i = 1; i <= 3000; ++i)
        csv += std::to_string(i) + (i == 1500 ? ",30,x\n" : ",30\n");
    FakeTable table;
    FakeServer server(std::ref(table));
    const auto rejects = (folder / "rejects.csv").string();
    LoadOptions options{.files = {file("t.csv", csv)}, .table = "t", .rejects_file = rejects};
    Loader loader(server.address(), {}, options);
    LoadResult result;
    ASSERT_TRUE(loader.run(result, [](const LoadProgress&) {}).ok());
    EXPECT_EQ(table.rows.size(), 2999u);
    std::ifstream in(rejects);
    const std::string written((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(written, "file,line,column,value,reason,text\n\"" + options.files[0] +
                           "\",1501,\"\",\"\",\"3 fields where there are 2 columns\",\"1500,30,x\"\n");
}

}  // namespace
}  // namespace datalake::cli
