#include "slave/columnar/segment_source.h"

#include <algorithm>

#include "common/base/failpoint.h"
#include "common/duck/parquet_file.h"

namespace dl::slave {

std::vector<Field> segment_fields(const TailSegment& segment, const Schema& schema, FieldId next_field) {
    std::vector<Field> fields;
    const auto have = [&](FieldId id) {
        return std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return f.id == id; });
    };
    const ColumnBatch* before = nullptr;
    for (const auto& chunk : segment.chunks()) {
        if (before != nullptr && before->columns().size() == chunk->batch.columns().size() &&
            std::equal(before->columns().begin(), before->columns().end(), chunk->batch.columns().begin(),
                       [](const ColumnView& a, const ColumnView& b) { return a.field == b.field; }))
            continue;
        before = &chunk->batch;
        for (const auto& column : chunk->batch.columns()) {
            if (have(column.field)) continue;
            const auto known = schema.find(column.field);
            if (!known && column.field < next_field) continue;  // dropped
            Field field;
            if (known) field = schema.fields[*known];
            field.id = column.field;
            field.type = column.type;
            field.name = parquet_field_name(column.field);
            fields.push_back(std::move(field));
        }
    }
    std::sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.id < b.id; });
    return fields;
}

std::vector<ScanColumn> snapshot_columns(const std::vector<Field>& fields) {
    std::vector<ScanColumn> columns;
    columns.push_back(
        {"_offset", ScanColumn::Source::offset, FieldId{}, DataType{TypeKind::int64}, std::nullopt});
    columns.push_back(
        {"_delete", ScanColumn::Source::operation, FieldId{}, DataType{TypeKind::boolean}, std::nullopt});
    columns.push_back(
        {"_time", ScanColumn::Source::time, FieldId{}, DataType{TypeKind::timestamp}, std::nullopt});
    for (const auto& field : fields)
        columns.push_back({parquet_field_name(field.id), ScanColumn::Source::field, field.id, field.type,
                           field.default_text});
    return columns;
}

SegmentSource::SegmentSource(std::shared_ptr<const TailSegment> segment, std::vector<ScanColumn> columns,
                             std::shared_ptr<PacedWriteBack> write_back)
    : segment_(std::move(segment)), columns_(std::move(columns)), write_back_(std::move(write_back)) {
    for (std::size_t c = 0; c < segment_->chunks().size(); ++c)
        for (std::size_t r = 0; r < segment_->chunks()[c]->times.size(); ++r)
            units_.push_back({c, r});
}

Result<std::optional<ScanUnit>> SegmentSource::next() {
    const std::size_t at = next_.fetch_add(1);
    if (at == units_.size() / 2) DL_FAILPOINT("flush.mid");
    if (at >= units_.size()) {
        if (at == units_.size()) DL_FAILPOINT("flush.before-footer");
        return std::optional<ScanUnit>{};
    }
    const auto& chunk = *segment_->chunks()[units_[at].chunk];
    const auto run = units_[at].run;
    ScanUnit unit;
    unit.batch = chunk.batch;
    unit.base_offset = chunk.base_offset;
    unit.append_time_us = chunk.times[run].append_time_us;
    const std::uint32_t begin = chunk.times[run].first_row;
    const std::uint32_t end =
        run + 1 < chunk.times.size() ? chunk.times[run + 1].first_row : chunk.batch.rows();
    unit.all_rows = chunk.times.size() == 1;
    if (!unit.all_rows)
        for (std::uint32_t row = begin; row < end; ++row)
            unit.rows.push_back(row);
    rows_read_.fetch_add(end - begin);
    if (write_back_ != nullptr)
        write_back_->wrote(chunk.batch.body().size() * (end - begin) / chunk.batch.rows());
    return std::optional<ScanUnit>(std::move(unit));
}

std::shared_ptr<ScanSource> SegmentSource::rewound() const {
    return std::make_shared<SegmentSource>(segment_, columns_, write_back_);
}

}  // namespace dl::slave
