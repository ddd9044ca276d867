#include "slave/parquet/parquet_footer.h"

#include <algorithm>
#include <limits>

#include "common/base/byte_io.h"
#include "slave/parquet/thrift_reader.h"

namespace dl::slave {
namespace {

using Kind = ThriftReader::Kind;

constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kOwnName = "DataLakeDB";
constexpr std::string_view kSecondCreatedBy = "DataLakeDB version 2";
constexpr std::size_t kTrailerBytes = 8;  // u32 length of the metadata, magic

Error damaged(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "Parquet footer: " + what);
}
Error foreign(const std::string& what) {
    return make_error(ErrorCode::not_supported, "Parquet footer: " + what);
}

struct SchemaElement {
    ParquetColumn column;
    bool has_type = false;
    std::int64_t repetition = 0;
};

SchemaElement read_element(ThriftReader& reader) {
    SchemaElement element;
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 1 && kind == Kind::i32) {
            element.has_type = true;
            element.column.type = static_cast<ParquetType>(reader.integer());
        } else if (id == 2 && kind == Kind::i32) {
            element.column.fixed_length = static_cast<std::uint32_t>(reader.integer());
        } else if (id == 3 && kind == Kind::i32) {
            element.repetition = reader.integer();
        } else if (id == 4 && kind == Kind::binary) {
            element.column.name = std::string(reader.text());
        } else {
            reader.skip(kind);
        }
    });
    return element;
}

struct ChunkInfo {
    std::int64_t codec = 0;
    std::int64_t bytes = -1;
    std::int64_t plain_bytes = 0;
    std::int64_t data_page = -1;
    std::int64_t dictionary_page = -1;
    std::optional<std::int64_t> min;
    std::int64_t index_begin = 0;
    std::int64_t index_bytes = 0;
};

// Of a value of eight bytes.
std::optional<std::int64_t> read_min(ThriftReader& reader) {
    std::optional<std::int64_t> min;
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id != 6 || kind != Kind::binary) return reader.skip(kind);
        const auto value = reader.text();
        if (value.size() == sizeof(std::int64_t)) min = load_le<std::int64_t>(value.data());
    });
    return min;
}

ChunkInfo read_chunk(ThriftReader& reader) {
    ChunkInfo info;
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 4 && kind == Kind::i64) {
            info.index_begin = reader.integer();
            return;
        }
        if (id == 5 && kind == Kind::i32) {
            info.index_bytes = reader.integer();
            return;
        }
        if (id != 3 || kind != Kind::structure) return reader.skip(kind);
        reader.structure_fields([&](std::int16_t member, Kind member_kind) {
            if (member == 4 && member_kind == Kind::i32)
                info.codec = reader.integer();
            else if (member == 6 && member_kind == Kind::i64)
                info.plain_bytes = reader.integer();
            else if (member == 7 && member_kind == Kind::i64)
                info.bytes = reader.integer();
            else if (member == 9 && member_kind == Kind::i64)
                info.data_page = reader.integer();
            else if (member == 11 && member_kind == Kind::i64)
                info.dictionary_page = reader.integer();
            else if (member == 12 && member_kind == Kind::structure)
                info.min = read_min(reader);
            else
                reader.skip(member_kind);
        });
    });
    return info;
}

struct RowGroup {
    std::vector<ChunkInfo> chunks;
    std::int64_t rows = -1;
};

RowGroup read_group(ThriftReader& reader) {
    RowGroup group;
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 1 && kind == Kind::list)
            reader.list_elements([&](Kind) { group.chunks.push_back(read_chunk(reader)); });
        else if (id == 3 && kind == Kind::i64)
            group.rows = reader.integer();
        else
            reader.skip(kind);
    });
    return group;
}

Result<ParquetChunk> locate(const ChunkInfo& info, ParquetType type, std::uint64_t file_bytes) {
    if (info.codec != 0 && info.codec != 1) return foreign("codec " + std::to_string(info.codec));
    ParquetChunk chunk;
    chunk.codec = static_cast<ParquetCodec>(info.codec);
    const bool dictionary = info.dictionary_page > 0 && info.dictionary_page < info.data_page;
    const auto begin = dictionary ? info.dictionary_page : info.data_page;
    if (begin < 0 || info.bytes < 0 || info.bytes > std::numeric_limits<std::uint32_t>::max() ||
        static_cast<std::uint64_t>(begin) > file_bytes ||
        static_cast<std::uint64_t>(info.bytes) > file_bytes - static_cast<std::uint64_t>(begin))
        return damaged("a column lies outside the file");
    chunk.begin = static_cast<std::uint64_t>(begin);
    chunk.bytes = static_cast<std::uint32_t>(info.bytes);
    // A chunk is compressed page by page, and a page has at most 2^31 bytes; the sum is a size, no promise.
    chunk.plain_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(info.plain_bytes, 0));
    if (type == ParquetType::int64) chunk.min = info.min;
    if (info.index_begin < 0 || info.index_bytes < 0 ||
        static_cast<std::uint64_t>(info.index_begin) > file_bytes ||
        static_cast<std::uint64_t>(info.index_bytes) >
            file_bytes - static_cast<std::uint64_t>(info.index_begin))
        return damaged("an offset index lies outside the file");
    chunk.index_begin = static_cast<std::uint64_t>(info.index_begin);
    chunk.index_bytes = static_cast<std::uint32_t>(info.index_bytes);
    return chunk;
}

}  // namespace

std::uint64_t ParquetFooter::widest_group_bytes() const {
    std::uint64_t widest = 0;
    for (std::size_t group = 0; group + 1 < first_rows.size(); ++group) {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < columns.size(); ++i)
            bytes += chunk(group, i).bytes + chunk(group, i).plain_bytes;
        widest = std::max(widest, bytes);
    }
    return widest;
}

Result<std::vector<ParquetPagePlace>> read_offset_index(std::string_view bytes, const ParquetChunk& chunk) {
    std::vector<ParquetPagePlace> pages;
    bool right = true;
    ThriftReader reader(bytes);
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id != 1 || kind != Kind::list) return reader.skip(kind);
        reader.list_elements([&](Kind) {
            std::int64_t begin = -1, length = -1, row = -1;
            reader.structure_fields([&](std::int16_t member, Kind member_kind) {
                if (member == 1 && member_kind == Kind::i64)
                    begin = reader.integer();
                else if (member == 2 && member_kind == Kind::i32)
                    length = reader.integer();
                else if (member == 3 && member_kind == Kind::i64)
                    row = reader.integer();
                else
                    reader.skip(member_kind);
            });
            const auto at = static_cast<std::uint64_t>(begin);
            right = right && begin >= 0 && length > 0 && at >= chunk.begin &&
                    at - chunk.begin <= chunk.bytes &&
                    static_cast<std::uint64_t>(length) <= chunk.bytes - (at - chunk.begin) &&
                    (pages.empty() ? row == 0
                                   : row > static_cast<std::int64_t>(pages.back().first_row) &&
                                         at == pages.back().begin + pages.back().bytes);
            if (right)
                pages.push_back({at, static_cast<std::uint32_t>(length), static_cast<std::uint64_t>(row)});
        });
    });
    if (reader.failed() || !right || pages.empty() ||
        pages.back().begin + pages.back().bytes != chunk.begin + chunk.bytes)
        return damaged("an offset index cannot be read");
    return pages;
}

Result<ParquetFooter> read_parquet_footer(std::string_view end, std::uint64_t file_bytes) {
    if (file_bytes < kMagic.size() + kTrailerBytes || end.size() < kTrailerBytes || !end.ends_with(kMagic))
        return damaged("does not end with PAR1");
    const auto length = load_le<std::uint32_t>(end.data() + end.size() - kTrailerBytes);
    if (length > file_bytes - kTrailerBytes - kMagic.size() || length > end.size() - kTrailerBytes)
        return damaged("is longer than the file");
    ThriftReader reader(end.substr(end.size() - kTrailerBytes - length, length));
    std::string_view created_by;
    std::vector<SchemaElement> schema;
    std::vector<RowGroup> groups;
    reader.structure_fields([&](std::int16_t id, Kind kind) {
        if (id == 2 && kind == Kind::list)
            reader.list_elements([&](Kind) { schema.push_back(read_element(reader)); });
        else if (id == 4 && kind == Kind::list)
            reader.list_elements([&](Kind) { groups.push_back(read_group(reader)); });
        else if (id == 6 && kind == Kind::binary)
            created_by = reader.text();
        else
            reader.skip(kind);
    });
    if (reader.failed() || schema.empty()) return damaged("cannot be read");

    ParquetFooter footer;
    if (created_by == kOwnName) {
        footer.version = 1;
    } else if (created_by == kSecondCreatedBy) {
        footer.version = 2;
    } else if (created_by == kParquetCreatedBy) {
        footer.version = 3;
    } else if (created_by.starts_with(kOwnName)) {
        return foreign("the file is of \"" + std::string(created_by) + "\", this program knows \"" +
                       std::string(kParquetCreatedBy) + "\"");
    }
    for (std::size_t i = 1; i < schema.size(); ++i) {  // the first is the root
        if (!schema[i].has_type || schema[i].repetition > 1)
            return foreign("column " + schema[i].column.name + " is nested");
        schema[i].column.optional = schema[i].repetition == 1;
        footer.columns.push_back(std::move(schema[i].column));
    }
    std::uint64_t rows = 0;
    for (const auto& group : groups) {
        if (group.rows < 0 || group.chunks.size() != footer.columns.size())
            return damaged("a row group does not have every column");
        footer.first_rows.push_back(rows);
        rows += static_cast<std::uint64_t>(group.rows);
        for (std::size_t i = 0; i < group.chunks.size(); ++i) {
            DL_TRY_ASSIGN(auto chunk, locate(group.chunks[i], footer.columns[i].type, file_bytes));
            if (footer.version < 3)
                chunk.index_bytes = 0;  // another writer's may leave something out between its pages
            else if (chunk.index_bytes == 0 && group.rows != 0)
                return damaged("a column has no offset index");
            footer.chunks.push_back(chunk);
        }
    }
    footer.first_rows.push_back(rows);
    return footer;
}

Result<ParquetFooter> read_parquet_footer(const ReadableFile& file) {
    constexpr std::uint64_t kFirstRead = 64u << 10;  // nearly always all of it
    DL_TRY_ASSIGN(const auto file_bytes, file.size());
    auto wanted = std::min(file_bytes, kFirstRead);
    DL_TRY_ASSIGN(auto end, file.read(file_bytes - wanted, wanted));
    if (end.size() == wanted && wanted >= kTrailerBytes) {
        const auto length = load_le<std::uint32_t>(end.view().data() + wanted - kTrailerBytes);
        if (length > wanted - kTrailerBytes && length <= file_bytes - kTrailerBytes) {
            wanted = length + kTrailerBytes;
            DL_TRY_ASSIGN(end, file.read(file_bytes - wanted, wanted));
        }
    }
    return read_parquet_footer(end.view(), file_bytes);
}

}  // namespace dl::slave
