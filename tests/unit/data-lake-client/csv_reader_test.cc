#include "data-lake-client/cli/load/csv_reader.h"

#include <gtest/gtest.h>

#include <random>

namespace datalake::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Bytes a few at a time, so that every place where a read may end is met.
class Dripping : public ByteSource {
  public:
    Dripping(std::string text, std::size_t step) : text_(std::move(text)), step_(step) {}
    Result<std::size_t> read(char* to, std::size_t size) override {
        const auto part = std::min({size, step_, text_.size() - at_});
        text_.copy(to, part, at_);
        at_ += part;
        return part;
    }

  private:
    std::string text_;
    std::size_t step_;
    std::size_t at_ = 0;
};

struct Read {
    Rows rows;
    std::vector<std::uint64_t> lines;
    std::vector<std::string> problems;  // "line: problem: text"
    char delimiter = 0;
};

Read read(const std::string& text, const CsvDialect& dialect = {}, std::size_t step = 1u << 20) {
    Read out;
    auto reader = CsvReader::open(std::make_unique<Dripping>(text, step), dialect);
    EXPECT_TRUE(reader.ok());
    out.delimiter = (*reader)->delimiter();
    CsvRecord record;
    for (;;) {
        auto more = (*reader)->next(record);
        EXPECT_TRUE(more.ok());
        if (!more.ok() || !*more) return out;
        if (!record.problem.empty()) {
            out.problems.push_back(std::to_string(record.line) + ": " + record.problem + ": " +
                                   std::string(record.text));
            continue;
        }
        auto& row = out.rows.emplace_back();
        for (const auto& field : record.fields)
            row.push_back(field.null     ? "~"
                          : field.quoted ? "<" + std::string(field.text) + ">"
                                         : std::string(field.text));
        out.lines.push_back(record.line);
    }
}

TEST(CsvReader, FieldsQuotesAndLineEnds) {
    const Rows expected = {
        {"a", "b"}, {"1", "<x,y>"}, {"", "<>"}, {"<l1\nl2>", "<say \"hi\">"}, {"5", "end"}};
    for (const std::size_t step : {1u, 2u, 3u, 7u, 1000u}) {
        const auto found = read("a,b\n1,\"x,y\"\r\n,\"\"\n\"l1\nl2\",\"say \"\"hi\"\"\"\n5,end", {}, step);
        EXPECT_EQ(found.rows, expected) << step;
        EXPECT_EQ(found.lines, (std::vector<std::uint64_t>{1, 2, 3, 4, 6})) << step;
        EXPECT_TRUE(found.problems.empty());
    }
    EXPECT_EQ(read("a,b\r1,2\r\"x\ry\",3\r").rows, (Rows{{"a", "b"}, {"1", "2"}, {"<x\ry>", "3"}}));
    EXPECT_EQ(read("a,b\r1,2\r\"x\ry\",3\r9,9").lines, (std::vector<std::uint64_t>{1, 2, 3, 5}));
    EXPECT_EQ(read("a,b\nx\ry,2\nz,3\r\n").rows, (Rows{{"a", "b"}, {"x\ry", "2"}, {"z", "3"}}))
        << "a CR alone is text where lines end with LF";
    EXPECT_EQ(read("").rows, Rows{});
    EXPECT_EQ(read("a").rows, (Rows{{"a"}}));
    EXPECT_EQ(read("a,\n").rows, (Rows{{"a", ""}}));
    EXPECT_EQ(read("a\n\nb\n").rows, (Rows{{"a"}, {""}, {"b"}}));
    EXPECT_EQ(read("a,b").rows, (Rows{{"a", "b"}}));
    EXPECT_EQ(read("5\" pipe,6 \"x\" y\n").rows, (Rows{{"5\" pipe", "6 \"x\" y"}}))
        << "quotes within an unquoted field are text";
}

TEST(CsvReader, ABadRecordCostsItsLine) {
    for (const std::size_t step : {1u, 5u, 4096u}) {
        auto found = read("a,b\n1,\"x\"y\n2,ok\n3,\"open\n4,\"fine\"\n5,ok\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"2", "ok"}, {"4", "<fine>"}, {"5", "ok"}})) << step;
        ASSERT_EQ(found.problems.size(), 2u);
        EXPECT_EQ(found.problems[0], "2: text behind the closing quote of field 2: 1,\"x\"y");
        EXPECT_EQ(found.problems[1], "4: text behind the closing quote of field 2: 3,\"open");
        EXPECT_EQ(found.lines, (std::vector<std::uint64_t>{1, 3, 5, 6}));
        found = read("a,b\n1,\"never\n2,x\n3,y\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"2", "x"}, {"3", "y"}}));
        ASSERT_EQ(found.problems.size(), 1u);
        EXPECT_EQ(found.problems[0], "2: the quote of field 2 is never closed: 1,\"never");
    }
}

// What stands in later lines of a broken record are parts of its texts, and no rows.
TEST(CsvReader, FragmentsOfABrokenRecordAreNoRows) {
    for (const std::size_t step : {1u, 5u, 4096u}) {
        const auto check = [&](const std::string& broken, const std::string& problem, std::uint64_t lines) {
            const auto found = read("a,b\n1,ok\n" + broken + "\n9,\"fine\"\n", {}, step);
            EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"1", "ok"}, {"9", "<fine>"}})) << broken;
            EXPECT_EQ(found.problems, (std::vector<std::string>{"3: " + problem + ": " + broken})) << step;
            EXPECT_EQ(found.lines.back(), 3 + lines) << broken;
        };
        check("2,\"a\nb\"x", "text behind the closing quote of field 2; the row reaches to line 4", 2);
        check("2,\"a\n7,b\"x", "text behind the closing quote of field 2; the row reaches to line 4", 2);
        check("2,\"a\nsome, text\nmore\"x",
              "text behind the closing quote of field 2; the row reaches to line 5", 3);
        check("2,\"x\"y,\"many\nlines, of it\"",
              "text behind the closing quote of field 2; the row reaches to line 4", 2);
        check("\"x\"y,\"a\n7,b\"z,\"q\nr\"",
              "text behind the closing quote of field 1; the row reaches to line 5", 3);
        check("2,\"x\"y", "text behind the closing quote of field 2", 1);
        // The quote that seems to close opens a field of a good row.
        auto found = read("a,b\n3,\"open\n4,ok\n5,\"fine\"\n6,\"too\nlong\"\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"4", "ok"}, {"5", "<fine>"}, {"6", "<too\nlong>"}}));
        EXPECT_EQ(found.problems.size(), 1u);
        found = read("a,b\n3,\"open\n\"4\",ok\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"<4>", "ok"}}));
        // Between a stray quote and one within a text all lines are rows.
        found = read("a,b\n3,\"open\n4,ok\n5,3\" pipe\n6,ok\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"4", "ok"}, {"5", "3\" pipe"}, {"6", "ok"}}));
        found = read("a,b\n3,\"open\n4,\"\"\"x\"\", y\"\n5,3\" pipe\n", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"4", "<\"x\", y>"}, {"5", "3\" pipe"}}));
        // A text that is cut off at the end of the file.
        found = read("a,b\n1,ok\n2,\"Dear,\nplease find\nthe file, and\nmore", {}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"1", "ok"}}));
        EXPECT_EQ(found.problems, (std::vector<std::string>{
                                      "3: the quote of field 2 is never closed; the row reaches to line 6: "
                                      "2,\"Dear,\nplease find\nthe file, and\nmore"}));
    }
}

// Nothing of a file is lost: what is no row is part of a problem.
TEST(CsvReader, EveryLineIsPartOfARowOrAProblem) {
    std::mt19937_64 random(11);
    const std::string alphabet = "ab,,\"\"\n\n1";
    for (int round = 0; round < 3000; ++round) {
        std::string text = "h,i\n";
        for (auto length = random() % 60; length > 0; --length)
            text += alphabet[random() % alphabet.size()];
        auto reader = CsvReader::open(std::make_unique<Dripping>(text, 1 + random() % 9), {.delimiter = ','});
        ASSERT_TRUE(reader.ok());
        CsvRecord record;
        std::string all;
        std::uint64_t line = 1;
        for (auto more = (*reader)->next(record); more.ok() && *more; more = (*reader)->next(record)) {
            EXPECT_EQ(record.line, line) << text;
            all += std::string(record.text) + "\n";
            line += 1 + static_cast<std::uint64_t>(std::count(record.text.begin(), record.text.end(), '\n'));
        }
        if (!text.ends_with('\n')) text += '\n';
        EXPECT_EQ(all, text);
    }
}

TEST(CsvReader, Dialects) {
    EXPECT_EQ(read("a;b\n1,5;2\n").rows, (Rows{{"a", "b"}, {"1,5", "2"}}));
    EXPECT_EQ(read("a\tb\n").delimiter, '\t');
    EXPECT_EQ(read("a|b\n").delimiter, '|');
    EXPECT_EQ(read("\"x;y\",b\n").delimiter, ',');
    EXPECT_EQ(read("a;b\n", {.delimiter = ','}).rows, (Rows{{"a;b"}}));
    EXPECT_EQ(read("a,'x''y','z,'\n", {.quote = '\''}).rows, (Rows{{"a", "<x'y>", "<z,>"}}));
    EXPECT_EQ(read("\"a\\\"b\\\\c\\d\",2\n", {.escape = '\\'}).rows, (Rows{{"<a\"b\\c\\d>", "2"}}));
    EXPECT_EQ(read("\"a\",b\n", {.quote = std::nullopt}).rows, (Rows{{"\"a\"", "b"}}));
    for (const std::size_t step : {1u, 4096u}) {
        const auto found =
            read("one\n\"two\n#c,c\na,b\n#x\n1,#2\n#last", {.comment = '#', .skip_lines = 2}, step);
        EXPECT_EQ(found.rows, (Rows{{"a", "b"}, {"1", "#2"}}));
        EXPECT_EQ(found.lines, (std::vector<std::uint64_t>{4, 6}));
    }
}

TEST(CsvReader, RecordsLongerThanWhatIsReadAtOnce) {
    const std::string large(3u << 20, 'x');
    const auto found = read("a,b\n1,\"" + large + "\n" + large + "\"\n" + large + ",2\n");
    ASSERT_EQ(found.rows.size(), 3u);
    EXPECT_EQ(found.rows[1][1].size(), 2 * large.size() + 3);
    EXPECT_EQ(found.rows[2][0], large);
    EXPECT_EQ(found.lines[2], 4u);
}

// Whatever fields there are, written with quotes where they need them, they come back.
TEST(CsvReader, ReadsBackWhatIsWritten) {
    std::mt19937_64 random(7);
    const std::string alphabet = "ab,\"\n\r;x \t";
    for (int round = 0; round < 300; ++round) {
        Rows rows;
        std::string text = "h1,h2,h3\n";
        for (int i = 0; i < 20; ++i) {
            auto& row = rows.emplace_back();
            for (int column = 0; column < 3; ++column) {
                std::string field;
                for (auto length = random() % 6; length > 0; --length)
                    field += alphabet[random() % alphabet.size()];
                row.push_back("<" + field + ">");
                text += column == 0 ? "\"" : ",\"";
                for (const char c : field)
                    text += c == '"' ? std::string("\"\"") : std::string(1, c);
                text += '"';
            }
            text += random() % 2 == 0 ? "\n" : "\r\n";
        }
        auto found = read(text, {}, 1 + random() % 97);
        ASSERT_TRUE(found.problems.empty()) << found.problems[0];
        found.rows.erase(found.rows.begin());
        ASSERT_EQ(found.rows, rows) << "round " << round;
    }
}

TEST(CsvReader, BytesBroughtToUtf8) {
    const auto all = [](std::string content, const std::string& encoding) {
        auto source = bytes_of(std::move(content), encoding);
        EXPECT_TRUE(source.ok()) << source.error().message();
        std::string out;
        char part[5 + 8];
        for (;;) {
            auto got = (*source)->read(part, sizeof part);
            EXPECT_TRUE(got.ok());
            if (!got.ok() || *got == 0) return out;
            out.append(part, *got);
        }
    };
    using namespace std::string_literals;
    EXPECT_EQ(all("\xef\xbb\xbfid,ü", ""), "id,ü");
    EXPECT_EQ(all("M\xfcller\xdf", "latin-1"), "Müllerß");
    EXPECT_EQ(all("\x80", "windows-1252"), "€");
    EXPECT_EQ(all("\xff\xfei\0d\0,\0\xfc\0"s, ""), "id,ü");
    EXPECT_EQ(all("\xfe\xff\0i\0d\xd8\x3d\xde\x00"s, ""), "id😀");
    EXPECT_EQ(all("i\0\x00\xd8x\0"s, "utf-16"), "i\xffx") << "half a pair is marked";
    EXPECT_FALSE(bytes_of("x", "klingon").ok());
}

// What COPY (text) of PostgreSQL and OUTFILE of MySQL write, wherever a read ends.
TEST(CsvReader, BackslashEscapes) {
    const std::string text =
        "a\\tb\t\\N\tx\\\\y\n"
        "1\\\n2\t\\\\N\t\\\t3\n"
        "\"q\t\tC:\\\\new\\r\\n\n"
        "\\.\n"
        "\\0\\Z\\b\tNx\tlast";
    for (const std::size_t step : {1u, 2u, 3u, 7u, 1000u}) {
        const auto all = read(text, {.delimiter = '\t', .quote = std::nullopt, .backslash = true}, step);
        EXPECT_TRUE(all.problems.empty()) << step;
        EXPECT_EQ(all.rows, (Rows{{"a\tb", "~", "x\\y"},
                                  {"1\n2", "\\N", "\t3"},
                                  {"\"q", "", "C:\\new\r\n"},
                                  {std::string("\0\x1a\b", 3), "Nx", "last"}}))
            << step;
        EXPECT_EQ(all.lines, (std::vector<std::uint64_t>{1, 2, 4, 6})) << step;
    }
    const auto quoted = read("\"a\\\"b\\tc\",\"\\N\"\n", {.delimiter = ',', .backslash = true});
    EXPECT_EQ(quoted.rows, (Rows{{"<a\"b\tc>", "<N>"}}));
    const auto open = read("a\nb\\", {.delimiter = ',', .quote = std::nullopt, .backslash = true});
    ASSERT_EQ(open.problems.size(), 1u);
    EXPECT_NE(open.problems[0].find("nothing behind it"), std::string::npos);
    EXPECT_EQ(read("a\\tb,c\n").rows, (Rows{{"a\\tb", "c"}})) << "only where it is asked for";
    const CsvDialect tabs{.delimiter = '\t', .quote = std::nullopt, .backslash = true};
    // Bytes by their numbers.
    for (const std::size_t step : {1u, 4096u})
        EXPECT_EQ(read("\\x41\\x4a\\X\n", tabs, step).problems.size(), 1u);
    EXPECT_EQ(read("\\x41\\x4aK\t\\x9x\t\\xc3\\xa9\n\\101\\3034\t\\18\t\\001\\0\\012\n", tabs).rows,
              (Rows{{"AJK", "\tx", "\u00e9"},
                    {"A\xc3"
                     "4",
                     "\x01"
                     "8",
                     std::string("\x01\0\n", 3)}}));
    EXPECT_EQ(read("\\0\\\\\t\\0a\t\\08\n", tabs).rows, (Rows{{std::string("\0\\", 2), std::string("\0a", 2),
                                                               std::string("\0"
                                                                           "8",
                                                                           2)}}));
    auto latin = tabs;
    latin.high_bytes = false;
    EXPECT_EQ(read("\\x41\n\\xe9\n", latin).rows, (Rows{{"A"}}));
    EXPECT_NE(read("\\x41\n\\xe9\n", latin).problems.at(0).find("field 1 has \\xe9, a byte of an encoding"),
              std::string::npos);
    // What neither writes is not guessed at.
    const auto others = read("1\t\\xg1\n2\t\\777\n3\t\\Nx\n4\t\\01x\n5\t\\q\n6\t\\8\n7\tgood\n", tabs);
    EXPECT_EQ(others.rows.size(), 2u);
    ASSERT_EQ(others.problems.size(), 5u);
    for (const auto& [at, says] : {std::pair(0, "field 2 has \\x, which is no byte"),
                                   std::pair(1, "field 2 has \\777, which is no byte"),
                                   std::pair(2, "field 2 has \\01, which is one byte for PostgreSQL and two"),
                                   std::pair(3, "field 2 has \\q, which neither COPY TO"),
                                   std::pair(4, "field 2 has \\8, which neither COPY TO")})
        EXPECT_NE(others.problems[at].find(says), std::string::npos) << others.problems[at];
    const auto letter = read("1xa\\xb\n", {.delimiter = 'x', .quote = std::nullopt, .backslash = true});
    EXPECT_EQ(letter.rows, (Rows{{"1", "axb"}})) << "the delimiter";
}

TEST(CsvReader, TheSeparatorLineOfExcel) {
    for (const auto* line : {"sep=;\r\n", "\"sep=;\"\n", "SEP=;\n"}) {
        const auto all = read(std::string(line) + "a,b;c\n1;2\n");
        EXPECT_EQ(all.rows, (Rows{{"a,b", "c"}, {"1", "2"}})) << line;
        EXPECT_EQ(all.lines, (std::vector<std::uint64_t>{2, 3})) << line;
    }
    EXPECT_EQ(read("sep=;\na|b\n", {.delimiter = '|'}).rows, (Rows{{"a", "b"}})) << "what is given holds";
    EXPECT_EQ(read("sep=;\na;b\n", {.skip_lines = 1}).rows, (Rows{{"a", "b"}})) << "skipped once";
    EXPECT_EQ(read("sep,a\n1,2\n").rows.size(), 2u);
    EXPECT_EQ(read("sep=10\n1\n").rows.size(), 2u);
}

}  // namespace
}  // namespace datalake::cli
