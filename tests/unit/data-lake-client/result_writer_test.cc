#include "data-lake-client/cli/result_writer.h"

#include <gtest/gtest.h>

#include "data-lake-client/cli/progress.h"
#include "data-lake-client/cli/text_width.h"

namespace datalake::cli {
namespace {

class Collected : public Output {
  public:
    Collected() : Output(nullptr) {}
    ~Collected() override { pending_.clear(); }
    bool flush() override {
        text += pending_;
        pending_.clear();
        return true;
    }
    std::string text;
};

Cell number(std::string text) {
    return {CellKind::number, std::move(text)};
}
Cell words(std::string text) {
    return {CellKind::text, std::move(text)};
}

std::string printed(OutputFormat format, const std::vector<std::string>& columns,
                    const std::vector<std::vector<Cell>>& rows, const WriterStyle& style = {}) {
    Collected output;
    auto writer = ResultWriter::make(format, style, output);
    writer->begin(columns);
    for (const auto& row : rows)
        writer->row(row);
    writer->end();
    output.flush();
    return output.text;
}

const std::vector<std::string> kColumns = {"id", "name"};
const std::vector<std::vector<Cell>> kRows = {
    {number("1"), words("Ada")}, {number("-20"), words("张伟")}, {number("3"), Cell{}}};

TEST(TextWidth, CountsColumnsNotBytes) {
    EXPECT_EQ(display_width("abc"), 3u);
    EXPECT_EQ(display_width("张伟"), 4u);
    EXPECT_EQ(display_width("e\u0301"), 1u);  // combining accent
    EXPECT_EQ(display_width("\xff\xc3"), 2u);
    EXPECT_EQ(display_width("\U0001f600"), 2u);
    EXPECT_EQ(display_width("\U000e0080x"), 2u) << "not assigned, and still shown as something";
    EXPECT_EQ(cut_to_width("张伟abc", 4), "张…");
    EXPECT_EQ(cut_to_width("abc", 3), "abc");
    EXPECT_EQ(printable("a\nb\033[31m\u0085"), "a\\nb\\x1b[31m\\x85");
}

TEST(ResultWriter, TableAlignsNumbersRightAndTextLeft) {
    EXPECT_EQ(printed(OutputFormat::table, kColumns, kRows),
              "  id | name\n"
              "-----+------\n"
              "   1 | Ada\n"
              " -20 | 张伟\n"
              "   3 | NULL\n");
    EXPECT_EQ(printed(OutputFormat::table, kColumns, kRows, {.header = false}),
              "   1 | Ada\n -20 | 张伟\n   3 | NULL\n");
    EXPECT_EQ(printed(OutputFormat::table, {"n"}, {{words("a\tb")}}), " n\n------\n a\\tb\n");
}

TEST(ResultWriter, PlansKeepTheirLines) {
    EXPECT_EQ(printed(OutputFormat::table, {"explain_key", "explain_value"},
                      {{words("route"), words("local")}, {words("physical_plan"), words("a\n b\n")}}),
              "route: local\nphysical_plan:\na\n b\n");
}

TEST(ResultWriter, TerminalCutsLongCells) {
    const auto text = printed(OutputFormat::table, {"a", "b"}, {{number("1"), words(std::string(200, 'x'))}},
                              {.terminal = true, .terminal_columns = 40});
    EXPECT_NE(text.find("x…"), std::string::npos);
    EXPECT_NE(text.find("│"), std::string::npos);
    const auto plain = printed(OutputFormat::table, {"a"}, {{words(std::string(200, 'x'))}});
    EXPECT_NE(plain.find(std::string(200, 'x')), std::string::npos);
    EXPECT_EQ(plain.find('\033'), std::string::npos);
}

TEST(ResultWriter, Vertical) {
    EXPECT_EQ(printed(OutputFormat::vertical, kColumns, {kRows[2]}),
              "-[ 1 ]------------\nid   | 3\nname | NULL\n");
}

TEST(ResultWriter, JsonKeepsTypes) {
    EXPECT_EQ(printed(OutputFormat::json, kColumns,
                      {{number("1.50"), words("a\"b")}, {Cell{}, {CellKind::nested, "[1]"}}}),
              "[\n  {\"id\":1.50,\"name\":\"a\\\"b\"},\n  {\"id\":null,\"name\":[1]}\n]\n");
    EXPECT_EQ(printed(OutputFormat::json, kColumns, {}), "[]\n");
    EXPECT_EQ(printed(OutputFormat::ndjson, kColumns, {kRows[0]}), "{\"id\":1,\"name\":\"Ada\"}\n");
}

TEST(ResultWriter, CsvQuotesWhereItMustAndTellsNullFromEmpty) {
    EXPECT_EQ(
        printed(OutputFormat::csv, {"a", "b,c"}, {{words("x\"y"), words("")}, {Cell{}, words("l1\nl2")}}),
        "a,\"b,c\"\n\"x\"\"y\",\"\"\n,\"l1\nl2\"\n");
}

TEST(ResultWriter, ManyRowsKeepAColumnStraight) {
    std::vector<std::vector<Cell>> rows;
    for (int i = 0; i < 25'000; ++i)
        rows.push_back({number(std::to_string(i)), words("x")});
    const auto text = printed(OutputFormat::table, kColumns, rows);
    EXPECT_NE(text.find("\n 24999 | x\n"), std::string::npos);
}

TEST(Progress, Texts) {
    EXPECT_EQ(format_count(3000000), "3 000 000");
    EXPECT_EQ(format_count(12), "12");
    EXPECT_EQ(format_seconds(65), "1:05");
    EXPECT_EQ(progress_line("", 0.5, 1'500'000, 2.0, 0), " 50 %  1 500 000 rows  750 k rows/s  ETA 2.0 s");
    EXPECT_EQ(progress_line("", -1, 100, 2.0, 80), "100 rows  50 rows/s  2.0 s");
    EXPECT_LE(display_width(progress_line("", 0.5, 1'500'000, 2.0, 80)), 80u);
}

TEST(ResultWriter, NothingThatCameIsNothing) {
    for (const auto format : {OutputFormat::table, OutputFormat::vertical, OutputFormat::csv}) {
        Collected output;
        auto writer = ResultWriter::make(format, {}, output);
        writer->flush();
        writer->end();
        output.flush();
        EXPECT_EQ(output.text, "") << output_format_name(format);
    }
}

}  // namespace
}  // namespace datalake::cli
