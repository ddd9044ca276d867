#include "master/routing/partitioned_batch_builder.h"

#include <limits>
#include <utility>

#include "common/base/crc32c.h"
#include "common/json/json_tape.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

std::vector<ColumnBatchBuilder::ColumnSpec> specs_of(const Schema& schema) {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    specs.reserve(schema.fields.size());
    for (const auto& field : schema.fields)
        specs.push_back({field.id, field.type});
    return specs;
}

// The text is none of the type, nor of what the column was declared with, if that is said.
template <class Declared>
Error no_value(const Declared& declared_columns, std::uint32_t column, DataType type, std::string_view text) {
    for (const auto& [position, declared] : declared_columns)
        if (position == column && declared->check.kind == master::ColumnCheck::Kind::range)
            return make_error(ErrorCode::invalid_value, quoted_value(text) + " is not a valid " +
                                                            declared->text + "; give a whole number from " +
                                                            std::to_string(declared->check.least) + " to " +
                                                            std::to_string(declared->check.most));
    return invalid_value_error(text, type);
}

}  // namespace

PartitionedBatchBuilder::PartitionedBatchBuilder(const master::CatalogTable& table, std::size_t input_bytes,
                                                 std::size_t staged_bytes_max)
    : table_(&table),
      staged_(specs_of(table.schema)),
      input_bytes_(input_bytes),
      staged_bytes_max_(staged_bytes_max) {
    const auto& fields = table.schema.fields;
    stamps_.resize(fields.size());
    if (!table.declared.empty()) null_stamps_.resize(fields.size());
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const bool is_key = i == table.schema.key_index;
        columns_.push_back(
            {fields[i].type, is_key || fields[i].not_null, !is_key && table.default_of(fields[i])});
        if (const auto declared = table.declared.find(fields[i].id); declared != table.declared.end())
            declared_.emplace_back(static_cast<std::uint32_t>(i), &declared->second);
        by_name_.emplace(fields[i].name, static_cast<std::uint32_t>(i));
        const std::size_t width = physical_width(physical_type(fields[i].type));
        fixed_bytes_per_row_ += width != 0 ? width : 4;
    }
    by_name_.emplace("crud", kCrud);
    by_name_.emplace("_crud_type", kCrud);
}

Result<PartitionedBatchBuilder> PartitionedBatchBuilder::create(const master::CatalogTable& table,
                                                                std::size_t input_bytes,
                                                                std::size_t staged_bytes_max) {
    PartitionedBatchBuilder builder(table, input_bytes, staged_bytes_max);
    DL_TRY(builder.parse_defaults());
    return builder;
}

Result<void> PartitionedBatchBuilder::parse_defaults() {
    ColumnBatchBuilder row(specs_of(table_->schema));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& field = table_->schema.fields[i];
        if (!columns_[i].has_default) {
            row.append_null(i);
        } else if (const auto parsed = append_parsed_text(row, i, field.type, *table_->default_of(field));
                   parsed.has_error()) {
            return parsed.error().in("the DEFAULT of column " + quoted_value(field.name) + " of table " +
                                     quoted_value(table_->name));
        }
    }
    row.finish_row(false);
    DL_TRY_ASSIGN(defaults_, ColumnBatch::decode(SharedBytes::from_string(row.encode()), 1));
    return {};
}

Result<std::uint32_t> PartitionedBatchBuilder::resolve(std::string_view name) const {
    auto found = by_name_.find(name);
    if (found == by_name_.end() && name.size() <= limits::name_bytes_max)
        if (const auto lower = normalize_name("column", name)) found = by_name_.find(*lower);
    if (found != by_name_.end()) return found->second;
    std::string message =
        "table " + quoted_value(table_->name) + " has no column " + quoted_value(name) + "; it has ";
    constexpr std::size_t kNamesShown = 20;
    const auto& fields = table_->schema.fields;
    for (std::size_t i = 0; i < fields.size() && i < kNamesShown; ++i)
        message.append(i == 0 ? "" : ", ").append(fields[i].name);
    if (fields.size() > kNamesShown) message += ", ...";
    return make_error(ErrorCode::column_not_found, std::move(message));
}

void PartitionedBatchBuilder::reserve(std::size_t rows) {
    if (rows <= (4 * input_bytes_ + 65536) / fixed_bytes_per_row_) staged_.reserve(rows, 0);
}

std::string PartitionedBatchBuilder::row_text() const {
    return "row " + std::to_string(input_rows_ - 1);
}

void PartitionedBatchBuilder::refuse_row(std::uint64_t input_row, Error error) {
    ++refused_.count;
    if (refused_.rows.size() < RefusedRows::kNamedMax) refused_.rows.push_back({input_row, std::move(error)});
}

bool PartitionedBatchBuilder::skip_row() {
    if (!skip_bad_rows_ || whole_batch_failed_) return false;
    if (refused_.count == 0) {
        for (std::uint64_t row = 0; row < staged_.rows(); ++row)
            row_in_input_.push_back(row);
    }
    staged_.drop_unfinished_row();
    required_nulls_.clear();
    refuse_row(input_rows_ - 1, std::exchange(error_, Error{}));
    return true;
}

bool PartitionedBatchBuilder::fail_row(ErrorCode code, std::string_view what) {
    error_ = make_error(code, row_text().append(": ").append(what));
    return false;
}

bool PartitionedBatchBuilder::fail_value(std::uint32_t column, const Error& error) {
    error_ = error.in(row_text() + ", column " + quoted_value(table_->schema.fields[column].name));
    return false;
}

bool PartitionedBatchBuilder::fail_twice(std::uint32_t column) {
    return fail_value(column, make_error(ErrorCode::invalid_request, "given twice; give each column once"));
}

bool PartitionedBatchBuilder::put_any_text(std::uint32_t column, std::string_view text) {
    const auto parsed = append_parsed_text(staged_, column, columns_[column].type, text);
    if (parsed.has_value()) return true;
    const DataType type = columns_[column].type;
    const bool is_whole = type.kind == TypeKind::int32;
    return fail_value(column, is_whole ? no_value(declared_, column, type, text) : parsed.error());
}

bool PartitionedBatchBuilder::put_number(std::uint32_t column, std::string_view number) {
    if (!mark_given(column)) return false;
    const DataType type = columns_[column].type;
    if (is_spelled_out(number) && type.kind != TypeKind::float32 && type.kind != TypeKind::float64)
        return fail_value(column, invalid_value_error(number, type));
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::int64: {
            std::int64_t value = 0;
            if (!scan_int64(number, value) && !scan_whole_number(number, value)) break;
            if (type.kind == TypeKind::int64) {
                staged_.append_fixed(column, value);
                return true;
            }
            if (value != static_cast<std::int32_t>(value)) break;
            staged_.append_fixed(column, static_cast<std::int32_t>(value));
            return true;
        }
        case TypeKind::timestamp: {
            if (!timestamp_unit_)
                return fail_value(
                    column, make_error(ErrorCode::invalid_value,
                                       quoted_value(number) +
                                           " is a number; the option timestamp_unit (s, ms, us or ns) says "
                                           "what it counts since 1970, or give ISO 8601"));
            std::int64_t value_us = 0;
            if (!scan_epoch(number, *timestamp_unit_, value_us))
                return fail_value(column, make_error(ErrorCode::invalid_value,
                                                     quoted_value(number) +
                                                         " is no whole number of microseconds within the "
                                                         "range of a timestamp"));
            staged_.append_fixed(column, value_us);
            return true;
        }
        case TypeKind::date:
        case TypeKind::binary:
        case TypeKind::json:
            break;
        default:
            return put_any_text(column, number);
    }
    return fail_value(column, no_value(declared_, column, type, number));
}

bool PartitionedBatchBuilder::put_boolean(std::uint32_t column, bool value) {
    if (!mark_given(column)) return false;
    const DataType type = columns_[column].type;
    const std::string_view text = value ? "true" : "false";
    if (type.kind == TypeKind::boolean || type.kind == TypeKind::string) return put_any_text(column, text);
    return fail_value(column, invalid_value_error(text, type));
}

bool PartitionedBatchBuilder::put_null(std::uint32_t column) {
    if (!mark_given(column)) return false;
    if (columns_[column].required) required_nulls_.push_back(column);
    if (!null_stamps_.empty()) null_stamps_[column] = stamp_;
    staged_.append_null(column);
    return true;
}

bool PartitionedBatchBuilder::refuse(std::uint32_t column, std::string_view what) {
    return fail_value(column,
                      make_error(ErrorCode::invalid_value, std::string(what) + " is not a valid " +
                                                               type_name(columns_[column].type) +
                                                               "; give a string, number, boolean or null"));
}

bool PartitionedBatchBuilder::within_limit() {
    const std::size_t bytes =
        (std::size_t{staged_.rows()} + 1) * fixed_bytes_per_row_ + default_heap_bytes_ + input_bytes_;
    if (bytes <= staged_bytes_max_) return true;
    whole_batch_failed_ = true;
    return fail_row(ErrorCode::limit_exceeded, "the batch takes more than record_batch_bytes_max (" +
                                                   std::to_string(limits::record_batch_bytes_max) +
                                                   " bytes) as columns; send smaller batches");
}

bool PartitionedBatchBuilder::fill_absent(bool is_delete) {
    for (std::uint32_t i = 0; i < columns_.size(); ++i) {
        if (stamps_[i] == stamp_) continue;
        const auto& column = columns_[i];
        if (is_delete || !column.has_default) {
            if (column.required) required_nulls_.push_back(i);
            staged_.append_null(i);
            continue;
        }
        const ColumnView& value = defaults_.columns()[i];
        if (value.heap_bytes != 0) {
            default_heap_bytes_ += value.heap_bytes;
            if (!within_limit()) return false;
        }
        staged_.append_from(i, value, 0);
    }
    return true;
}

bool PartitionedBatchBuilder::check_required_nulls(bool is_delete) {
    for (const auto column : required_nulls_) {
        const bool is_key = column == table_->schema.key_index;
        if (is_delete && !is_key) continue;
        return fail_value(column, make_error(ErrorCode::invalid_value,
                                             is_key ? "the key is missing or NULL; every row needs its key"
                                                    : "NULL in a NOT NULL column; give a value"));
    }
    required_nulls_.clear();
    return true;
}

// Of the values given: defaults were checked when they were set.
bool PartitionedBatchBuilder::check_declared(bool is_delete) {
    if (is_delete) return true;
    for (const auto& [column, declared] : declared_) {
        if (stamps_[column] != stamp_ || null_stamps_[column] == stamp_) continue;
        if (auto complaint = master::complaint_of(*declared, staged_.values(column), staged_.rows()))
            return fail_value(column, make_error(ErrorCode::invalid_value, std::move(*complaint)));
    }
    return true;
}

bool PartitionedBatchBuilder::finish_row(bool is_delete) {
    if (!within_limit()) return false;
    if (given_ != columns_.size() && !fill_absent(is_delete)) return false;
    if (!required_nulls_.empty() && !check_required_nulls(is_delete)) return false;
    if (!declared_.empty() && !check_declared(is_delete)) return false;
    if (refused_.count != 0) row_in_input_.push_back(input_rows_ - 1);
    staged_.finish_row(is_delete);
    return true;
}

Result<PartitionedBatch> PartitionedBatchBuilder::finish() {
    PartitionedBatch batch;
    if (staged_.rows() == 0) {
        batch.refused = std::move(refused_);
        return batch;
    }
    constexpr std::uint16_t kNowhere = std::numeric_limits<std::uint16_t>::max();
    static_assert(limits::partitions_max <= kNowhere);
    const ColumnView keys = staged_.values(table_->schema.key_index);
    const std::uint32_t rows = staged_.rows();
    std::vector<std::uint16_t> partition_of_row(rows);
    std::vector<std::uint32_t> ends(table_->partition_count);
    char scratch[16];
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::string_view key = key_bytes(keys, row, scratch);
        if (key.size() > limits::key_bytes_max) {
            const auto input_row = row_in_input_.empty() ? row : row_in_input_[row];
            auto error = make_error(
                ErrorCode::limit_exceeded,
                "row " + std::to_string(input_row) + ", column " + quoted_value(table_->schema.key().name) +
                    ": a key of " + std::to_string(key.size()) + " bytes; the limit is " +
                    std::to_string(limits::key_bytes_max) + " (key_bytes_max), use a shorter key");
            if (!skip_bad_rows_) return error;
            refuse_row(input_row, std::move(error));
            partition_of_row[row] = kNowhere;
            continue;
        }
        const auto partition = static_cast<std::uint16_t>(table_->partition_of(key).value);
        partition_of_row[row] = partition;
        ++ends[partition];
    }

    // Counting sort: the rows of each partition, in their order.
    std::uint32_t begin = 0;
    for (auto& end : ends) {
        const std::uint32_t count = end;
        end = begin;
        begin += count;
    }
    std::vector<std::uint32_t> order(rows);
    for (std::uint32_t row = 0; row < rows; ++row)
        if (partition_of_row[row] != kNowhere) order[ends[partition_of_row[row]]++] = row;
    batch.rows = ends.empty() ? 0 : ends.back();
    batch.refused = std::move(refused_);

    begin = 0;
    for (std::uint32_t p = 0; p < ends.size(); ++p) {
        const std::uint32_t count = ends[p] - begin;
        if (count == 0) continue;
        PartitionBody body;
        body.partition = PartitionId{p};
        body.rows = count;
        body.body =
            count == rows ? staged_.encode() : staged_.encode_rows(std::span(order).subspan(begin, count));
        body.crc = crc32c(0, body.body.data(), body.body.size());
        batch.partitions.push_back(std::move(body));
        begin = ends[p];
    }
    return batch;
}

}  // namespace dl
