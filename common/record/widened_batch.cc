#include "common/record/widened_batch.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/types/wider_type.h"

namespace dl {
namespace {

constexpr std::int64_t kMicrosecondsPerDay = 86'400'000'000;

Int128 unscaled_of(const ColumnView& column, std::uint32_t row) {
    switch (physical_type(column.type)) {
        case PhysicalType::int32:
            return column.fixed<std::int32_t>(row);
        case PhysicalType::int64:
            return column.fixed<std::int64_t>(row);
        default:
            return column.fixed<Int128>(row);
    }
}

void append_decimal(ColumnBatchBuilder& builder, std::size_t column, DataType to, const ColumnView& from,
                    std::uint32_t row) {
    auto value = unscaled_of(from, row);
    for (auto scale = from.type.scale; scale < to.scale; ++scale)
        value *= 10;
    if (physical_type(to) == PhysicalType::int64)
        builder.append_fixed(column, static_cast<std::int64_t>(value));
    else
        builder.append_fixed(column, value);
}

}  // namespace

void append_widened(ColumnBatchBuilder& builder, std::size_t column, DataType to, const ColumnView& from,
                    std::uint32_t row) {
    if (from.type == to) return builder.append_from(column, from, row);
    DL_CHECK(is_wider_type(to, from.type), "a value becomes one of a type that has it");
    switch (to.kind) {
        case TypeKind::int64:
            return builder.append_fixed(column, std::int64_t{from.fixed<std::int32_t>(row)});
        case TypeKind::float64:
            return builder.append_fixed(column, from.type.kind == TypeKind::float32
                                                    ? double{from.fixed<float>(row)}
                                                    : static_cast<double>(from.fixed<std::int32_t>(row)));
        case TypeKind::timestamp:
            return builder.append_fixed(column, from.fixed<std::int32_t>(row) * kMicrosecondsPerDay);
        default:
            return append_decimal(builder, column, to, from, row);
    }
}

Result<ColumnBatch> widened_batch(const ColumnBatch& batch, std::span<const Field> fields) {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    bool changes = false;
    for (const auto& column : batch.columns()) {
        specs.push_back({column.field, column.type});
        auto& spec = specs.back();
        const auto wanted =
            std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.id == column.field; });
        if (wanted == fields.end() || !is_wider_type(wanted->type, column.type)) continue;
        spec.type = wanted->type;
        changes = true;
    }
    if (!changes) return batch;
    ColumnBatchBuilder builder(specs);
    builder.reserve(batch.rows(), 0);
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
        for (std::size_t c = 0; c < specs.size(); ++c) {
            const auto& from = batch.columns()[c];
            if (from.is_null(row))
                builder.append_null(c);
            else
                append_widened(builder, c, specs[c].type, from, row);
        }
        builder.finish_row(batch.is_delete(row));
    }
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()), batch.rows());
}

}  // namespace dl
