#include "common/types/column_batch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "common/base/check.h"
#include "common/base/limits.h"

namespace dl {
namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kDirectoryBytes = 32;
constexpr std::uint32_t kHasDeletes = 1;
constexpr std::uint8_t kHasValidity = 1;

std::size_t round_up_8(std::size_t n) {
    return (n + 7) & ~std::size_t{7};
}
std::size_t bitmap_bytes(std::size_t rows) {
    return (rows + 7) / 8;
}

// One entry of the directory, as it lies in the body.
struct DirectoryEntry {
    std::uint32_t field_id;
    std::uint8_t kind;
    std::uint8_t precision;
    std::uint8_t scale;
    std::uint8_t flags;
    std::uint32_t validity_offset;
    std::uint32_t data_offset;
    std::uint32_t data_bytes;
    std::uint32_t heap_offset;
    std::uint32_t heap_bytes;
    std::uint32_t reserved;
};
static_assert(sizeof(DirectoryEntry) == kDirectoryBytes);

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, "column batch: " + what);
}
Error corrupt_column(std::size_t column, std::string_view what) {
    return corrupt("column " + std::to_string(column) + ": " + std::string(what));
}

bool type_valid(DataType type) {
    if (type.kind < TypeKind::int32 || type.kind > TypeKind::json) return false;
    if (type.kind != TypeKind::decimal) return type.precision == 0 && type.scale == 0;
    return type.precision >= 1 && type.precision <= 38 && type.scale <= type.precision;
}

// Sections inside one body: each starts at a multiple of 8 and ends within it.
struct Body {
    std::string_view bytes;
    bool has(std::size_t offset, std::size_t length) const {
        return offset % 8 == 0 && offset <= bytes.size() && length <= bytes.size() - offset;
    }
};

bool offsets_ascend(const char* data, std::uint32_t rows) {
    bool good = true;
    for (std::uint32_t r = 0; r < rows; ++r)
        good &= load_le<std::uint32_t>(data + std::size_t{r} * 4) <=
                load_le<std::uint32_t>(data + std::size_t{r} * 4 + 4);
    return good;
}

// Every value by itself: a heap that is valid as a whole may still be cut inside a character.
bool strings_are_utf8(const ColumnView& column, std::uint32_t rows) {
    const std::string_view heap{column.heap, column.heap_bytes};
    if (!is_utf8(heap)) return false;
    for (std::uint32_t r = 1; r < rows; ++r) {
        const auto begin = load_le<std::uint32_t>(column.data + std::size_t{r} * 4);
        if (begin < heap.size() && (static_cast<unsigned char>(heap[begin]) & 0xc0) == 0x80) return false;
    }
    return true;
}

Result<ColumnView> decode_column(const Body& body, std::size_t index, std::uint32_t rows, bool check_utf8) {
    const auto entry = load_le<DirectoryEntry>(body.bytes.data() + kHeadBytes + index * kDirectoryBytes);
    const DataType type{static_cast<TypeKind>(entry.kind), entry.precision, entry.scale};
    if (!type_valid(type)) return corrupt_column(index, "unknown type");
    if ((entry.flags & ~kHasValidity) != 0 || entry.reserved != 0)
        return corrupt_column(index, "unknown flags");
    ColumnView column{FieldId{entry.field_id}, type};
    if ((entry.flags & kHasValidity) != 0) {
        if (!body.has(entry.validity_offset, bitmap_bytes(rows)))
            return corrupt_column(index, "validity bitmap outside the body");
        column.validity = reinterpret_cast<const std::uint8_t*>(body.bytes.data()) + entry.validity_offset;
    }
    const std::size_t width = physical_width(physical_type(type));
    const std::size_t data_bytes = width != 0 ? std::size_t{rows} * width : (std::size_t{rows} + 1) * 4;
    if (entry.data_bytes != data_bytes || !body.has(entry.data_offset, data_bytes))
        return corrupt_column(index, "data outside the body or of the wrong size");
    column.data = body.bytes.data() + entry.data_offset;
    if (width != 0) {
        if (entry.heap_bytes != 0) return corrupt_column(index, "a heap at a fixed type");
        if (type.kind == TypeKind::boolean) {
            std::uint8_t bits = 0;
            for (std::uint32_t r = 0; r < rows; ++r)
                bits |= static_cast<std::uint8_t>(column.data[r]);
            if (bits > 1) return corrupt_column(index, "a boolean that is neither 0 nor 1");
        }
        return column;
    }
    if (!body.has(entry.heap_offset, entry.heap_bytes)) return corrupt_column(index, "heap outside the body");
    column.heap = body.bytes.data() + entry.heap_offset;
    column.heap_bytes = entry.heap_bytes;
    if (load_le<std::uint32_t>(column.data) != 0 ||
        load_le<std::uint32_t>(column.data + std::size_t{rows} * 4) != entry.heap_bytes ||
        !offsets_ascend(column.data, rows))
        return corrupt_column(index, "value offsets do not ascend from 0 to the end of the heap");
    if (check_utf8 && type.kind != TypeKind::binary && !strings_are_utf8(column, rows))
        return corrupt_column(index, "a string that is not UTF-8");
    return column;
}

}  // namespace

Result<ColumnBatch> ColumnBatch::decode(SharedBytes bytes, std::uint32_t rows, bool check_utf8) {
    const Body body{bytes.view()};
    if (body.bytes.size() < kHeadBytes) return corrupt("shorter than its head");
    if (body.bytes.size() > limits::record_batch_bytes_max)
        return corrupt("larger than a record batch can be");
    const auto column_count = load_le<std::uint32_t>(body.bytes.data());
    const auto flags = load_le<std::uint32_t>(body.bytes.data() + 4);
    if ((flags & ~kHasDeletes) != 0) return corrupt("unknown flags " + std::to_string(flags));
    if ((body.bytes.size() - kHeadBytes) / kDirectoryBytes < column_count)
        return corrupt("a directory of " + std::to_string(column_count) + " columns does not fit");
    if (column_count == 0 && rows != 0) return corrupt("rows without a column");
    ColumnBatch batch;
    batch.rows_ = rows;
    if ((flags & kHasDeletes) != 0) {
        const std::size_t offset = kHeadBytes + column_count * kDirectoryBytes;
        if (!body.has(offset, bitmap_bytes(rows))) return corrupt("delete bitmap outside the body");
        batch.deletes_ = reinterpret_cast<const std::uint8_t*>(body.bytes.data()) + offset;
    }
    batch.columns_.reserve(column_count);
    for (std::size_t i = 0; i < column_count; ++i) {
        DL_TRY_ASSIGN(auto column, decode_column(body, i, rows, check_utf8));
        batch.columns_.push_back(column);
    }
    batch.body_ = std::move(bytes);
    return batch;
}

const ColumnView* ColumnBatch::find(FieldId field) const {
    for (const auto& column : columns_)
        if (column.field == field) return &column;
    return nullptr;
}

void GrowBuffer::Free::operator()(char* bytes) const {
    std::free(bytes);
}

void GrowBuffer::grow(std::size_t count) {
    reallocate(std::max({size_ + count, capacity_ * 2, std::size_t{64}}));
}

void GrowBuffer::reallocate(std::size_t capacity) {
    auto* bytes = static_cast<char*>(std::realloc(bytes_.get(), capacity));
    if (bytes == nullptr) throw std::bad_alloc();
    static_cast<void>(bytes_.release());
    bytes_.reset(bytes);
    capacity_ = capacity;
}

ColumnBatchBuilder::ColumnBatchBuilder(std::vector<ColumnSpec> columns) {
    columns_.reserve(columns.size());
    for (const auto& spec : columns) {
        columns_.emplace_back();
        columns_.back().spec = spec;
        columns_.back().width = physical_width(physical_type(spec.type));
    }
}

void ColumnBatchBuilder::reserve(std::size_t rows, std::size_t heap_bytes_per_column) {
    for (auto& column : columns_) {
        column.data.reserve(rows * (column.width != 0 ? column.width : 4));
        if (column.width == 0) column.heap.reserve(heap_bytes_per_column);
    }
}

void ColumnBatchBuilder::append_null(std::size_t index) {
    auto& column = columns_[index];
    set_bit(column.nulls, rows_);
    if (column.width != 0)
        std::memset(column.data.extend(column.width), 0, column.width);
    else
        column.data.append(static_cast<std::uint32_t>(column.heap.size()));
}

void ColumnBatchBuilder::append_cell(Column& column, const ColumnView& from, std::uint32_t row) {
    if (column.width != 0) {
        std::memcpy(column.data.extend(column.width), from.data + row * column.width, column.width);
        return;
    }
    const std::string_view value = from.bytes(row);
    if (!value.empty()) std::memcpy(column.heap.extend(value.size()), value.data(), value.size());
    column.data.append(static_cast<std::uint32_t>(column.heap.size()));
}

void ColumnBatchBuilder::append_row_from(const ColumnBatch& batch, std::uint32_t row) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto& column = columns_[i];
        // Batches of one table have their columns in the same order, most often at the same place.
        const bool same_place = i < batch.columns().size() && batch.columns()[i].field == column.spec.field;
        const ColumnView* from = same_place ? &batch.columns()[i] : batch.find(column.spec.field);
        if (from == nullptr || from->is_null(row) || from->type != column.spec.type)
            append_null(i);
        else
            append_cell(column, *from, row);
    }
    finish_row(batch.is_delete(row));
}

std::size_t ColumnBatchBuilder::byte_size() const {
    std::size_t bytes = kHeadBytes + bitmap_bytes(rows_) + 8;
    for (const auto& column : columns_)
        bytes += kDirectoryBytes + column.data.size() + column.heap.size() + bitmap_bytes(rows_) + 24;
    return bytes;
}

void ColumnBatchBuilder::clear() {
    for (auto& column : columns_) {
        column.data.clear();
        column.heap.clear();
        column.nulls.clear();
    }
    deletes_.clear();
    rows_ = 0;
}

std::string ColumnBatchBuilder::encode() const {
    const std::size_t bitmap = round_up_8(bitmap_bytes(rows_));
    std::vector<DirectoryEntry> directory(columns_.size());
    std::size_t end = kHeadBytes + columns_.size() * kDirectoryBytes + (deletes_.empty() ? 0 : bitmap);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& column = columns_[i];
        const std::size_t value_bytes = column.width != 0 ? column.width : 4;
        DL_CHECK(column.data.size() == rows_ * value_bytes, "every column has one value per row");
        auto& entry = directory[i];
        entry = {column.spec.field.value, static_cast<std::uint8_t>(column.spec.type.kind),
                 column.spec.type.precision, column.spec.type.scale};
        if (!column.nulls.empty()) {
            entry.flags = kHasValidity;
            entry.validity_offset = static_cast<std::uint32_t>(end);
            end += bitmap;
        }
        entry.data_offset = static_cast<std::uint32_t>(end);
        entry.data_bytes = static_cast<std::uint32_t>(column.data.size() + (column.width != 0 ? 0 : 4));
        end += round_up_8(entry.data_bytes);
        entry.heap_offset = column.width != 0 ? 0 : static_cast<std::uint32_t>(end);
        entry.heap_bytes = static_cast<std::uint32_t>(column.heap.size());
        end += round_up_8(entry.heap_bytes);
        DL_CHECK(end < std::size_t{1} << 32, "INV-13 a batch is bounded before it is built");
    }

    std::string body;
    body.reserve(end);
    append_le(body, static_cast<std::uint32_t>(columns_.size()));
    append_le(body, deletes_.empty() ? 0 : kHasDeletes);
    body.append(reinterpret_cast<const char*>(directory.data()), directory.size() * kDirectoryBytes);
    const auto pad = [&body] { body.append(round_up_8(body.size()) - body.size(), '\0'); };
    if (!deletes_.empty()) {
        body.append(reinterpret_cast<const char*>(deletes_.data()), deletes_.size());
        body.append(bitmap - deletes_.size(), '\0');
    }
    for (const auto& column : columns_) {
        if (!column.nulls.empty()) {
            const std::size_t start = body.size();
            body.append(bitmap_bytes(rows_), '\xff');
            for (std::size_t b = 0; b < column.nulls.size(); ++b)
                body[start + b] = static_cast<char>(~column.nulls[b]);
            if (rows_ % 8 != 0) body.back() = static_cast<char>(body.back() & ((1 << (rows_ % 8)) - 1));
            pad();
        }
        if (column.width == 0) append_le(body, std::uint32_t{0});
        body.append(column.data.data(), column.data.size());
        pad();
        body.append(column.heap.data(), column.heap.size());
        pad();
    }
    return body;
}

}  // namespace dl
