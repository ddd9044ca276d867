#include "datalake/batch_builder.h"

#include <charconv>
#include <cmath>

#include "common/base/byte_io.h"

namespace datalake {
namespace {

constexpr std::string_view kNullText = "/~|";

}  // namespace

BatchBuilder::BatchBuilder(std::string table, std::vector<std::string> columns)
    : table_(std::move(table)), columns_(std::move(columns)) {
    dl::append_string(header_, table_);
    dl::append_le(header_, static_cast<std::uint32_t>(columns_.size() + 1));
    for (const auto& column : columns_)
        dl::append_string(header_, column);
    dl::append_string(header_, "_crud_type");
    dl::append_le(bytes_, static_cast<std::uint32_t>(columns_.size() + 1));
}

void BatchBuilder::append_field(std::string_view text) {
    dl::append_string(bytes_, text);
    ++fields_in_row_;
}

void BatchBuilder::append_text(std::string_view text) {
    if (text == kNullText) null_text_in_row_ = true;
    append_field(text);
}

void BatchBuilder::append_int(std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_field({digits, static_cast<std::size_t>(end - digits)});
}

void BatchBuilder::append_double(double value) {
    char digits[32];
    if (std::isnan(value)) return append_field("nan");
    if (std::isinf(value)) return append_field(value > 0 ? "inf" : "-inf");
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_field({digits, static_cast<std::size_t>(end - digits)});
}

void BatchBuilder::append_float(float value) {
    char digits[32];
    if (std::isnan(value) || std::isinf(value)) return append_double(value);
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_field({digits, static_cast<std::size_t>(end - digits)});
}

// bytes_ always ends with the value count of the row that is being built, so that a row is its slice of
// bytes_.
Result<void> BatchBuilder::finish_row(Operation operation) {
    const auto fields = fields_in_row_;
    const bool null_text = null_text_in_row_;
    fields_in_row_ = 0;
    null_text_in_row_ = false;
    if (fields == columns_.size() && !null_text) [[likely]] {
        dl::append_string(bytes_, operation == Operation::insert ? "insert" : "delete");
        row_ends_.push_back(bytes_.size());
        dl::append_le(bytes_, static_cast<std::uint32_t>(columns_.size() + 1));
        return {};
    }
    bytes_.resize((row_ends_.empty() ? 0 : row_ends_.back()) + 4);
    if (null_text)
        return Error(ErrorCode::invalid_argument, "table " + table_ + ", row " + std::to_string(rows()) +
                                                      ": the text /~| stands for NULL in a binary batch and "
                                                      "cannot be a value; send the row with insert()");
    return Error(ErrorCode::invalid_argument, "table " + table_ + ", row " + std::to_string(rows()) + ": " +
                                                  std::to_string(fields) + " values for " +
                                                  std::to_string(columns_.size()) + " columns");
}

Result<void> BatchBuilder::add_row(const std::vector<Value>& values, Operation operation) {
    for (const auto& value : values) {
        switch (value.index()) {
            case 0:
                append_null();
                break;
            case 1:
                append_bool(std::get<bool>(value));
                break;
            case 2:
                append_int(std::get<std::int64_t>(value));
                break;
            case 3:
                append_double(std::get<double>(value));
                break;
            default:
                append_text(std::get<std::string>(value));
        }
    }
    return finish_row(operation);
}

Result<void> BatchBuilder::add_text_row(const std::vector<std::optional<std::string_view>>& values,
                                        Operation operation) {
    for (const auto& value : values) {
        if (value) {
            append_text(*value);
        } else {
            append_null();
        }
    }
    return finish_row(operation);
}

void BatchBuilder::clear() {
    bytes_.resize(4);
    row_ends_.clear();
    fields_in_row_ = 0;
    null_text_in_row_ = false;
}

std::string BatchBuilder::encode(std::uint32_t first, std::uint32_t end) const {
    if (end > rows()) end = rows();
    if (first > end) first = end;
    const std::size_t from = first == 0 ? 0 : row_ends_[first - 1];
    const std::size_t to = end == 0 ? 0 : row_ends_[end - 1];
    std::string out;
    out.reserve(header_.size() + 4 + to - from);
    out = header_;
    dl::append_le(out, end - first);
    out.append(bytes_, from, to - from);
    return out;
}

}  // namespace datalake
