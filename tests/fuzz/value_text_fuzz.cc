// Text forms of values, type names and column names: one byte that chooses, then the text.
#include <cstring>

#include "common/types/schema.h"
#include "common/types/value_text.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {
namespace {

const std::vector<DataType>& types() {
    static const std::vector<DataType> all = {
        {TypeKind::int32},          {TypeKind::int64},           {TypeKind::float32},   {TypeKind::float64},
        {TypeKind::boolean},        {TypeKind::string},          {TypeKind::timestamp}, {TypeKind::date},
        {TypeKind::decimal, 18, 6}, {TypeKind::decimal, 38, 20}, {TypeKind::binary}};
    return all;
}

// The text of the value that `text` means, or nothing.
bool canonical(DataType type, std::string_view text, std::string& out, std::string& body) {
    ColumnBatchBuilder builder({{FieldId{1}, type}});
    const auto parsed = append_parsed_text(builder, 0, type, text);
    if (parsed.has_error()) {
        DL_CHECK(is_utf8(parsed.error().message), "an error is UTF-8");
        return false;
    }
    builder.finish_row(false);
    body = builder.encode();
    const auto batch = ColumnBatch::decode(SharedBytes::from_string(body), 1, true);
    DL_CHECK(batch.has_value(), "decode(encode(x))");
    append_value_text(out, batch->columns()[0], 0);
    return true;
}

void check_value(DataType type, std::string_view text) {
    std::string printed, printed_again, body, body_again;
    if (!canonical(type, text, printed, body)) return;
    DL_CHECK(canonical(type, printed, printed_again, body_again), "parse(print(x))");
    DL_CHECK(printed == printed_again && body == body_again, "parse(print(x)) == x");
}

void check_names(std::string_view text) {
    if (const auto type = parse_type(text)) {
        const auto again = parse_type(type_name(*type));
        DL_CHECK(again.has_value() && *again == *type, "parse(print(x)) == x");
    }
    if (const auto name = normalize_name("column", text)) {
        const auto again = normalize_name("column", *name);
        DL_CHECK(again.has_value() && *again == *name, "a normal name is its own normal form");
    }
    DL_CHECK(is_utf8(quoted_value(text)), "a quoted value is UTF-8");
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    std::vector<std::string> seeds;
    const char* const texts[] = {"-2147483648",
                                 "+9223372036854775807",
                                 "1.5e-10",
                                 "-inf",
                                 "true",
                                 "é中",
                                 "2024-01-31T12:00:00.1234567+08:00",
                                 "-0044-02-29",
                                 "-123456.7890125e2",
                                 "99999999999999999.99999999999999999999",
                                 "AAEC/w=="};
    for (std::size_t i = 0; i < std::size(texts); ++i)
        seeds.push_back(std::string(1, static_cast<char>(i)) + texts[i]);
    for (const auto* name : {"decimal ( 38 , 10 )", "varchar", "Ärger_1", "用户", "ЖУК"})
        seeds.push_back(std::string(1, '\x7f') + name);
    return seeds;
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    if (size == 0) return 0;
    const auto text = fuzz_text(data + 1, size - 1);
    if (data[0] < types().size())
        check_value(types()[data[0]], text);
    else
        check_names(text);
    return 0;
}
