// Files into tables with the real programs: every row arrives as written, or is refused by name.
#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/support/cluster_fixture.h"
#include "tests/support/duck_reference.h"

namespace dl::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string gzip(const std::string& text) {
    std::string out(::compressBound(text.size()) + 64, '\0');
    z_stream stream{};
    ::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}

std::string zstd(const std::string& text) {
    std::string out(::ZSTD_compressBound(text.size()), '\0');
    out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

class LoadTest : public ClusterTest {
  protected:
    void SetUp() override {
        start();
        program_ = program_path("data-lake-client") + " 127.0.0.1:" + std::to_string(cluster().port()) + " ";
        client_ = std::make_unique<RawClient>(connect());
    }
    std::string path(const std::string& name) { return cluster().directory() + "/" + name; }
    std::string write(const std::string& name, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }
    RunResult load(const std::string& file, const std::string& options) {
        return run_program(program_ + "--load '" + file + "' " + options);
    }
    // A load that takes every row.
    void loads(const std::string& name, const std::string& text, const std::string& options) {
        const auto run = load(write(name, text), options);
        EXPECT_EQ(run.status, 0) << name << ": " << run.output;
        EXPECT_THAT(run.output, HasSubstr(" 0 refused"));
    }
    void create(const std::string& text) { must(*client_, sql(text)); }
    void drop(const std::string& table) { must(*client_, sql("drop table if exists " + table)); }
    // The rows of a SELECT as JSON, in one text.
    std::string select(const std::string& text) {
        std::string out;
        for (const auto& row : rows(*client_, text))
            out += row.dump();
        return out;
    }
    // `column type` of each column.
    std::string types(const std::string& table) {
        const auto reply = must(*client_, sql("desc " + table));
        std::string out;
        const auto described = nlohmann::ordered_json::parse(reply.text);
        for (const auto& [name, info] : described.items()) {
            if (name == "table_name" || name == "major_key" || name.starts_with("partition_")) continue;
            out += name + " " +
                   nlohmann::json::parse(info.get<std::string>())["datatype"].get<std::string>() + ";";
        }
        return out;
    }
    bool exists(const std::string& table) { return client_->request(sql("desc " + table)).ok(); }
    static std::string numbered(int from, int to, const std::string& rest) {
        std::string out;
        for (int i = from; i <= to; ++i)
            out += std::to_string(i) + rest + "\n";
        return out;
    }

    std::string program_;
    std::unique_ptr<RawClient> client_;
};

// F1, F3, F19: numbers wider than long.
TEST_F(LoadTest, WideNumbersKeepTheirDigits) {
    loads("f1.csv",
          "id,mb\n89490200001234567890,1\n89490200001234567891,2\n89490200001234567892,"
          "3\n89490200001234567893,4\n",
          "--table f1 --key id --create");
    EXPECT_EQ(types("f1"), "id decimal(20,0);mb long;");
    EXPECT_EQ(select("select count(*) as n, min(id)::varchar as a, max(id)::varchar as b from f1"),
              R"({"a":"89490200001234567890","b":"89490200001234567893","n":4})");
    loads("f3.jsonl",
          "{\"id\":89490200001234567890,\"mb\":1}\n{\"id\":89490200001234567891,\"mb\":2}\n{\"id\":"
          "89490200001234567892,\"mb\":3}\n",
          "--table f3 --key id --create");
    EXPECT_EQ(select("select count(*) as n, count(distinct id) as d from f3"), R"({"d":3,"n":3})");
    loads("f19.jsonl", "{\"id\":1,\"v\":18446744073709551615}\n", "--table f19 --key id --create");
    EXPECT_EQ(select("select v::varchar as v from f19"), R"({"v":"18446744073709551615"})");
    loads("wide.csv", "id,v\n1,123456789012345678901234567890123456789012\n",
          "--table wide --key id --create");
    EXPECT_EQ(select("select v from wide"), R"({"v":"123456789012345678901234567890123456789012"})");
}

// F2, F10, F11 and what else looks like a number, a date or a boolean.
TEST_F(LoadTest, TextsStayTexts) {
    loads("f2.csv", "id\n12e4567\n34e999\n", "--table f2 --key id --create");
    EXPECT_EQ(select("select id from f2 order by id"), R"({"id":"12e4567"}{"id":"34e999"})");
    loads("f10.csv", "id,us,short\n1,03/04/2024,03/04/24\n", "--table f10 --key id --create");
    EXPECT_EQ(select("select us, short from f10"), R"({"short":"03/04/24","us":"03/04/2024"})");
    loads("f11.csv", "id,country,sex,serial\n1,NO,F,12-05-10\n2,NO,F,12-05-10\n",
          "--table f11 --key id --create");
    EXPECT_EQ(select("select country, sex, serial from f11 where id = 1"),
              R"({"country":"NO","serial":"12-05-10","sex":"F"})");
    loads("more.csv",
          "id,zip,phone,version,time,word\n1,01234,+4912,1.10,7:05,True\n2,10115,4912,1.9,12:30,no\n",
          "--table more --key id --create");
    EXPECT_EQ(select("select zip, phone, version, \"time\", word from more where id = 1"),
              R"({"phone":"+4912","time":"7:05","version":"1.10","word":"True","zip":"01234"})");
    loads("f16.jsonl", "{\"id\":1,\"u\":\"6F9619FF-8B86-D011-B42D-00CF4FC964FF\",\"t\":\"7:05\"}\n",
          "--table f16 --key id --create");
    EXPECT_EQ(select("select u, t from f16"), R"({"t":"7:05","u":"6F9619FF-8B86-D011-B42D-00CF4FC964FF"})");
    loads("f14.jsonl", "{\"id\":1,\"v\":\"x\"}\n{\"id\":2,\"v\":1}\n{\"id\":3,\"v\":{\"a\": [1.0]}}\n",
          "--table f14 --key id --create");
    EXPECT_EQ(select("select v from f14 order by id"), R"({"v":"x"}{"v":"1"}{"v":"{\"a\": [1.0]}"})");
    loads("f15.jsonl", "{\"id\":1,\"a\":\"2024-01-01T05:30:00.123Z\",\"b\":\"2024-01-01T05:30:00+05:30\"}\n",
          "--table f15 --key id --create");
    EXPECT_EQ(types("f15"), "id long;a timestamp;b timestamp;");
    EXPECT_EQ(select("select a, b from f15"),
              R"({"a":"2024-01-01 05:30:00.123000","b":"2024-01-01 00:00:00"})");
}

// F4: quotes that first appear late; a comma within them.
TEST_F(LoadTest, QuotesThatAppearLate) {
    create("create table f4(id long primary key, name string)");
    std::string csv = "id,name\n";
    for (int i = 0; i < 60000; ++i)
        csv += std::to_string(i) + ",n" + std::to_string(i) + "\n";
    loads("f4.csv", csv + "60000,\"ab\"\n60001,\"c,d\"\n60002,\"e\nf\"\n", "--table f4");
    EXPECT_EQ(value(*client_, "select count(*) from f4"), 60003);
    EXPECT_EQ(select("select name from f4 where id >= 60000 order by id"),
              R"({"name":"ab"}{"name":"c,d"}{"name":"e\nf"})");
}

// F5, F6, F17: rows of another width are refused by line, the others stay.
TEST_F(LoadTest, RaggedRows) {
    std::string csv = "a,b\n" + numbered(1, 100, ",x") + numbered(101, 1100, ",x,y");
    auto run = load(write("f5.csv", csv),
                    "--table f5 --key row_number --create --max-rejects 5000 --rejects " + path("r.csv"));
    EXPECT_EQ(run.status, 4) << run.output;
    EXPECT_THAT(run.output, HasSubstr("f5.csv, line 102: 3 fields where there are 2 columns"));
    EXPECT_EQ(select("select count(*) as n, max(a) as m from f5"), R"({"m":100,"n":100})");
    std::ifstream rejects(path("r.csv"));
    const std::string rejected((std::istreambuf_iterator<char>(rejects)), {});
    EXPECT_EQ(std::count(rejected.begin(), rejected.end(), '\n'), 1001);
    EXPECT_THAT(rejected, HasSubstr(",102,\"\",\"\",\"3 fields where there are 2 columns\",\"101,x,y\"\n"));

    run = load(write("f6.csv", "a,b,c\n1,2,3\n4,5\n7,8,9\n"), "--table f6 --key row_number --create");
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.output, HasSubstr("line 3: 2 fields where there are 3 columns"));
    EXPECT_EQ(types("f6"), "id long;a long;b long;c long;");
    EXPECT_EQ(select("select id, a from f6 order by id"), R"({"a":1,"id":1}{"a":7,"id":3})");
    loads("pad.csv", "a,b,c\n1,2,3\n4,5\n", "--table padded --key a --create --pad");
    EXPECT_EQ(select("select c from padded order by a"), R"({"c":3}{"c":null})");

    create("create table f17(id long primary key, v string)");
    csv = "id,v\n" + numbered(2, 50001, ",x") + "50002,x,y\n" + numbered(50003, 60001, ",x");
    run = load(write("f17.csv", csv), "--table f17");
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.output, HasSubstr("line 50002:"));
    EXPECT_EQ(value(*client_, "select count(*) from f17"), 59999);
    run = load(
        write("f17.jsonl", "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":}\n{\"id\":3,\"w\":1}\n{\"id\":4}\n"),
        "--table f17");
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.output, HasSubstr("f17.jsonl, line 2: not valid JSON"));
    EXPECT_THAT(run.output, HasSubstr("line 3, column w: table f17 has no such column"));
    run = load(path("f17.jsonl"), "--table f17 --unknown-fields skip");
    EXPECT_THAT(run.output, HasSubstr("3 rows into f17, 1 refused"));
}

// F7, F8: packed files that are cut off or damaged, whatever packed them.
TEST_F(LoadTest, DamagedPackedFiles) {
    std::string csv = "id,v\n";
    for (int i = 0; i < 20000; ++i)
        csv += std::to_string(i) + ",value" + std::to_string(i * 7919 % 100003) + "\n";
    for (const bool is_gzip : {true, false}) {
        const auto packed = is_gzip ? gzip(csv) : zstd(csv);
        const std::string ending = is_gzip ? ".csv.gz" : ".csv.zst";
        auto run =
            load(write("cut" + ending, packed.substr(0, packed.size() / 3)), "--table cut --key id --create");
        EXPECT_EQ(run.status, 1) << run.output;
        EXPECT_THAT(run.output, HasSubstr("unexpected end of file"));
        EXPECT_FALSE(exists("cut"));
        drop("into");
        create("create table into_t(id long primary key, v string)");
        run = load(path("cut" + ending), "--table into_t --batch-rows 100");
        EXPECT_NE(run.status, 0);
        EXPECT_THAT(run.output, HasSubstr("unexpected end of file"));
        const auto stored = value(*client_, "select count(*) from into_t").get<std::int64_t>();
        if (stored > 0) {
            EXPECT_THAT(run.output, HasSubstr(std::to_string(stored) + " rows were stored before it"));
        }
        EXPECT_EQ(value(*client_,
                        "select count(*) from into_t where v <> 'value' || (id * 7919 % 100003)::varchar"),
                  0)
            << "no value is cut in half";
        drop("into_t");
        loads("whole" + ending, packed, "--table whole --key id --create");
        EXPECT_EQ(value(*client_, "select count(*) from whole"), 20000);
        drop("whole");
    }
    auto packed = gzip(csv);
    packed[packed.size() - 6] ^= 1;
    auto run = load(write("sum.csv.gz", packed), "--table checked --key id --create");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("checksum"));
    EXPECT_FALSE(exists("checked"));
    loads("two.csv.gz", gzip("id\n1\n") + gzip("2\n"), "--table two --key id --create");
    EXPECT_EQ(value(*client_, "select count(*) from two"), 2);
    EXPECT_THAT(load(write("not.csv.gz", "id\n1\n"), "--table x --key id --create").output,
                HasSubstr("is not a gzip"));
    EXPECT_THAT(load(write("t.csv.bz2", "BZh9"), "--table x --key id --create --format csv").output,
                HasSubstr("packed in a way"));
}

// F9: several files, columns by name over all of them.
TEST_F(LoadTest, SeveralFiles) {
    write("many/a.csv", "id,a\n1,x\n");
    write("many/b.csv", "b,id,a\nz,2,y\n");
    create("create table f9(id long primary key, a string, b string default 'd')");
    auto run = load(path("many/*.csv"), "--table f9");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select * from f9 order by id"), R"({"a":"x","b":"d","id":1}{"a":"y","b":"z","id":2})");
    run = load(path("many"), "--table f9c --key id --create");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select * from f9c order by id"),
              R"({"a":"x","b":null,"id":1}{"a":"y","b":"z","id":2})");
    write("many/c.csv", "a\n1\n");
    run = load(path("many"), "--table f9");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("c.csv: the file has no column id"));
    write("days/day=2024-01-31/p.csv", "id,v\n1,a\n");
    write("days/day=__HIVE_DEFAULT_PARTITION__/p.csv", "id,v\n2,b\n");
    run = load(path("days"), "--table days --key id --create");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select id, day from days order by id"),
              R"({"day":"2024-01-31","id":1}{"day":null,"id":2})");
}

// F12, F21: numbers of JSON keep their digits; one rule for whole numbers on both ways.
TEST_F(LoadTest, NumbersOfJson) {
    create("create table f12(id long primary key, m decimal(38,20), s string)");
    loads("f12.jsonl",
          "{\"id\":1,\"m\":0.10000000000000000001,\"s\":1.50}\n{\"id\":2,\"m\":123456789012345678."
          "12345678901234567890,\"s\":true}\n",
          "--table f12");
    EXPECT_EQ(
        select("select m::varchar as m, s from f12 order by id"),
        R"({"m":"0.10000000000000000001","s":"1.50"}{"m":"123456789012345678.12345678901234567890","s":"true"})");
    create("create table f21(id int primary key, d double, c decimal(6,2))");
    loads("f21.jsonl", "{\"id\":1e3}\n{\"id\":5.0}\n", "--table f21");
    loads("f21.csv", "id\n2e3\n6.0\n", "--table f21");
    EXPECT_EQ(select("select id from f21 order by id"), R"({"id":5}{"id":6}{"id":1000}{"id":2000})");
    const auto run = load(write("f21b.jsonl",
                                "{\"id\":7,\"d\":9007199254740993}\n{\"id\":8,\"c\":1.005}\n{\"id\":9.5}\n"
                                "{\"id\":10,\"c\":1.50}\n"),
                          "--table f21");
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.output,
                HasSubstr("line 1, column d, value \"9007199254740993\": a double cannot hold it"));
    EXPECT_THAT(run.output, HasSubstr("line 2, column c, value \"1.005\": decimal(6,2) cannot hold it"));
    EXPECT_THAT(run.output, HasSubstr("line 3, column id, value \"9.5\": not an int"));
    EXPECT_EQ(value(*client_, "select count(*) from f21 where id between 7 and 10"), 1);
}

// F13: nothing is NULL, "" is an empty text; a NULL stays one where there is a DEFAULT.
TEST_F(LoadTest, NullsAndEmptyTexts) {
    create("create table f13(id long primary key, s string not null, d string default 'x', n long)");
    loads("f13.csv", "id,s,d,n\n1,\"\",,5\n2,a,\"\",\n3,/~|,/~|,7\n", "--table f13");
    EXPECT_EQ(
        select("select * from f13 order by id"),
        R"({"d":null,"id":1,"n":5,"s":""}{"d":"","id":2,"n":null,"s":"a"}{"d":"/~|","id":3,"n":7,"s":"/~|"})");
    auto run = load(write("nulls.csv", "id,s\n4,\n5,b\n"), "--table f13");
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(run.output, HasSubstr("nulls.csv, line 2, column s: NULL in a NOT NULL column"));
    EXPECT_EQ(value(*client_, "select d from f13 where id = 5"), "x")
        << "a column the file lacks has its DEFAULT";
    loads("na.csv", "id,s,n\n6,NA,NA\n7,,-\n", "--table f13n --key id --create --null NA --null -");
    EXPECT_EQ(select("select * from f13n order by id"),
              R"({"id":6,"n":null,"s":null}{"id":7,"n":null,"s":""})");
    run = load(write("empty.csv", "id,s,n\n10,a,\"\"\n"), "--table f13");
    EXPECT_THAT(run.output, HasSubstr("line 2, column n, value \"\": not a long"))
        << "an empty text is no number";
    loads("nulls.jsonl", "{\"id\":8,\"s\":\"j\",\"d\":null}\n{\"id\":9,\"s\":\"j\"}\n", "--table f13");
    EXPECT_EQ(select("select d from f13 where id >= 8 order by id"), R"({"d":null}{"d":"x"})");
}

// F18: crud and _crud_type, in JSON and CSV.
TEST_F(LoadTest, Deletes) {
    create("create table f18(id long primary key, name string not null)");
    loads("f18.jsonl",
          "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n{\"id\":1,\"crud\":\"delete\"}\n",
          "--table f18");
    EXPECT_EQ(select("select id from f18"), R"({"id":2})");
    loads("f18.csv", "_crud_type,id,name\ndelete,2,\ninsert,3,c\n", "--table f18");
    EXPECT_EQ(select("select id from f18"), R"({"id":3})");
    const auto run =
        load(write("f18b.jsonl", "{\"id\":4,\"name\":\"d\",\"crud\":\"upsert\"}\n"), "--table f18");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("column crud, value \"upsert\": neither insert nor delete"));
}

// F19: a failed load that made its table removes it.
TEST_F(LoadTest, AFailedCreateLeavesNoTable) {
    auto run = load(write("bad.csv", "id,v\n" + numbered(1, 50, ",x,y")),
                    "--table bad --key id --create --max-rejects 10");
    EXPECT_EQ(run.status, 1) << run.output;
    EXPECT_THAT(run.output, HasSubstr("too many rows were refused"));
    EXPECT_THAT(run.output, HasSubstr("was removed again"));
    EXPECT_FALSE(exists("bad"));
    run = load(write("bad2.csv", "id,v\n1,x,y\n"), "--table bad --key id --create");
    EXPECT_EQ(run.status, 1);
    EXPECT_FALSE(exists("bad")) << "no row was good";
    create("create table bad(id long primary key)");
    run = load(write("bad3.csv", "id\n1\n"), "--table bad --key id --create");
    EXPECT_THAT(run.output, HasSubstr("TABLE_EXISTS"));
    EXPECT_TRUE(exists("bad")) << "it was not made by this load";
}

// F20: Parquet files as pyarrow writes them (tests/golden/parquet).
TEST_F(LoadTest, ParquetIsNotReinterpreted) {
    const std::string golden = DL_GOLDEN_PARQUET_DIR "/";
    auto run = load(golden + "decimal50.parquet", "--table p --key id --create");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("column \"price\" is a decimal of more than 38 digits"));
    EXPECT_FALSE(exists("p"));
    run = load(golden + "duration.parquet", "--table p --key id --create");
    EXPECT_THAT(run.output, HasSubstr("column \"took\" is a duration"));
    run = load(golden + "nested.parquet", "--table p --key id --create");
    EXPECT_THAT(run.output, HasSubstr("column \"tags\" is a list"));
    run = load(golden + "nested.parquet", "--table p --key id --create --types tags:string,at:string");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select tags, \"at\" from p order by id"),
              R"({"at":"07:05:00","tags":"[\"a\",\"b\"]"}{"at":null,"tags":null})");
    run = load(golden + "nanoseconds.parquet", "--table ns --key id --create --rejects " + path("ns.csv"));
    EXPECT_EQ(run.status, 4);
    EXPECT_THAT(
        run.output,
        HasSubstr("line 2, column at, value \"2023-11-14 22:13:20.123456789\": finer than microseconds"));
    EXPECT_EQ(select("select \"at\" from ns"), R"({"at":"2023-11-14 22:13:20.123456"})");
    std::ifstream rejects(path("ns.csv"));
    EXPECT_THAT(std::string((std::istreambuf_iterator<char>(rejects)), {}),
                HasSubstr("{\"\"id\"\":\"\"2\"\",\"\"at\"\":\"\"2023-11-14 22:13:20.123456789\"\"}"));
    create("create table narrow(id int primary key, price decimal(10,2))");
    run = load(golden + "decimal50.parquet", "--table narrow");
    EXPECT_THAT(run.output, HasSubstr("more than 38 digits"));
}

// Columns by name over the files of a directory; types that differ are widened or converted exactly.
TEST_F(LoadTest, ParquetDirectoriesAndConversions) {
    std::filesystem::create_directories(path("pq/day=2024-01-31"));
    DuckReference duck;
    duck.execute(
        "COPY (SELECT 1::INTEGER AS id, 'x' AS a, 255::UTINYINT AS n, 18446744073709551615::UBIGINT AS u, "
        "1.5::FLOAT AS f) TO '" +
        path("pq/day=2024-01-31/a.parquet") + "' (FORMAT parquet)");
    duck.execute(
        "COPY (SELECT 5000000000::BIGINT AS id, 'b'::BLOB AS raw, 'nan'::DOUBLE AS f, "
        "TIMESTAMPTZ '2024-01-31 12:00:00+02' AS at, 12.345::DECIMAL(18,3) AS m) TO '" +
        path("pq/b.parquet") + "' (FORMAT parquet)");
    auto run = load(path("pq"), "--table pq --key id --create");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(
        types("pq"),
        "id long;raw binary;f double;at timestamp;m decimal(18,3);a string;n int;u decimal(20,0);day date;");
    EXPECT_EQ(
        select("select id, a, n, u::varchar as u, f, day, raw, \"at\", m::varchar as m from pq order by id"),
        R"({"a":"x","at":null,"day":"2024-01-31","f":1.5,"id":1,"m":null,"n":255,"raw":null,)"
        R"("u":"18446744073709551615"})"
        R"({"a":null,"at":"2024-01-31 10:00:00","day":null,"f":"nan","id":5000000000,"m":"12.345","n":null,)"
        R"("raw":"Yg==","u":null})");
    duck.execute(
        "COPY (SELECT i::BIGINT AS id, CASE i WHEN 1 THEN 0.5 WHEN 2 THEN 0.125 ELSE 1e300 END AS m, "
        "i * 9007199254740993 AS d, (i * 1000)::INTEGER AS at FROM range(1, 4) t(i)) TO '" +
        path("conv.parquet") + "' (FORMAT parquet)");
    create("create table conv(id int primary key, m decimal(10,2), d double, \"at\" timestamp)");
    run = load(path("conv.parquet"), "--table conv --timestamp-unit ms");
    EXPECT_EQ(run.status, 1) << run.output;
    EXPECT_THAT(run.output,
                HasSubstr("line 1, column d, value \"9007199254740993\": a double cannot hold it"));
    EXPECT_THAT(run.output, HasSubstr("line 2, column m, value \"0.125\": decimal(10,2) cannot hold it"));
    create("create table conv2(id int primary key, m double, d string, \"at\" timestamp)");
    run = load(path("conv.parquet"), "--table conv2 --timestamp-unit ms");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select * from conv2 where id = 3"),
              R"({"at":"1970-01-01 00:00:03","d":"27021597764222979","id":3,"m":1e+300})");
    EXPECT_THAT(load(write("bad.parquet", "PAR1 no"), "--table bad --key id --create").output,
                HasSubstr("bad.parquet"));
}

TEST_F(LoadTest, EncodingsDialectsAndFormats) {
    loads("bom.csv", "\xef\xbb\xbfid;name;price\r\n1;\xc3\xa4;1,5\r\n2;b;2,25\r\n",
          "--table bom --key id --create --decimal-separator ,");
    EXPECT_EQ(select("select * from bom order by id"),
              R"({"id":1,"name":"ä","price":1.5}{"id":2,"name":"b","price":2.25})");
    loads("latin.csv", "id,name\n1,M\xfcller\n", "--table latin --key id --create --encoding latin-1");
    EXPECT_EQ(value(*client_, "select name from latin"), "Müller");
    auto run = load(path("latin.csv"), "--table latin");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("line 2, column name"));
    EXPECT_THAT(run.output, HasSubstr("--encoding"));
    using namespace std::string_literals;
    loads("utf16.csv", "\xff\xfei\0d\0\n\0007\0\n\0"s, "--table utf16 --key id --create");
    EXPECT_EQ(value(*client_, "select id from utf16"), 7);
    loads("cr.csv", "id,v\r1,a\r2,b\r", "--table cr --key id --create");
    EXPECT_EQ(value(*client_, "select count(*) from cr"), 2);
    loads("odd.txt", "# made by hand\nid|when|at|sum\n# one\n1|31.01.2024|31.01.24 9:05|'1.234,50'\n",
          "--table odd --key id --create --format csv --comment '#' --delimiter '|' --quote \"'\" "
          "--dateformat %d.%m.%Y --timestampformat '%d.%m.%y %H:%M' --thousands . --decimal-separator ,");
    EXPECT_EQ(types("odd"), "id long;when date;at timestamp;sum decimal(6,2);");
    EXPECT_EQ(select("select * from odd"),
              R"({"at":"2024-01-31 09:05:00","id":1,"sum":1234.5,"when":"2024-01-31"})");
    loads("bare.csv", "title\n1,x\n2,y\n", "--table bare --key column0 --create --no-header --skip 1");
    EXPECT_EQ(select("select * from bare order by column0"),
              R"({"column0":1,"column1":"x"}{"column0":2,"column1":"y"})");
    loads("typed.csv", "id,code,at\n1,7,1700000000\n",
          "--table typed --key id --create --types 'code:string,at:timestamp' --timestamp-unit s");
    EXPECT_EQ(select("select * from typed"), R"({"at":"2023-11-14 22:13:20","code":"7","id":1})");
    run = load(write("epoch.csv", "id,at\n2,1700000000\n"), "--table typed");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("--timestamp-unit"));
    run = run_program("printf 'id,v\\n1,x\\n' | " + program_ +
                      "--load - --format csv --table piped --key id --create");
    EXPECT_EQ(run.status, 0) << run.output;
    run = run_program("printf '{\"id\":2,\"v\":\"y\"}\\n' | " + program_ +
                      "--load - --format ndjson --table piped");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_EQ(select("select v from piped order by id"), R"({"v":"x"}{"v":"y"})");
    run = load(write("dry-bad.csv", "id,v\n1,0.5\n2,x\n"),
               "--table dry --key id --create --types v:double --dry-run");
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.output, HasSubstr("1 of 2 rows would be refused; nothing was loaded"));
    EXPECT_THAT(run.output, Not(HasSubstr("done in part")));
    run = load(write("dry.csv", "id,v\n1,0.5\n"), "--table dry --key id --create --dry-run");
    EXPECT_EQ(run.status, 0) << run.output;
    EXPECT_THAT(run.output, HasSubstr("v double"));
    EXPECT_THAT(run.output, HasSubstr("0.5"));
    EXPECT_FALSE(exists("dry"));
    EXPECT_EQ(load(path("dry.csv"), "--table dry --delimiter ab").status, 2);
    EXPECT_EQ(load(path("dry.csv"), "").status, 2);
    EXPECT_EQ(run_program(program_ + "--pad -c 'select 1'").status, 2)
        << "an option of loading without --load";
}

// What the prompt writes comes back as the same rows, in every format.
TEST_F(LoadTest, ExportsComeBack) {
    std::mt19937_64 random(20260705);
    const std::string columns =
        "(id long primary key, i int, l long, f float, d double, b boolean, s string default 'dflt', t "
        "timestamp, "
        "dt date, m decimal(38,9), bin binary)";
    create("create table original" + columns);
    const std::vector<std::string> texts = {
        "",          "a,b",  "\"",  "\"\"", "line\nbreak", "cr\rlf\r\n", " blank ",
        "NULL",      "null", "/~|", "ä€😀",  "\t",          "1.50",       "true",
        "{\"a\":1}", "\\",   "\\n", "#c",   ";",           "'",          "\x01"};
    auto data = nlohmann::json::array();
    for (int i = 0; i < 400; ++i) {
        nlohmann::json row{{"id", i}};
        const auto maybe = [&](const char* name, nlohmann::json value) {
            row[name] = random() % 5 == 0 ? nlohmann::json() : std::move(value);
        };
        maybe("i", static_cast<std::int32_t>(random()));
        maybe("l", static_cast<std::int64_t>(random()));
        const double real = std::bit_cast<double>(random());
        maybe("f", static_cast<float>(static_cast<std::int32_t>(random())) / 1024.0F);
        maybe("d", std::isfinite(real) ? nlohmann::json(real)
                                       : nlohmann::json(random() % 2 == 0 ? "nan" : "-inf"));
        maybe("b", random() % 2 == 0);
        std::string text;
        for (auto parts = random() % 3 + 1; parts > 0; --parts)
            text += texts[random() % texts.size()];
        maybe("s", random() % 3 == 0 ? texts[random() % texts.size()] : text);
        const auto two = [&](int from, int count) {
            const auto number =
                std::to_string(from + static_cast<int>(random() % static_cast<unsigned>(count)));
            return number.size() < 2 ? "0" + number : number;
        };
        const auto day = std::to_string(1900 + random() % 200) + "-" + two(1, 12) + "-" + two(1, 28);
        maybe("dt", day);
        maybe("t", day + " " + two(0, 24) + ":" + two(0, 60) + ":" + two(0, 60) +
                       (random() % 2 == 0 ? ".000" + std::to_string(100 + random() % 900) : ""));
        maybe("m", std::to_string(static_cast<std::int64_t>(random())) + "." +
                       std::to_string(random() % 1000000000));
        const std::vector<std::string> binaries = {"", "AA==", "AAEC/w=="};
        maybe("bin", binaries[random() % binaries.size()]);
        data.push_back(row);
    }
    must(*client_, nlohmann::json{{"batch_insert", {{"table_name", "original"}, {"data", data}}}}.dump());
    const std::string all = "select * from original order by id";
    for (const std::string format : {"csv", "ndjson", "json"}) {
        const auto file = path("export." + format);
        ASSERT_EQ(run_program(program_ + "-q --format " + format + " -c '" + all + "' > " + file).status, 0);
        create("create table copy" + columns);
        const auto run = load(file, "--table copy");
        EXPECT_EQ(run.status, 0) << format << ": " << run.output;
        const auto want = rows(*client_, all), got = rows(*client_, "select * from copy order by id");
        ASSERT_EQ(want.size(), got.size()) << format;
        for (std::size_t i = 0; i < want.size(); ++i)
            ASSERT_EQ(want[i], got[i]) << format;
        must(*client_, sql("drop copy"));
    }
    // One column of texts, where a NULL is an empty line.
    ASSERT_EQ(
        run_program(program_ + "-q --format csv -c 'select s from original order by id' > " + path("one.csv"))
            .status,
        0);
    ASSERT_EQ(load(path("one.csv"), "--table one --key row_number --create --types s:string").status, 0);
    EXPECT_EQ(
        select("select count(*) as n from one join original on one.id = original.id + 1 where one.s is not "
               "distinct from original.s"),
        R"({"n":400})");
}

}  // namespace
}  // namespace dl::test
