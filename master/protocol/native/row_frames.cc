#include "master/protocol/native/row_frames.h"

#include "common/base/byte_io.h"
#include "common/json/json_writer.h"
#include "common/record/row_json.h"

namespace dl::master {
namespace {

constexpr std::size_t kPieceBytes = 128u << 10;

// What clients take of a frame unless told otherwise; lengths on the wire are signed 32-bit numbers.
constexpr std::uint64_t kRowBytesMax = 512u << 20;
// A byte of text takes six at most (\u0001), one of binary less than two.
constexpr std::uint64_t kJsonBytesPerByteMax = 6;
// Numbers, dates, NULL and punctuation of one value.
constexpr std::uint64_t kValueBytesMax = 64;

// Bytes of a JSON string beyond those of its text, at most.
std::uint64_t escapes_of(std::string_view text) {
    std::uint64_t bytes = 0;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == '"' || byte == '\\') bytes += kJsonBytesPerByteMax - 1;
    }
    return bytes;
}

// Could one of its rows be longer? Almost never, so that rows are not measured one by one.
bool may_be_long(const ColumnBatch& batch) {
    std::uint64_t bytes = 0;
    for (const auto& column : batch.columns())
        bytes += column.heap_bytes;
    return bytes > kRowBytesMax / (2 * kJsonBytesPerByteMax);
}

}  // namespace

RowFrames::RowFrames(const std::vector<ResultColumn>& columns) {
    for (const auto& column : columns) {
        std::string key;
        append_json_string(key, column.name);
        keys_.push_back(std::move(key));
    }
}

Result<void> RowFrames::check_row(const ColumnBatch& batch, std::uint32_t row) const {
    std::uint64_t bytes = 2;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        const auto& column = batch.columns()[i];
        bytes += keys_[i].size() + kValueBytesMax;
        if (physical_type(column.type) != PhysicalType::bytes || column.is_null(row)) continue;
        const auto value = column.bytes(row);
        bytes += value.size();
        if (column.type.kind == TypeKind::string) bytes += escapes_of(value);
        if (column.type.kind == TypeKind::binary) bytes += value.size() / 3 + 4;
    }
    if (bytes <= kRowBytesMax) return {};
    return make_error(ErrorCode::limit_exceeded, "a row of the result takes up to " + std::to_string(bytes) +
                                                     " bytes as JSON, more than the " +
                                                     std::to_string(kRowBytesMax) +
                                                     " of a frame; select fewer or shorter values");
}

Result<std::uint32_t> RowFrames::take(const ColumnBatch& batch, std::uint32_t row) {
    const bool measured = may_be_long(batch);
    do {
        if (measured) DL_TRY(check_row(batch, row));
        const auto begin = bytes_.size();
        bytes_.append(4, '\0');
        append_row_json(bytes_, keys_, batch, row++);
        store_be32(bytes_.data() + begin, static_cast<std::uint32_t>(bytes_.size() - begin - 4));
    } while (row < batch.rows() && !full());
    return row;
}

bool RowFrames::full() const {
    return bytes_.size() >= kPieceBytes;
}

}  // namespace dl::master
