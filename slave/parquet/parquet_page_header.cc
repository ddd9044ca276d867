#include "slave/parquet/parquet_page_header.h"

#include <string>

#include "common/base/crc32c.h"
#include "slave/parquet/thrift_reader.h"

namespace dl::slave {
namespace {

using Kind = ThriftReader::Kind;

// A page of a file we wrote is never larger; keeps a damaged size from taking memory.
constexpr std::int64_t kPageBytesMax = 1 << 30;
constexpr std::int64_t kDataPageV2 = 3;

}  // namespace

Result<ParquetPageHeader> read_page_header(std::string_view bytes, std::uint64_t available) {
    ParquetPageHeader header;
    ThriftReader reader(bytes);
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 1 && kind == Kind::i32) {
            header.kind = reader.integer();
        } else if (id == 2 && kind == Kind::i32) {
            header.plain_bytes = reader.integer();
        } else if (id == 3 && kind == Kind::i32) {
            header.stored_bytes = reader.integer();
        } else if (id == 4 && kind == Kind::i32) {
            header.crc = static_cast<std::uint32_t>(reader.integer());
        } else if ((id == 5 || id == 7) && kind == Kind::structure) {  // data page, dictionary page
            reader.structure_fields([&](std::int16_t member, Kind member_kind) {
                if (member == 1 && member_kind == Kind::i32)
                    header.values = reader.integer();
                else if (member == 2 && member_kind == Kind::i32)
                    header.encoding = reader.integer();
                else if (id == 5 && member == 3 && member_kind == Kind::i32)
                    header.level_encoding = reader.integer();
                else
                    reader.skip(member_kind);
            });
        } else {
            reader.skip(kind);
        }
    });
    header.header_bytes = reader.position();
    if (!reader.failed() && header.kind == kDataPageV2)
        return make_error(ErrorCode::not_supported, "Parquet page: version 2");
    if (reader.failed() || header.stored_bytes < 0 || header.plain_bytes < 0 || header.values < 0 ||
        header.plain_bytes > kPageBytesMax || header.values > kPageBytesMax ||
        header.header_bytes > available ||
        static_cast<std::uint64_t>(header.stored_bytes) > available - header.header_bytes)
        return make_error(ErrorCode::corrupt_data, "Parquet page: the header cannot be read");
    return header;
}

bool page_is_whole(const ParquetPageHeader& header, std::string_view stored) {
    return !header.crc || *header.crc == crc32_gzip(0, stored.data(), stored.size());
}

}  // namespace dl::slave
