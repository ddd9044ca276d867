// The JSON reader of the client: rows of any bytes, read whole and a few bytes at a time.
#include "data-lake-client/cli/load/json_source.h"
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

std::string all_rows(std::string_view text, std::size_t step) {
    LoadColumns columns(true);
    JsonSource source("f", std::make_unique<Dripping>(text, step), columns);
    SourceRow row;
    std::string out;
    for (;;) {
        auto more = source.next(row);
        if (!more.ok()) return out + "ERROR " + more.error().message();
        if (!*more) return out;
        out += std::to_string(row.line) + row.problem.column + row.problem.reason;
        if (!row.problem.reason.empty()) continue;
        for (const auto& field : row.fields) {
            if (field.kind == FieldKind::nested)
                DL_CHECK(field.text.size() >= 2 && (field.text.front() == '{' || field.text.front() == '[') &&
                             (field.text.back() == '}' || field.text.back() == ']'),
                         "a nested value is one");
            out += static_cast<char>('0' + static_cast<int>(field.kind));
            out += field.text;
        }
    }
}

}  // namespace
}  // namespace datalake::cli

namespace dl {

std::vector<std::string> fuzz_seeds() {
    return {"{\"id\":1,\"v\":1.50,\"t\":\"x\\ny\"}\n{\"id\":2,\"n\":{\"a\":[1,{}]}}\n",
            "[{\"a\":[1,{\"b\":\"]\"}]},\n{\"a\":{\"x\":[]} , \"c\":\"\"}\n]",
            "{\n \"a\": 1\n}\n{\n \"a\": 2, \"crud\":\"delete\"\n}\n"};
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace datalake::cli;
    const std::string_view text = dl::fuzz_text(data, size);
    DL_CHECK(all_rows(text, 1u << 20) == all_rows(text, 5), "the same however it is read");
    return 0;
}
