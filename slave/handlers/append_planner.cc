#include "slave/handlers/append_planner.h"

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/rpc/messages/append_messages.h"
#include "common/types/wider_type.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

Error corrupt(const TableMeta& table, PartitionId id, const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "append: batch for partition " + std::to_string(id.value) +
                                                   " of table " + table.name + " " + what);
}

// The columns must be those of the table; of an older schema, ones that were dropped or made
// wider since are let through.
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
        const bool is_of_before = schema < table.schema.id && is_wider_type(field.type, column.type);
        if (field.type != column.type && !is_of_before)
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
    DL_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::AppendRequest>(json));
    AppendPlan plan;
    DL_TRY_ASSIGN(plan.table, find_table(tables, request.table));
    const auto& table = *plan.table;
    DL_TRY(check_schema(table, request.schema, "append"));
    BatchName name;
    if (!request.batch_id.empty())
        name = {request.sequence == 0 ? batch_id_hash(request.batch_id) : producer_id_hash(request.batch_id),
                request.sequence};

    std::size_t begin = 0;
    plan.parts.reserve(request.partitions.size());
    for (const auto& asked : request.partitions) {
        auto& part = plan.parts.emplace_back();
        part.id = asked.partition;
        if (asked.bytes > attachment.size() - begin)
            return corrupt(table, part.id,
                           "reaches beyond the " + std::to_string(attachment.size()) + " bytes sent");
        DL_TRY_ASSIGN(part.partition, find_led_partition(tables, request.table, part.id, asked.leader_epoch));
        part.request.body = attachment.slice(begin, asked.bytes);
        begin += asked.bytes;
        part.request.body_crc = asked.crc;
        if (crc32c(0, part.request.body.data(), asked.bytes) != asked.crc)
            return corrupt(table, part.id, "does not match its CRC");
        auto batch = ColumnBatch::decode(part.request.body, asked.count, false);
        if (batch.has_error()) return corrupt(table, part.id, "is malformed: " + batch.error().message);
        part.request.batch = std::move(*batch);
        DL_CHECK(part.partition != nullptr && part.request.batch.rows() == asked.count,
                 "INV-2 what is appended has the rows that were announced");
        DL_TRY(check_columns(table, request.schema, part.id, part.request.batch));
        part.request.schema = request.schema;
        part.request.epoch = asked.leader_epoch;
        part.request.name = name;
    }
    if (begin != attachment.size())
        return make_error(ErrorCode::invalid_request, "append: " + std::to_string(attachment.size() - begin) +
                                                          " bytes more than the partitions name");
    return plan;
}

}  // namespace dl::slave
