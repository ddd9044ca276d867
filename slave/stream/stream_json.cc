// Table and column names need no escapes: they are
// letters, digits and underscores.
#include "slave/stream/stream_json.h"

#include "common/types/value_put.h"

namespace dl {
namespace {

void append_quoted(std::string& out, std::string_view name) {
    out += '"';
    out += name;
    out += '"';
}

// 2024-01-31T12:00:00.123456Z, the fraction only when it is not zero.
void append_iso_time(std::string& out, std::int64_t time_us) {
    std::string text;
    append_timestamp(text, time_us);
    text[text.find(' ')] = 'T';
    out += text;
    out += 'Z';
}

}  // namespace

void append_stream_json(std::string& out, const TableMeta& table, PartitionId partition,
                        const ColumnBatch& batch, std::uint32_t row, Offset offset,
                        std::int64_t append_time_us) {
    const bool is_delete = batch.is_delete(row);
    out += "{\"table_name\":";
    append_quoted(out, table.name);
    out += ",\"major_key\":";
    append_quoted(out, table.schema.key().name);
    out +=
        is_delete ? ",\"crud\":\"delete\",\"partition_code\":" : ",\"crud\":\"insert\",\"partition_code\":";
    append_int64(out, partition.value);
    out += ",\"offset\":";
    append_int64(out, offset);
    out += ",\"timestamp\":\"";
    append_iso_time(out, append_time_us);
    out += "\",\"data\":{";
    bool first = true;
    for (const auto& field : table.schema.fields) {
        if (!first) out += ',';
        first = false;
        append_quoted(out, field.name);
        out += ':';
        if (const auto* column = batch.find(field.id))
            append_value_json(out, *column, row);
        else if (field.default_text && !is_delete)
            append_text_as_json(out, field.type, *field.default_text);
        else
            out += "null";
    }
    out += "}}";
}

}  // namespace dl
