#include "slave/handlers/append_planner.h"

#include <limits>
#include <set>

#include "common/base/crc32c.h"
#include "common/base/limits.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Error corrupt(const TableMeta& table, PartitionId id, const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "append: batch for partition " + std::to_string(id.value) +
                                                   " of table " + table.name + " " + what);
}

// The columns must be those of the table; of an older schema, ones that were dropped since are let through.
Result<void> check_columns(const TableMeta& table, SchemaId schema, PartitionId id,
                           const ColumnBatch& batch) {
    const auto& key = table.schema.key();
    for (const auto& column : batch.columns()) {
        const auto at = table.schema.find(column.field);
        if (!at) {
            if (schema == table.schema.id || column.field >= table.next_field_id)
                return corrupt(table, id, "has the unknown column " + std::to_string(column.field.value));
            continue;
        }
        const auto& field = table.schema.fields[*at];
        if (field.type != column.type)
            return corrupt(table, id,
                           "has column " + field.name + " as " + type_name(column.type) + ", the table as " +
                               type_name(field.type));
    }
    const auto* keys = batch.find(key.id);
    if (keys == nullptr) return corrupt(table, id, "lacks the key column " + key.name);
    if (keys->validity != nullptr)
        for (std::uint32_t row = 0; row < batch.rows(); ++row)
            if (keys->is_null(row)) return corrupt(table, id, "has a NULL key in row " + std::to_string(row));
    return {};
}

}  // namespace

Result<AppendPlan> plan_append(const TableRegistry& tables, std::string_view json,
                               const SharedBytes& attachment) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("append", json));
    DL_TRY_ASSIGN(const auto table_id, request.table_id());
    DL_TRY_ASSIGN(const auto schema_number,
                  request.integer("schema_id", 1, std::numeric_limits<std::uint32_t>::max()));
    const SchemaId schema{static_cast<std::uint32_t>(schema_number)};
    Hash128 batch_id;
    if (request.has("batch_id")) {
        DL_TRY_ASSIGN(const auto text, request.text("batch_id"));
        if (text.empty() || text.size() > limits::batch_id_bytes_max)
            return make_error(
                ErrorCode::invalid_request,
                "append: 'batch_id' must have 1 to " + std::to_string(limits::batch_id_bytes_max) + " bytes");
        batch_id = batch_id_hash(text);
    }
    AppendPlan plan;
    DL_TRY_ASSIGN(plan.table, tables.table(table_id));
    const auto& table = *plan.table;
    if (schema > table.schema.id)
        return make_error(ErrorCode::schema_mismatch,
                          "append to table " + table.name + " with schema " + std::to_string(schema.value) +
                              ", this slave knows " + std::to_string(table.schema.id.value));
    DL_TRY_ASSIGN(const auto items, request.objects("partitions"));
    if (items.empty()) return make_error(ErrorCode::invalid_request, "append: 'partitions' is empty");

    std::size_t begin = 0;
    std::set<PartitionId> seen;
    for (const auto& item : items) {
        DL_TRY_ASSIGN(const auto number, item.integer("partition", 0, limits::partitions_max - 1));
        DL_TRY_ASSIGN(const auto count, item.integer("count", 1, std::numeric_limits<std::uint32_t>::max()));
        DL_TRY_ASSIGN(const auto bytes, item.integer("bytes", 1, limits::record_batch_bytes_max));
        DL_TRY_ASSIGN(const auto crc, item.integer("crc", 0, std::numeric_limits<std::uint32_t>::max()));
        AppendPart part;
        part.id = PartitionId{static_cast<std::uint32_t>(number)};
        if (!seen.insert(part.id).second)
            return make_error(ErrorCode::invalid_request,
                              "append: partition " + std::to_string(number) + " is given twice");
        const auto length = static_cast<std::size_t>(bytes);
        if (length > attachment.size() - begin)
            return corrupt(table, part.id,
                           "reaches beyond the " + std::to_string(attachment.size()) + " bytes sent");
        DL_TRY_ASSIGN(part.partition, tables.partition(table_id, part.id));
        part.request.body = attachment.slice(begin, length);
        begin += length;
        part.request.body_crc = static_cast<std::uint32_t>(crc);
        if (crc32c(0, part.request.body.data(), length) != part.request.body_crc)
            return corrupt(table, part.id, "does not match its CRC");
        auto batch = ColumnBatch::decode(part.request.body, static_cast<std::uint32_t>(count), false);
        if (batch.has_error()) return corrupt(table, part.id, "is malformed: " + batch.error().message);
        part.request.batch = std::move(*batch);
        DL_TRY(check_columns(table, schema, part.id, part.request.batch));
        part.request.schema = schema;
        part.request.batch_id = batch_id;
        plan.parts.push_back(std::move(part));
    }
    if (begin != attachment.size())
        return make_error(ErrorCode::invalid_request, "append: " + std::to_string(attachment.size() - begin) +
                                                          " bytes more than the partitions name");
    return plan;
}

}  // namespace dl::slave
