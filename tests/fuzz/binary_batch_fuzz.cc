// The second frame of a binary batch: as a snappy block, and as what a block holds.
#include <snappy.h>

#include "master/protocol/native/batch_binary.h"
#include "master/protocol/native/batch_json.h"
#include "tests/fuzz/batch_table.h"

namespace dl {

std::vector<std::string> fuzz_seeds() {
    std::string plain;
    append_string(plain, "t");
    const std::vector<std::vector<std::string>> rows = {
        {"id", "n", "l", "f", "d", "b", "ts", "dt", "p", "q", "bin", "must", "_crud_type"},
        {"a", "1", "-5", "1.5", "nan", "true", "2024-01-31 12:00:00", "2024-02-29", "1.005", "1e5",
         "AA==", "x", "insert"},
        {"b", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "/~|", "delete"},
        {"", "7", "8", "inf", "1e-400", "0", "1969-12-31", "-0044-03-15", ".5", "5.", "", "é", "insert"}};
    append_le(plain, static_cast<std::uint32_t>(rows[0].size()));
    for (const auto& name : rows[0])
        append_string(plain, name);
    append_le(plain, static_cast<std::uint32_t>(rows.size() - 1));
    for (std::size_t i = 1; i < rows.size(); ++i) {
        append_le(plain, static_cast<std::uint32_t>(rows[i].size()));
        for (const auto& value : rows[i])
            append_string(plain, value);
    }
    std::string compressed;
    snappy::Compress(plain.data(), plain.size(), &compressed);
    return {plain, compressed};
}

namespace {

void parse_plain(std::string_view plain) {
    const auto table = binary_batch_table(plain);
    if (table) {
        DL_CHECK(is_utf8(*table), "a table name is UTF-8");
    }
    const auto batch = parse_binary_batch(plain, fuzz_table());
    if (batch.has_error()) {
        DL_CHECK(is_utf8(batch.error().message), "an error is UTF-8");
        return;
    }
    const std::string printed = as_json_request(*batch);
    if (printed.empty()) return;
    const auto same = parse_json_rows(*JsonRequest::parse(printed), fuzz_table());
    DL_CHECK(same.has_value(), "both batch forms mean the same");
    check_same(*batch, *same);
}

}  // namespace
}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = dl::fuzz_text(data, size);
    dl::parse_plain(bytes);
    if (const auto plain = dl::snappy_uncompress_checked(bytes, 1 << 20)) dl::parse_plain(*plain);
    return 0;
}
