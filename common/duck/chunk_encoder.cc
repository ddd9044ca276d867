#include "common/duck/chunk_encoder.h"

#include <cstring>
#include <limits>

#include "common/base/quoted_value.h"
#include "common/json/json_check.h"

namespace dl::duck {

namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kDirectoryEntryBytes = 32;
constexpr std::uint64_t kBodyBytesMax = std::numeric_limits<std::uint32_t>::max() - (1u << 20);

std::size_t padded(std::size_t size) {
    return (size + 7) & ~std::size_t{7};
}

std::string_view string_of(const duckdb_string_t& text) {
    const std::uint32_t length = text.value.inlined.length;
    return {length <= sizeof text.value.inlined.inlined ? text.value.inlined.inlined : text.value.pointer.ptr,
            length};
}

bool all_valid(const std::uint64_t* mask, idx_t begin, idx_t end) {
    if (mask == nullptr) return true;
    for (idx_t row = begin; row < end; ++row) {
        if (row % 64 == 0 && row + 64 <= end) {
            if (mask[row / 64] != ~std::uint64_t{0}) return false;
            row += 63;
        } else if (((mask[row / 64] >> (row % 64)) & 1) == 0) {
            return false;
        }
    }
    return true;
}

bool valid(const std::uint64_t* mask, idx_t row) {
    return mask == nullptr || ((mask[row / 64] >> (row % 64)) & 1) != 0;
}

template <class From, class To, class Convert>
void convert_rows(char* to, const void* data, idx_t begin, idx_t end, Convert convert) {
    const auto* from = static_cast<const From*>(data);
    for (idx_t row = begin; row < end; ++row) {
        store_le<To>(to, static_cast<To>(convert(from[row])));
        to += sizeof(To);
    }
}

// 10^38 - 1, the largest decimal(38,0).
constexpr Int128 kDecimal38Max = [] {
    Int128 value = 1;
    for (int i = 0; i < 38; ++i)
        value *= 10;
    return value - 1;
}();

Error too_large(const char* type) {
    return make_error(ErrorCode::query_error,
                      std::string("a value of type ") + type +
                          " in the result does not fit decimal(38,0); CAST it to double or varchar");
}

Error no_json(std::string_view text) {
    return make_error(ErrorCode::query_error, "a JSON value in the result is not valid JSON: " +
                                                  quoted_value(text) + "; CAST it to varchar to see it");
}

// Bytes of one value in the body.
std::size_t target_width(const ResultMapping& mapping) {
    return physical_width(physical_type(mapping.type));
}

Result<void> convert_fixed(char* to, const ResultMapping& mapping, const void* data,
                           const std::uint64_t* mask, idx_t begin, idx_t end) {
    using Convert = ResultMapping::Convert;
    const auto same = [](auto value) { return value; };
    switch (mapping.convert) {
        case Convert::copy:
            std::memcpy(to, static_cast<const char*>(data) + begin * mapping.source_width,
                        (end - begin) * mapping.source_width);
            return {};
        case Convert::widen8:
            convert_rows<std::int8_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::decimal16:
        case Convert::widen16:
            convert_rows<std::int16_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::decimal32:
        case Convert::widen32:
            convert_rows<std::int32_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::widen_u8:
            convert_rows<std::uint8_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::widen_u16:
            convert_rows<std::uint16_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::widen_u32:
            convert_rows<std::uint32_t, std::int64_t>(to, data, begin, end, same);
            return {};
        case Convert::u64_to_128:
            convert_rows<std::uint64_t, Int128>(to, data, begin, end, same);
            return {};
        case Convert::milliseconds:
            // Infinities keep their place at the ends of the range instead of overflowing.
            convert_rows<std::int64_t, std::int64_t>(to, data, begin, end, [](std::int64_t value) {
                std::int64_t micros = 0;
                return __builtin_mul_overflow(value, std::int64_t{1000}, &micros) ? value : micros;
            });
            return {};
        case Convert::seconds:
            convert_rows<std::int64_t, std::int64_t>(to, data, begin, end, [](std::int64_t value) {
                std::int64_t micros = 0;
                return __builtin_mul_overflow(value, std::int64_t{1000000}, &micros) ? value : micros;
            });
            return {};
        case Convert::hugeint:
        case Convert::uhugeint: {
            const auto* from = static_cast<const char*>(data);
            for (idx_t row = begin; row < end; ++row, to += 16) {
                if (!valid(mask, row)) continue;
                const auto value = load_le<Int128>(from + row * 16);
                if (mapping.convert == Convert::uhugeint && value < 0) return too_large("UHUGEINT");
                if (value > kDecimal38Max || value < -kDecimal38Max) return too_large("HUGEINT");
                store_le(to, value);
            }
            return {};
        }
    }
    return {};
}

}  // namespace

ChunkEncoder::ChunkEncoder(std::vector<ResultMapping> mappings) : mappings_(std::move(mappings)) {
    for (std::size_t c = 0; c < mappings_.size(); ++c)
        shape_.ids.push_back(FieldId{static_cast<std::uint32_t>(c + 1)});
}

std::uint64_t ChunkEncoder::heap_bytes(duckdb_data_chunk chunk) const {
    std::uint64_t bytes = 0;
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    for (std::size_t c = 0; c < mappings_.size(); ++c) {
        if (physical_type(mappings_[c].type) != PhysicalType::bytes) continue;
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, c);
        const auto* strings = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
        const auto* mask = duckdb_vector_get_validity(vector);
        for (idx_t row = 0; row < rows; ++row) {
            if (valid(mask, row)) bytes += strings[row].value.inlined.length;
        }
    }
    return bytes;
}

Result<ColumnBatch> ChunkEncoder::encode(const std::vector<Chunk>& chunks) const {
    std::vector<Piece> pieces;
    pieces.reserve(chunks.size());
    for (const auto& chunk : chunks)
        pieces.push_back({chunk.get(), 0, duckdb_data_chunk_get_size(chunk.get())});
    return encode_pieces(pieces);
}

Result<ColumnBatch> ChunkEncoder::encode_rows(duckdb_data_chunk chunk, idx_t begin, idx_t end) const {
    return encode_pieces({{chunk, begin, end}});
}

Result<ColumnBatch> ChunkEncoder::encode_pieces(const std::vector<Piece>& pieces) const {
    idx_t rows = 0;
    for (const auto& piece : pieces)
        rows += piece.end - piece.begin;
    std::vector<std::size_t> kept;
    for (std::size_t c = 0; c < mappings_.size(); ++c) {
        if (shape_.ids[c].value != 0) kept.push_back(c);
    }
    const bool deletes = has_delete(pieces);

    // Sizes first, so that the body is allocated once.
    std::vector<ColumnLayout> layouts(mappings_.size());
    std::uint64_t size = padded(kHeaderBytes + kDirectoryEntryBytes * kept.size());
    const std::size_t deletes_offset = size;
    if (deletes) size += padded((rows + 7) / 8);
    for (const std::size_t c : kept) {
        auto& layout = layouts[c];
        measure(pieces, c, layout);
        if (layout.has_nulls) {
            layout.validity_offset = size;
            size += padded((rows + 7) / 8);
        }
        const bool bytes = physical_type(mappings_[c].type) == PhysicalType::bytes;
        layout.data_offset = size;
        layout.data_bytes = bytes ? (rows + 1) * 4 : rows * target_width(mappings_[c]);
        size += padded(layout.data_bytes);
        if (bytes) {
            layout.heap_offset = size;
            size += padded(layout.heap_bytes);
        }
    }
    if (size > kBodyBytesMax) {
        return make_error(ErrorCode::limit_exceeded,
                          "a row of the result is larger than 4 GiB; select fewer or shorter columns");
    }

    std::string body(size, '\0');
    store_le(body.data(), static_cast<std::uint32_t>(kept.size()));
    store_le(body.data() + 4, std::uint32_t{deletes ? 1u : 0u});
    if (deletes) fill_deletes(pieces, reinterpret_cast<std::uint8_t*>(body.data() + deletes_offset));
    for (std::size_t at = 0; at < kept.size(); ++at) {
        const std::size_t c = kept[at];
        const auto& mapping = mappings_[c];
        const auto& layout = layouts[c];
        char* entry = body.data() + kHeaderBytes + at * kDirectoryEntryBytes;
        store_le(entry, shape_.ids[c].value);
        entry[4] = static_cast<char>(mapping.type.kind);
        entry[5] = static_cast<char>(mapping.type.precision);
        entry[6] = static_cast<char>(mapping.type.scale);
        entry[7] = layout.has_nulls ? 1 : 0;
        store_le(entry + 8, static_cast<std::uint32_t>(layout.validity_offset));
        store_le(entry + 12, static_cast<std::uint32_t>(layout.data_offset));
        store_le(entry + 16, static_cast<std::uint32_t>(layout.data_bytes));
        store_le(entry + 20, static_cast<std::uint32_t>(layout.heap_offset));
        store_le(entry + 24, static_cast<std::uint32_t>(layout.heap_bytes));
        DL_TRY(fill_column(pieces, c, layout, body.data()));
    }
    return ColumnBatch::decode(SharedBytes::from_string(std::move(body)), static_cast<std::uint32_t>(rows));
}

bool ChunkEncoder::has_delete(const std::vector<Piece>& pieces) const {
    if (shape_.delete_column == Shape::kNone) return false;
    for (const auto& piece : pieces) {
        const auto* flags = static_cast<const std::uint8_t*>(
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(piece.chunk, shape_.delete_column)));
        if (std::memchr(flags + piece.begin, 1, piece.end - piece.begin) != nullptr) return true;
    }
    return false;
}

void ChunkEncoder::fill_deletes(const std::vector<Piece>& pieces, std::uint8_t* bitmap) const {
    idx_t at = 0;
    for (const auto& piece : pieces) {
        const auto* flags = static_cast<const std::uint8_t*>(
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(piece.chunk, shape_.delete_column)));
        for (idx_t row = piece.begin; row < piece.end; ++row, ++at) {
            if (flags[row] != 0) bitmap[at / 8] |= static_cast<std::uint8_t>(1u << (at % 8));
        }
    }
}

void ChunkEncoder::measure(const std::vector<Piece>& pieces, std::size_t column, ColumnLayout& layout) const {
    const bool bytes = physical_type(mappings_[column].type) == PhysicalType::bytes;
    for (const auto& piece : pieces) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(piece.chunk, column);
        const auto* mask = duckdb_vector_get_validity(vector);
        if (!all_valid(mask, piece.begin, piece.end)) layout.has_nulls = true;
        if (!bytes) continue;
        const auto* strings = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
        for (idx_t row = piece.begin; row < piece.end; ++row) {
            if (valid(mask, row)) layout.heap_bytes += strings[row].value.inlined.length;
        }
    }
}

Result<void> ChunkEncoder::fill_column(const std::vector<Piece>& pieces, std::size_t column,
                                       const ColumnLayout& layout, char* body) const {
    const auto& mapping = mappings_[column];
    const bool bytes = physical_type(mapping.type) == PhysicalType::bytes;
    const std::size_t width = target_width(mapping);
    char* data = body + layout.data_offset + (bytes ? 4 : 0);
    char* heap = body + layout.heap_offset;
    auto* validity = reinterpret_cast<std::uint8_t*>(body + layout.validity_offset);
    std::uint32_t heap_end = 0;
    idx_t done = 0;
    for (const auto& piece : pieces) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(piece.chunk, column);
        const auto* mask = duckdb_vector_get_validity(vector);
        const void* values = duckdb_vector_get_data(vector);
        const idx_t count = piece.end - piece.begin;
        if (bytes) {
            const auto* strings = static_cast<const duckdb_string_t*>(values);
            for (idx_t row = piece.begin; row < piece.end; ++row) {
                if (valid(mask, row)) {
                    const auto text = string_of(strings[row]);
                    // DuckDB's own reader takes [1,] and NaN, and it writes NaN.
                    if (mapping.type.kind == TypeKind::json && !is_json_text(text)) return no_json(text);
                    std::memcpy(heap + heap_end, text.data(), text.size());
                    heap_end += static_cast<std::uint32_t>(text.size());
                }
                store_le(data, heap_end);
                data += 4;
            }
        } else {
            DL_TRY(convert_fixed(data, mapping, values, mask, piece.begin, piece.end));
        }
        if (layout.has_nulls) {
            for (idx_t i = 0; i < count; ++i) {
                if (valid(mask, piece.begin + i)) {
                    validity[(done + i) / 8] |= static_cast<std::uint8_t>(1u << ((done + i) % 8));
                } else if (!bytes) {
                    // NULLs hold zeros in the body, anything in DuckDB.
                    std::memset(data + i * width, 0, width);
                }
            }
        }
        if (!bytes) data += count * width;
        done += count;
    }
    return {};
}

}  // namespace dl::duck
