#include "slave/snapshot/derived_files.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/snapshot/keep_set.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {
namespace {

// A name the manifest does not know: what a crash leaves of it is removed at start.
Result<std::string> fresh_name(FileSystem& files, const std::string& path) {
    std::string fresh = path + ".new";
    DL_TRY_ASSIGN(const bool stale, files.exists(fresh));
    if (stale) DL_TRY(files.remove(fresh));
    return fresh;
}

Result<void> put_in_place(const DerivedFrom& from, const std::string& fresh, const std::string& path) {
    DL_FAILPOINT("rebuild.before-rename");
    DL_TRY(from.files->rename(fresh, path));
    DL_FAILPOINT("rebuild.after-rename-before-dir-fsync");
    return from.files->sync_directory(from.snapshots_directory);
}

struct KeyOfRow {
    Hash128 hash;
    std::uint32_t row = 0;
    bool is_delete = false;
};

// Adds the newest row of every key whose hash lies in part `part` of `parts` equal ranges.
Result<void> add_part(const DerivedFrom& from, const ManifestFile& info, const std::string& parquet,
                      std::uint64_t part, std::uint64_t parts, KeyIndexWriter* writer) {
    std::vector<KeyOfRow> keys;
    DL_TRY(scan_parquet_keys(
        *from.database, parquet, info, *from.table, [&](const KeyPiece& piece) -> Result<void> {
            DL_FAILPOINT("rebuild.mid");
            for (std::size_t i = 0; i < piece.hashes.size(); ++i)
                if (scale_to(piece.hashes[i].high, parts) == part)
                    keys.push_back(
                        {piece.hashes[i], static_cast<std::uint32_t>(piece.first_row + i), piece.deletes[i]});
            return {};
        }));
    std::sort(keys.begin(), keys.end(), [](const KeyOfRow& a, const KeyOfRow& b) {
        return a.hash != b.hash ? a.hash < b.hash : a.row < b.row;
    });
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (i + 1 == keys.size() || keys[i + 1].hash != keys[i].hash)
            writer->add(keys[i].hash, keys[i].row, keys[i].is_delete);
    return {};
}

}  // namespace

Result<std::shared_ptr<const KeyIndex>> rebuild_key_index(const DerivedFrom& from, const ManifestFile& info,
                                                          std::uint64_t rows_at_a_time) {
    const std::string parquet = from.snapshots_directory + "/" + info.parquet_name();
    const std::string path = from.snapshots_directory + "/" + info.index_name();
    const KeyIndexInfo identity{info.first_offset, info.end_offset, info.rows, from.table->index_hash_seed};
    if (const auto whole = check_parquet_file(*from.files, parquet, info); whole.has_error())
        return whole.error();
    DL_FAILPOINT("rebuild.before-write");
    DL_TRY_ASSIGN(const auto fresh, fresh_name(*from.files, path));
    {
        KeyIndexWriter writer(identity);
        const std::uint64_t parts = (info.rows + rows_at_a_time - 1) / rows_at_a_time;
        for (std::uint64_t part = 0; part < parts; ++part)
            DL_TRY(add_part(from, info, parquet, part, parts, &writer));
        if (info.compacted && writer.entries() != info.rows)
            return make_error(ErrorCode::corrupt_data,
                              "snapshot file " + parquet + " is compacted and holds " +
                                  std::to_string(info.rows) + " rows of " + std::to_string(writer.entries()) +
                                  " keys; restore the partition's directory from a copy");
        DL_TRY(writer.write(*from.files, fresh));
    }
    // What was written is read back and checked before it counts.
    DL_TRY_ASSIGN(auto index, KeyIndex::open(*from.files, fresh, identity));
    DL_TRY(put_in_place(from, fresh, path));
    return index;
}

Result<std::vector<std::shared_ptr<const DeleteVector>>> derive_vectors(
    std::span<const std::shared_ptr<const SnapshotFile>> files) {
    std::vector<KeepInput> indexes;
    for (const auto& file : files)
        indexes.push_back({&file->index(), file->info().rows});
    std::vector<std::shared_ptr<const DeleteVector>> vectors;
    DL_TRY_ASSIGN(const auto all_kept, find_kept_rows(indexes));
    for (const auto& kept : all_kept)
        vectors.push_back(dead_rows_of(kept));
    DL_CHECK(vectors.size() == files.size(), "every file gets its vector");
    return vectors;
}

Result<void> replace_vector(const DerivedFrom& from, const ManifestFile& info, const DeleteVector& vector) {
    const std::string path = from.snapshots_directory + "/" + info.vector_name(info.vector_version);
    DL_FAILPOINT("rebuild.before-write");
    DL_TRY_ASSIGN(const auto fresh, fresh_name(*from.files, path));
    DL_TRY(write_new_file(*from.files, fresh, vector.encode(info.first_offset, info.end_offset)));
    return put_in_place(from, fresh, path);
}

}  // namespace dl::slave
