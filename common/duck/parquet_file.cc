#include "common/duck/parquet_file.h"

#include <algorithm>
#include <semaphore>

#include "common/base/glob_text.h"
#include "common/duck/duck_result.h"

namespace dl {

namespace {

// Rows of one read_parquet_rows() are cut at about so many bytes of text, or at this share of the memory.
constexpr std::uint64_t kReadHeapBytesMax = 64u << 20;
constexpr std::uint64_t kReadHeapShare = 8;

// Reading a row group takes its stored and plain bytes; the rows of the one before may wait to be fetched
// meanwhile. And something for everything else.
constexpr std::uint64_t kMemoryPerGroupByte = 2;
constexpr std::uint64_t kMemoryBeside = 16u << 20;

// How often who waits asks whether it is still wanted.
constexpr std::chrono::milliseconds kAskEvery{50};

// A compaction holds its turn as long as its I/O budget makes it take, a check as long as a large file takes.
std::binary_semaphore& turn_of(WideFileUse use) {
    static std::binary_semaphore read{1}, check{1}, compaction{1};
    switch (use) {
        case WideFileUse::read:
            return read;
        case WideFileUse::check:
            return check;
        case WideFileUse::compaction:
            break;
    }
    return compaction;
}

}  // namespace

std::string sql_parquet_files(std::span<const std::string> paths, std::string_view options) {
    std::string sql = "read_parquet([";
    for (const auto& path : paths) {
        if (sql.back() != '[') sql += ", ";
        sql += sql_literal(literal_glob(path));
    }
    sql += "], hive_partitioning = false";
    if (!options.empty()) sql.append(", ").append(options);
    return sql + ")";
}

std::string sql_alive(std::uint64_t filter_handle, std::string_view numbers) {
    return "dl_alive(" + std::to_string(filter_handle) + ", " + std::string(numbers) + ") = 1::TINYINT";
}

std::string sql_kept(std::uint64_t filter_handle, std::string_view numbers) {
    return "dl_kept(" + std::to_string(filter_handle) + ", " + std::string(numbers) + ") = 1::TINYINT";
}

Result<std::shared_ptr<DuckDatabase>> file_database_for(const std::shared_ptr<DuckDatabase>& usual,
                                                        std::uint64_t group_bytes, WideFileUse use,
                                                        const std::function<Result<void>()>& wanted) {
    const auto needed = kMemoryPerGroupByte * group_bytes + kMemoryBeside;
    if (needed <= usual->memory_bytes_max()) return usual;
    auto& turn = turn_of(use);
    while (!turn.try_acquire_for(kAskEvery))
        if (wanted) DL_TRY(wanted());
    auto opened = file_duck_database(needed);
    if (opened.has_error()) {
        turn.release();
        return opened;
    }
    auto* const database = opened->get();
    return std::shared_ptr<DuckDatabase>(database, [own = std::move(*opened), &turn](DuckDatabase*) mutable {
        own.reset();
        turn.release();
    });
}

std::function<Result<void>()> give_up_after(std::chrono::milliseconds wait) {
    return [until = std::chrono::steady_clock::now() + wait]() -> Result<void> {
        if (std::chrono::steady_clock::now() < until) return {};
        return make_error(ErrorCode::overloaded,
                          "other rows that take more than slave.file.memory.bytes are being read; try again "
                          "later, or raise the limit");
    };
}

Result<ParquetRows> read_parquet_rows(DuckDatabase& database, const std::string& path, Offset from,
                                      std::uint32_t max_rows, const std::vector<Field>& file_fields) {
    DL_TRY_ASSIGN(auto session, database.session());
    std::string sql = "SELECT \"_offset\", \"_delete\", \"_time\"";
    duck::ChunkEncoder::Shape shape{{FieldId{0}, FieldId{0}, FieldId{0}}, 1};
    for (const auto& field : file_fields) {
        sql += ", " + sql_identifier(parquet_field_name(field.id));
        shape.ids.push_back(field.id);
    }
    // The file ascends by _offset and DuckDB keeps the order of a file: no sorting, row groups below `from`
    // are skipped.
    sql += " FROM " + sql_parquet_file(path) + " WHERE \"_offset\" >= " + std::to_string(from) + " LIMIT " +
           std::to_string(max_rows);
    const auto in_file = [&](const Error& error) {
        auto named = error.in("reading " + path);
        if (named.code == ErrorCode::query_error) named.code = ErrorCode::io_error;
        return named;
    };
    auto started = static_cast<duck::ChunkSession&>(*session).select(sql);
    if (!started) return in_file(started.error());
    auto& stream = **started;
    for (std::size_t i = 0; i < file_fields.size(); ++i) {
        const auto& found = stream.columns()[i + 3].type;
        if (found != file_fields[i].type) {
            return make_error(ErrorCode::corrupt_data, path + ": column " + stream.columns()[i + 3].name +
                                                           " is " + type_name(found) + ", not " +
                                                           type_name(file_fields[i].type));
        }
    }
    const duck::ChunkEncoder encoder(stream.mappings(), shape);

    ParquetRows rows;
    std::vector<duck::Chunk> chunks;
    std::uint64_t bytes = 0;
    Offset last = from - 1;
    const auto bytes_max = std::min(kReadHeapBytesMax, database.memory_bytes_max() / kReadHeapShare);
    while (bytes < bytes_max) {
        auto fetched = stream.fetch();
        if (!fetched) return in_file(fetched.error());
        duck::Chunk chunk = std::move(*fetched);
        if (!chunk) break;
        const idx_t count = duckdb_data_chunk_get_size(chunk.get());
        const auto* offsets = static_cast<const std::int64_t*>(
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), 0)));
        const auto* times = static_cast<const std::int64_t*>(
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), 2)));
        for (idx_t i = 0; i < count; ++i) {
            if (offsets[i] <= last) {
                return make_error(ErrorCode::corrupt_data, path + ": offset " + std::to_string(offsets[i]) +
                                                               " after " + std::to_string(last) +
                                                               "; the rows of a file ascend by offset");
            }
            last = offsets[i];
        }
        rows.offsets.insert(rows.offsets.end(), offsets, offsets + count);
        rows.append_times_us.insert(rows.append_times_us.end(), times, times + count);
        bytes += encoder.heap_bytes(chunk.get());
        chunks.push_back(std::move(chunk));
    }
    DL_TRY_ASSIGN(rows.batch, encoder.encode(chunks));
    return rows;
}

}  // namespace dl
