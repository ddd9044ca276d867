// The tables that come along with a query: the JSON of the request, a zero byte, the bytes attached to it.
#include <set>

#include "common/base/limits.h"
#include "slave/handlers/broadcast_request.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {
namespace {

std::string small_batch(std::uint32_t rows) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::string}}, {FieldId{2}, {TypeKind::decimal, 9, 2}}});
    for (std::uint32_t i = 0; i < rows; ++i) {
        builder.append_bytes(0, "näme " + std::to_string(i));
        if (i % 2 == 0)
            builder.append_fixed<std::int64_t>(1, i);
        else
            builder.append_null(1);
        builder.finish_row(false);
    }
    return builder.encode();
}

std::string batch_json(std::uint32_t rows, const std::string& body) {
    return "{\"rows\":" + std::to_string(rows) + ",\"bytes\":" + std::to_string(body.size()) + "}";
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    const std::string columns =
        R"j("columns":[{"name":"key","type":"string"},{"name":"p","type":"decimal(9,2)"}])j";
    const std::string a = small_batch(3), b = small_batch(1);
    const std::string first = R"({"name":"dl_broadcast_1",)" + columns + ",\"batches\":[" + batch_json(3, a) +
                              "," + batch_json(1, b) + "]}";
    const std::string second =
        R"({"name":"dl_broadcast_2",)" + columns + ",\"batches\":[" + batch_json(1, b) + "]}";
    const std::string empty = R"({"name":"dl_broadcast_3",)" + columns + ",\"batches\":[]}";
    const auto request = [](const std::string& tables, const std::string& bytes) {
        return "{\"broadcasts\":[" + tables + "]}" + std::string(1, '\0') + bytes;
    };
    return {
        std::string("{}"),
        request("", ""),
        request(empty, ""),
        request(first, a + b),
        request(first + "," + second, a + b + b),
        request(second + "," + empty + "," + first, b + a + b),
        request(second + "," + second, b + b),
        request(R"({"name":"dl_broadcast_7",)" + columns + ",\"batches\":[]}", ""),
        request(R"({"name":"dl_broadcast_1","columns":[{"name":"K","type":"int"},{"name":"k","type":"int"}],)"
                R"("batches":[{"rows":1,"bytes":9223372036854775807}]})",
                "")};
}

namespace {

void check_tables(const std::vector<BroadcastTable>& tables, std::size_t attached) {
    std::set<std::string> names{"dl_broadcast_7"};
    std::size_t total = 0;
    DL_CHECK(tables.size() <= limits::broadcast_tables_max, "few tables");
    for (const auto& table : tables) {
        DL_CHECK(names.insert(table.name).second, "a name of its own");
        DL_CHECK(!table.columns.empty(), "a table has columns");
        DL_CHECK(table.rows() <= limits::broadcast_rows_max, "few rows");
        std::size_t bytes = 0;
        for (const auto& batch : table.batches) {
            DL_CHECK(batch.columns().size() == table.columns.size(), "the columns of the table");
            for (std::size_t c = 0; c < table.columns.size(); ++c)
                DL_CHECK(batch.columns()[c].type == table.columns[c].type, "the types of the table");
            bytes += batch.body().size();
            (void)read_all_values(batch);
        }
        DL_CHECK(bytes <= limits::broadcast_bytes_max, "few bytes");
        total += bytes;
    }
    DL_CHECK(total == attached, "every byte belongs to one batch");
}

}  // namespace
}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    const auto input = fuzz_text(data, size);
    const auto end = std::min(input.find('\0'), input.size());
    const auto attached = input.substr(std::min(end + 1, input.size()));
    const auto request = slave::RequestJson::parse("query", input.substr(0, end));
    if (request.has_error()) return 0;
    const auto tables = slave::parse_broadcasts(*request, {{"dl_broadcast_7", TableId{1}}},
                                                SharedBytes::copy_of(attached.data(), attached.size()));
    if (tables.has_error())
        DL_CHECK(!tables.error().message.empty(), "an error says what is wrong");
    else
        check_tables(*tables, attached.size());
    return 0;
}
