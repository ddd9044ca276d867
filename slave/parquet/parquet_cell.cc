#include "slave/parquet/parquet_cell.h"

#include "common/base/byte_io.h"

namespace dl::slave {
namespace {

Int128 big_endian(std::string_view bytes) {
    __extension__ using Bits = unsigned __int128;
    Bits value = (static_cast<unsigned char>(bytes.front()) & 0x80) != 0 ? ~Bits{0} : Bits{0};
    for (const char c : bytes)
        value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<Int128>(value);
}

}  // namespace

bool parquet_cell_fits(DataType type, const ParquetColumn& column) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return column.type == ParquetType::int32;
        case TypeKind::int64:
        case TypeKind::timestamp:
            return column.type == ParquetType::int64;
        case TypeKind::float32:
            return column.type == ParquetType::real32;
        case TypeKind::float64:
            return column.type == ParquetType::real64;
        case TypeKind::boolean:
            return column.type == ParquetType::boolean;
        case TypeKind::string:
        case TypeKind::binary:
            return column.type == ParquetType::byte_array;
        case TypeKind::decimal:
            if (physical_type(type) == PhysicalType::int64)
                return column.type == ParquetType::int32 || column.type == ParquetType::int64;
            return column.type == ParquetType::fixed_bytes && column.fixed_length <= 16 &&
                   column.fixed_length > 0;
        case TypeKind::json:
            break;
    }
    return false;
}

void append_parquet_cell(ColumnBatchBuilder& builder, std::size_t column, DataType type,
                         std::string_view bytes) {
    switch (physical_type(type)) {
        case PhysicalType::bool8:
            return builder.append_fixed<std::uint8_t>(column, bytes.front() != 0 ? 1 : 0);
        case PhysicalType::int32:
        case PhysicalType::float32:
            return builder.append_fixed(column, load_le<std::uint32_t>(bytes.data()));
        case PhysicalType::float64:
            return builder.append_fixed(column, load_le<std::uint64_t>(bytes.data()));
        case PhysicalType::int64:
            if (bytes.size() == 4)
                return builder.append_fixed(column, std::int64_t{load_le<std::int32_t>(bytes.data())});
            return builder.append_fixed(column, load_le<std::int64_t>(bytes.data()));
        case PhysicalType::int128:
            return builder.append_fixed(column, big_endian(bytes));
        case PhysicalType::bytes:
            return builder.append_bytes(column, bytes);
    }
}

}  // namespace dl::slave
