#include "common/record/column_batch.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/record/column_choice.h"

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

const ColumnView* find_column(std::span<const ColumnView> columns, FieldId field) {
    for (const auto& column : columns)
        if (column.field == field) return &column;
    return nullptr;
}

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

struct Head {
    std::uint32_t columns = 0;
    const std::uint8_t* deletes = nullptr;
};

Result<Head> decode_head(const Body& body, std::uint32_t rows) {
    if (body.bytes.size() < kHeadBytes) return corrupt("shorter than its head");
    if (body.bytes.size() > limits::record_batch_bytes_max)
        return corrupt("larger than a record batch can be");
    const auto column_count = load_le<std::uint32_t>(body.bytes.data());
    const auto flags = load_le<std::uint32_t>(body.bytes.data() + 4);
    if ((flags & ~kHasDeletes) != 0) return corrupt("unknown flags " + std::to_string(flags));
    if ((body.bytes.size() - kHeadBytes) / kDirectoryBytes < column_count)
        return corrupt("a directory of " + std::to_string(column_count) + " columns does not fit");
    if (column_count == 0 && rows != 0) return corrupt("rows without a column");
    Head head{column_count, nullptr};
    if ((flags & kHasDeletes) != 0) {
        const std::size_t offset = kHeadBytes + column_count * kDirectoryBytes;
        if (!body.has(offset, bitmap_bytes(rows))) return corrupt("delete bitmap outside the body");
        head.deletes = reinterpret_cast<const std::uint8_t*>(body.bytes.data()) + offset;
    }
    return head;
}

}  // namespace

Result<ColumnBatch> ColumnBatch::decode(SharedBytes bytes, std::uint32_t rows, bool check_utf8) {
    const Body body{bytes.view()};
    DL_TRY_ASSIGN(const auto head, decode_head(body, rows));
    ColumnBatch batch;
    batch.rows_ = rows;
    batch.deletes_ = head.deletes;
    batch.columns_.reserve(head.columns);
    for (std::size_t i = 0; i < head.columns; ++i) {
        DL_TRY_ASSIGN(auto column, decode_column(body, i, rows, check_utf8));
        batch.columns_.push_back(column);
    }
    batch.body_ = std::move(bytes);
    return batch;
}

const ColumnView* ColumnBatch::find(FieldId field) const {
    return find_column(columns_, field);
}

const ColumnView* ColumnChoice::find(FieldId field) const {
    return find_column(columns, field);
}

Result<ColumnChoice> decode_columns(SharedBytes bytes, std::uint32_t rows, std::span<const FieldId> wanted) {
    const Body body{bytes.view()};
    DL_TRY_ASSIGN(const auto head, decode_head(body, rows));
    ColumnChoice choice;
    choice.rows = rows;
    choice.columns.reserve(wanted.size());
    for (std::size_t i = 0; i < head.columns; ++i) {
        const FieldId field{load_le<std::uint32_t>(body.bytes.data() + kHeadBytes + i * kDirectoryBytes)};
        if (std::find(wanted.begin(), wanted.end(), field) == wanted.end()) continue;
        DL_TRY_ASSIGN(auto column, decode_column(body, i, rows, false));
        choice.columns.push_back(column);
    }
    choice.body = std::move(bytes);
    return choice;
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
    clear();
}

ColumnView ColumnBatchBuilder::values(std::size_t index) const {
    const auto& column = columns_[index];
    return {column.spec.field,  column.spec.type,   nullptr,
            column.data.data(), column.heap.data(), static_cast<std::uint32_t>(column.heap.size())};
}

void ColumnBatchBuilder::reserve(std::size_t rows, std::size_t heap_bytes_per_column) {
    for (auto& column : columns_) {
        column.data.reserve(column.width != 0 ? rows * column.width : (rows + 1) * 4);
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

void ColumnBatchBuilder::drop_unfinished_row() {
    for (auto& column : columns_) {
        if (column.width != 0) {
            column.data.truncate(rows_ * column.width);
        } else {
            column.data.truncate((std::size_t{rows_} + 1) * sizeof(std::uint32_t));
            column.heap.truncate(load_le<std::uint32_t>(column.data.data() + rows_ * sizeof(std::uint32_t)));
        }
        const std::size_t at = rows_ >> 3;
        if (at < column.nulls.size())
            column.nulls[at] = static_cast<std::uint8_t>(column.nulls[at] & ~(1u << (rows_ & 7)));
    }
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
        if (column.width == 0) column.data.append(std::uint32_t{0});
        column.nulls.clear();
    }
    deletes_.clear();
    rows_ = 0;
}

namespace {

bool bit_at(const std::vector<std::uint8_t>& bits, std::uint32_t row) {
    return (row >> 3) < bits.size() && ((bits[row >> 3] >> (row & 7)) & 1) != 0;
}

// The rows of an encoding: all, or those listed.
struct Selection {
    std::uint32_t count;
    const std::uint32_t* each;  // nullptr: all
    std::uint32_t of(std::uint32_t i) const { return each == nullptr ? i : each[i]; }
};

bool any_bit(const std::vector<std::uint8_t>& bits, const Selection& rows) {
    if (bits.empty() || rows.each == nullptr) return !bits.empty();
    for (std::uint32_t i = 0; i < rows.count; ++i)
        if (bit_at(bits, rows.each[i])) return true;
    return false;
}

// out (zeros so far) becomes the bits of the selected rows, each exclusive-or `flip`.
void write_bits(char* out, const std::vector<std::uint8_t>& bits, const Selection& rows, bool flip) {
    for (std::uint32_t i = 0; i < rows.count; ++i)
        out[i >> 3] = static_cast<char>(out[i >> 3] | (bit_at(bits, rows.of(i)) != flip ? 1 : 0) << (i & 7));
}

template <class T>
void gather(char* out, const char* values, const Selection& rows) {
    for (std::uint32_t i = 0; i < rows.count; ++i)
        store_le(out + std::size_t{i} * sizeof(T),
                 load_le<T>(values + std::size_t{rows.each[i]} * sizeof(T)));
}

void write_fixed(char* out, const char* values, std::size_t width, const Selection& rows) {
    if (rows.each == nullptr) {
        if (rows.count != 0) std::memcpy(out, values, rows.count * width);
        return;
    }
    switch (width) {
        case 1:
            return gather<std::uint8_t>(out, values, rows);
        case 4:
            return gather<std::uint32_t>(out, values, rows);
        case 8:
            return gather<std::uint64_t>(out, values, rows);
        default:
            return gather<Int128>(out, values, rows);
    }
}

std::size_t selected_heap_bytes(const ColumnView& column, const Selection& rows) {
    if (rows.each == nullptr) return column.heap_bytes;
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < rows.count; ++i)
        bytes += column.bytes(rows.each[i]).size();
    return bytes;
}

void write_bytes(char* offsets, char* heap, const ColumnView& column, const Selection& rows) {
    if (rows.each == nullptr) {
        std::memcpy(offsets, column.data, (std::size_t{rows.count} + 1) * 4);
        if (column.heap_bytes != 0) std::memcpy(heap, column.heap, column.heap_bytes);
        return;
    }
    std::uint32_t end = 0;
    store_le(offsets, end);
    for (std::uint32_t i = 0; i < rows.count; ++i) {
        const std::string_view value = column.bytes(rows.each[i]);
        if (!value.empty()) std::memcpy(heap + end, value.data(), value.size());
        end += static_cast<std::uint32_t>(value.size());
        store_le(offsets + (std::size_t{i} + 1) * 4, end);
    }
}

}  // namespace

std::string ColumnBatchBuilder::encode() const {
    return encode_selected(nullptr, rows_);
}

std::string ColumnBatchBuilder::encode_rows(std::span<const std::uint32_t> rows) const {
    // With no rows the pointer may be null, and all zero of them are meant.
    if (rows.empty()) return ColumnBatchBuilder(specs()).encode();
    return encode_selected(rows.data(), static_cast<std::uint32_t>(rows.size()));
}

std::vector<ColumnBatchBuilder::ColumnSpec> ColumnBatchBuilder::specs() const {
    std::vector<ColumnSpec> specs;
    for (const auto& column : columns_)
        specs.push_back(column.spec);
    return specs;
}

std::string ColumnBatchBuilder::encode_selected(const std::uint32_t* each, std::uint32_t count) const {
    const Selection rows{count, each};
    const std::size_t bitmap = round_up_8(bitmap_bytes(count));
    const bool has_deletes = any_bit(deletes_, rows);
    std::vector<DirectoryEntry> directory(columns_.size());
    std::size_t end = kHeadBytes + columns_.size() * kDirectoryBytes + (has_deletes ? bitmap : 0);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& column = columns_[i];
        const bool is_bytes = column.width == 0;
        DL_CHECK(column.data.size() == (is_bytes ? (std::size_t{rows_} + 1) * 4 : rows_ * column.width),
                 "every column has one value per row");
        auto& entry = directory[i];
        entry = {column.spec.field.value, static_cast<std::uint8_t>(column.spec.type.kind),
                 column.spec.type.precision, column.spec.type.scale};
        if (any_bit(column.nulls, rows)) {
            entry.flags = kHasValidity;
            entry.validity_offset = static_cast<std::uint32_t>(end);
            end += bitmap;
        }
        const std::size_t data_bytes = is_bytes ? (std::size_t{count} + 1) * 4 : count * column.width;
        entry.data_offset = static_cast<std::uint32_t>(end);
        entry.data_bytes = static_cast<std::uint32_t>(data_bytes);
        end += round_up_8(data_bytes);
        if (is_bytes) {
            const std::size_t heap_bytes = selected_heap_bytes(values(i), rows);
            entry.heap_offset = static_cast<std::uint32_t>(end);
            entry.heap_bytes = static_cast<std::uint32_t>(heap_bytes);
            end += round_up_8(heap_bytes);
        }
        DL_CHECK(end < std::size_t{1} << 32, "INV-13 a batch is bounded before it is built");
    }

    std::string body(end, '\0');
    store_le(body.data(), static_cast<std::uint32_t>(columns_.size()));
    store_le(body.data() + 4, has_deletes ? kHasDeletes : 0);
    const std::size_t directory_bytes = directory.size() * kDirectoryBytes;
    if (directory_bytes != 0) std::memcpy(body.data() + kHeadBytes, directory.data(), directory_bytes);
    if (has_deletes) write_bits(body.data() + kHeadBytes + directory_bytes, deletes_, rows, false);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& column = columns_[i];
        const auto& entry = directory[i];
        char* const data = body.data() + entry.data_offset;
        if (entry.flags != 0) write_bits(body.data() + entry.validity_offset, column.nulls, rows, true);
        if (column.width != 0)
            write_fixed(data, column.data.data(), column.width, rows);
        else
            write_bytes(data, body.data() + entry.heap_offset, values(i), rows);
    }
    return body;
}

}  // namespace dl
