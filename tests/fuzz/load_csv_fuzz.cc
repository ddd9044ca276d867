// The CSV reader of the client: one byte that chooses a dialect, then the file. Read whole and a few bytes at
// a time it must come to the same records.
#include "data-lake-client/cli/load/csv_reader.h"
#include "tests/fuzz/fuzz_support.h"

namespace datalake::cli {
namespace {

class Dripping : public ByteSource {
  public:
    Dripping(std::string_view text, std::size_t step) : text_(text), step_(step) {}
    Result<std::size_t> read(char* to, std::size_t size) override {
        const auto part = std::min({size, step_, text_.size()});
        text_.copy(to, part);
        text_.remove_prefix(part);
        return part;
    }

  private:
    std::string_view text_;
    std::size_t step_;
};

std::string records(std::string_view text, const CsvDialect& dialect, std::size_t step) {
    std::string out;
    auto reader = CsvReader::open(std::make_unique<Dripping>(text, step), dialect);
    if (!reader.ok()) return "ERROR";
    CsvRecord record;
    std::uint64_t line = 0;
    for (;;) {
        auto more = (*reader)->next(record);
        if (!more.ok()) return out + "ERROR";
        if (!*more) return out;
        DL_CHECK(record.line > line, "lines go up");
        line = record.line;
        DL_CHECK(record.problem.empty() != record.fields.empty(), "fields, or a problem");
        DL_CHECK(text.find(record.text) != std::string_view::npos, "a record is a piece of the file");
        out += std::to_string(line) + ' ' + record.problem;
        for (const auto& field : record.fields)
            out += (field.quoted ? " q:" : " ") + std::string(field.text);
        out += '\0';
    }
}

}  // namespace
}  // namespace datalake::cli

namespace dl {

std::vector<std::string> fuzz_seeds() {
    const std::string text = "a,b;c\n1,\"x\"\"y\",3\r\n\"l1\nl2\",z\n#no\n\"open,\n,\"\"\n\"bad\"x,1\n5,6";
    return {'\0' + text, '\1' + text, '\2' + text, '\3' + text, std::string("\0a\rb,\"c\rd\"\r", 11)};
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace datalake::cli;
    if (size == 0) return 0;
    CsvDialect dialect;
    if ((data[0] & 1) != 0) dialect.delimiter = ';';
    if ((data[0] & 2) != 0) dialect.escape = '\\';
    if ((data[0] & 4) != 0) dialect.quote.reset();
    if ((data[0] & 8) != 0) dialect.comment = '#';
    const std::string_view text = dl::fuzz_text(data + 1, size - 1);
    const auto whole = records(text, dialect, 1u << 20);
    DL_CHECK(whole == records(text, dialect, 3), "the same however it is read");
    return 0;
}
