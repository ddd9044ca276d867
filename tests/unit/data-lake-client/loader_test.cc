#include "data-lake-client/cli/loader.h"

#include <gtest/gtest.h>
#include <snappy.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

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
                             names_rows ? "row " + std::to_string(row - first) + ", column age: x is no int" : "x is no int");
        for (auto row = first; row < end; ++row) accepted.push_back(row);
        return {};
    }
};

TEST(SendSplitting, LoadsAllRowsButTheBadOnes) {
    for (const bool names_rows : {true, false}) {
        Refusing server{.bad = {0, 7, 8, 99}, .names_rows = names_rows};
        std::uint64_t loaded = 0;
        std::vector<RefusedRow> refused;
        auto sent = send_splitting(std::ref(server), 0, 100, loaded, refused, [] { return true; });
        ASSERT_TRUE(sent.ok());
        EXPECT_EQ(loaded, 96u);
        ASSERT_EQ(refused.size(), 4u);
        EXPECT_EQ(refused[1].row, 7u);
        EXPECT_EQ(refused[3].row, 99u);
        EXPECT_EQ(server.accepted.size(), 96u);
        EXPECT_TRUE(std::is_sorted(server.accepted.begin(), server.accepted.end()));  // order of the file kept
        if (names_rows) { EXPECT_LE(server.sends, 12); }
    }
}

// A server that names the wrong row must not make a good one be refused.
TEST(SendSplitting, ANamedRowIsTriedAlone) {
    std::vector<std::uint32_t> accepted;
    const auto send = [&](std::uint32_t first, std::uint32_t end) -> Result<void> {
        if (first <= 5 && 5 < end) return Error(ErrorCode::invalid_value, "row 0, column age: x is no int");
        for (auto row = first; row < end; ++row) accepted.push_back(row);
        return {};
    };
    std::uint64_t loaded = 0;
    std::vector<RefusedRow> refused;
    ASSERT_TRUE(send_splitting(send, 0, 20, loaded, refused, [] { return true; }).ok());
    ASSERT_EQ(refused.size(), 1u);
    EXPECT_EQ(refused[0].row, 5u);
    EXPECT_EQ(accepted.size(), 19u);
}

TEST(SendSplitting, StopsAtOtherErrorsAndAtTooManyRefusedRows) {
    std::uint64_t loaded = 0;
    std::vector<RefusedRow> refused;
    const auto gone = [](std::uint32_t, std::uint32_t) -> Result<void> { return Error(ErrorCode::table_not_found, "no t"); };
    EXPECT_EQ(send_splitting(gone, 0, 10, loaded, refused, [] { return true; }).error().code(), ErrorCode::table_not_found);
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
}

class Loading : public testing::Test {
  protected:
    Loading() {
        folder = std::filesystem::path(testing::TempDir()) / ("dl_load_" + std::to_string(::getpid()) + "_" +
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

TEST_F(Loading, ReadsCsvWithTypesRowNumbersAndNulls) {
    auto source = FileSource::open(
        file("a.csv", "When,amount,Note,ok\n2024-01-31 12:00:00,1.5,x,true\n,2.25,\"a,b\",false\n"));
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    const auto& columns = (*source)->columns();
    ASSERT_EQ(columns.size(), 4u);
    EXPECT_EQ(columns[0].type, "timestamp");
    EXPECT_EQ(columns[1].type, "double");
    EXPECT_EQ(columns[2].type, "string");
    EXPECT_EQ(columns[3].type, "boolean");
    ASSERT_TRUE((*source)->start({0, 1, 2, 3}, false, true).ok());
    BatchBuilder batch("t", {"id", "when", "amount", "note", "ok"}), expected("t", {"id", "when", "amount", "note", "ok"});
    std::vector<RefusedRow> refused;
    std::vector<std::uint64_t> numbers;
    auto more = (*source)->fill(batch, 100, 1 << 20, refused, numbers);
    ASSERT_TRUE(more.ok());
    EXPECT_FALSE(*more);
    ASSERT_TRUE(expected.add_text_row({"1", "2024-01-31 12:00:00", "1.5", "x", "true"}).ok());
    ASSERT_TRUE(expected.add_text_row({"2", std::nullopt, "2.25", "a,b", "false"}).ok());
    EXPECT_EQ(batch.encode(), expected.encode());
    EXPECT_EQ(numbers, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(Loading, ReadsJsonLinesAsTheyAre) {
    auto source = FileSource::open(file("a.jsonl", "{\"id\":1,\"day\":\"2024-01-31\",\"tags\":[1,2]}\n{\"id\":2}\n"));
    ASSERT_TRUE(source.ok()) << source.error().to_text();
    ASSERT_TRUE((*source)->start({0, 1, 2}, true, false).ok());
    BatchBuilder batch("t", {"id", "day", "tags"}), expected("t", {"id", "day", "tags"});
    std::vector<RefusedRow> refused;
    std::vector<std::uint64_t> numbers;
    ASSERT_TRUE((*source)->fill(batch, 100, 1 << 20, refused, numbers).ok());
    ASSERT_TRUE(expected.add_text_row({"1", "2024-01-31", "[1,2]"}).ok());
    ASSERT_TRUE(expected.add_text_row({"2", std::nullopt, std::nullopt}).ok());
    EXPECT_EQ(batch.encode(), expected.encode());
}

TEST_F(Loading, SaysWhatIsWrongWithAFile) {
    EXPECT_NE(FileSource::open((folder / "no.csv").string()).error().message().find("no such file"), std::string::npos);
    EXPECT_NE(FileSource::open(file("a.xls", "")).error().message().find(".parquet"), std::string::npos);
    EXPECT_FALSE(FileSource::open(file("a.parquet", "not parquet")).ok());
}

// A table t(id long key, age int): refuses batches with an age that is no number, naming the first such row.
class FakeTable {
  public:
    void operator()(FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (request->find("\"create\"") != std::string::npos) {
                std::lock_guard lock(mutex);
                created = *request;
                peer.done();
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
    std::map<std::string, std::string> rows;
    int batches = 0;

  private:
    void batch(FakePeer& peer, const std::string& packed) {
        std::string plain;
        snappy::Uncompress(packed.data(), packed.size(), &plain);
        dl::ByteReader reader{std::string_view(plain)};
        reader.read_string();
        const auto columns = reader.read<std::uint32_t>();
        for (std::uint32_t i = 0; i < columns; ++i) reader.read_string();
        const auto count = reader.read<std::uint32_t>();
        std::map<std::string, std::string> fresh;
        for (std::uint32_t row = 0; row < count; ++row) {
            reader.read<std::uint32_t>();
            std::string id(reader.read_string()), age(reader.read_string());
            reader.read_string();
            if (age.find_first_not_of("0123456789") != std::string::npos)
                return peer.error("INVALID_VALUE: row " + std::to_string(row) + ", column age: \"" + age + "\" is not an int");
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
    for (int i = 1; i <= 500; ++i) csv += std::to_string(i) + (i == 40 || i == 41 || i == 333 ? ",old\n" : ",30\n");
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.file = file("t.csv", csv), .table = "t", .batch_rows = 100};
    Loader loader(server.address(), {}, options);
    LoadResult result;
    auto done = loader.run(result, [](double, std::uint64_t) {});
    ASSERT_TRUE(done.ok()) << done.error().to_text();
    EXPECT_EQ(result.rows_read, 500u);
    EXPECT_EQ(result.rows_loaded, 497u);
    EXPECT_EQ(table.rows.size(), 497u);
    ASSERT_EQ(result.refused.size(), 3u);
    EXPECT_EQ(result.refused[0].row, 40u);
    EXPECT_EQ(result.refused[2].row, 333u);
    EXPECT_NE(result.refused[2].message.find("\"old\" is not an int"), std::string::npos);
    EXPECT_EQ(server.connections(), 1);  // order of equal keys kept
}

TEST_F(Loading, RowNumberKeyCreatesAndUsesTwoConnections) {
    std::string csv = "Age\n";
    for (int i = 1; i <= 300; ++i) csv += "7\n";
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadOptions options{.file = file("t.csv", csv), .table = "t", .key = "row_number", .create = true, .partitions = 3, .batch_rows = 50};
    Loader loader(server.address(), {}, options);
    LoadResult result;
    auto done = loader.run(result, [](double, std::uint64_t) {});
    ASSERT_TRUE(done.ok()) << done.error().to_text();
    EXPECT_EQ(table.created,
              R"({"create":{"table_name":"t","col_type":{"id":"long","age":"long"},"partition_number":3,"major_key":"id"}})");
    EXPECT_EQ(table.rows.size(), 300u);
    EXPECT_EQ(table.rows.count("300"), 1u);
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(Loading, RefusesWhatCannotWork) {
    FakeTable table;
    FakeServer server(std::ref(table));
    LoadResult result;
    const auto run = [&](LoadOptions options) {
        Loader loader(server.address(), {}, std::move(options));
        auto done = loader.run(result, [](double, std::uint64_t) {});
        return done.ok() ? std::string() : done.error().message();
    };
    EXPECT_NE(run({.file = file("a.csv", "id,size\n1,2\n"), .table = "t"}).find("no column size"), std::string::npos);
    EXPECT_NE(run({.file = file("b.csv", "age,x\n1,2\n"), .table = "t", .create = true}).find("needs a key"), std::string::npos);
    EXPECT_NE(run({.file = file("c.csv", "age\n1\n"), .table = "t"}).find("no column id"), std::string::npos);
    EXPECT_NE(run({.file = file("d.csv", "id,age\n1,2\n"), .table = "t", .key = "row_number"}).find("has a column id"),
              std::string::npos);
    EXPECT_NE(run({.file = file("e.csv", "a b,a_b\n1,2\n"), .table = "t"}).find("would both be"), std::string::npos);
    EXPECT_TRUE(table.rows.empty());
}

}  // namespace
}  // namespace datalake::cli
