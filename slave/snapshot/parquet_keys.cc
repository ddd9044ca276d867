#include "slave/snapshot/parquet_keys.h"

#include <algorithm>

#include "common/duck/parquet_file.h"
#include "slave/index/tail.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kPieceRows = 8192;
// Columns of the SELECT below, as DuckResult numbers them.
constexpr FieldId kKeyColumn{4};

Error damaged(const std::string& path, const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "snapshot file " + path + ": " + what +
                                                   "; restore the partition's directory from a copy");
}

Result<KeyPiece> piece_of(const std::string& path, const ManifestFile& info, const ColumnBatch& batch,
                          std::uint64_t first_row, Offset last, std::uint64_t seed) {
    const auto& columns = batch.columns();
    KeyPiece piece;
    piece.first_row = first_row;
    piece.offsets.reserve(batch.rows());
    piece.deletes.reserve(batch.rows());
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
        const auto number = first_row + row;
        const auto offset = columns[1].fixed<Offset>(row);
        const bool is_delete = columns[2].fixed<std::uint8_t>(row) != 0;
        if (columns[0].fixed<std::int64_t>(row) != static_cast<std::int64_t>(number))
            return damaged(path, "row " + std::to_string(number) + " does not come in its place");
        if (offset <= last || offset >= info.end_offset ||
            (!info.compacted && offset != info.first_offset + static_cast<Offset>(number)))
            return damaged(path, "row " + std::to_string(number) + " has offset " + std::to_string(offset) +
                                     " behind " + std::to_string(last));
        if (info.compacted && is_delete)
            return damaged(path, "offset " + std::to_string(offset) + " is a delete in a compacted file");
        last = offset;
        piece.offsets.push_back(offset);
        piece.deletes.push_back(is_delete);
    }
    auto hashes = hash_keys(batch, kKeyColumn, seed);
    if (hashes.has_error()) return damaged(path, hashes.error().message);
    piece.hashes = std::move(*hashes);
    return piece;
}

}  // namespace

Result<void> scan_parquet_keys(DuckDatabase& database, const std::string& path, const ManifestFile& info,
                               const TableMeta& table,
                               const std::function<Result<void>(const KeyPiece&)>& visit) {
    const auto& key = table.schema.key();
    const auto own = std::find_if(info.fields.begin(), info.fields.end(),
                                  [&](const Field& field) { return field.id == key.id; });
    if (own == info.fields.end() || own->type != key.type)
        return damaged(path, "the manifest names no key column " + parquet_field_name(key.id) + " of type " +
                                 type_name(key.type));
    DL_TRY_ASSIGN(const auto session, database.session());
    const auto in_file = [&](const Error& error) {
        auto named = error.in("reading " + path);
        if (named.code == ErrorCode::query_error) named.code = ErrorCode::io_error;
        return named;
    };
    auto started = session->query("SELECT file_row_number, _offset, _delete, " + parquet_field_name(key.id) +
                                  " FROM " + sql_parquet_file(path, "file_row_number = true"));
    if (started.has_error()) return in_file(started.error());
    if ((*started)->columns().back().type != key.type)
        return damaged(path, "its key column is " + type_name((*started)->columns().back().type) + ", not " +
                                 type_name(key.type));
    std::uint64_t rows = 0;
    Offset last = info.first_offset - 1;
    for (;;) {
        const auto batch = (*started)->next(kPieceRows);
        if (batch.has_error()) return in_file(batch.error());
        if (!*batch) break;
        DL_TRY_ASSIGN(const auto piece, piece_of(path, info, **batch, rows, last, table.index_hash_seed));
        rows += piece.hashes.size();
        if (!piece.offsets.empty()) last = piece.offsets.back();
        if (rows > info.rows) break;
        DL_TRY(visit(piece));
    }
    if (rows != info.rows)
        return damaged(path, "has other than the " + std::to_string(info.rows) + " rows of the manifest");
    return {};
}

}  // namespace dl::slave
