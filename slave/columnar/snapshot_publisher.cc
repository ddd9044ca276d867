#include "slave/columnar/snapshot_publisher.h"

#include <spdlog/spdlog.h>

#include <set>

#include "common/base/check.h"

namespace dl::slave {
namespace {

Result<FileEntry> load_file(FileSystem& files, const std::string& directory, const ManifestFile& info,
                            std::uint64_t hash_seed) {
    const KeyIndexInfo expected{info.first_offset, info.end_offset, info.rows, hash_seed};
    DL_TRY_ASSIGN(auto index, KeyIndex::open(files, directory + "/" + info.index_name(), expected));
    auto file = std::make_shared<SnapshotFile>(files, directory, info, std::move(index));
    ManifestFile found;
    DL_TRY(measure_parquet(files, file->parquet_path(), &found));
    if (found.parquet_bytes != info.parquet_bytes || found.parquet_crc != info.parquet_crc)
        return make_error(
            ErrorCode::corrupt_data,
            "snapshot file " + file->parquet_path() + " (" + std::to_string(found.parquet_bytes) +
                " bytes) does not match the size (" + std::to_string(info.parquet_bytes) +
                ") and checksum in the manifest; restore the partition's directory from a copy");
    const auto path = file->vector_path(info.vector_version);
    DL_TRY_ASSIGN(const auto text, files.read_all(path));
    auto dead = DeleteVector::decode(text, info.first_offset, info.end_offset, info.rows);
    if (dead.has_error())
        return dead.error().in("delete vector " + path +
                               " is damaged (restore the partition's directory from a copy)");
    return FileEntry{std::move(file), std::move(*dead)};
}

// INV-6: what the manifest does not name was never committed, or was replaced.
Result<void> remove_garbage(FileSystem& files, const std::string& directory, const Manifest& manifest) {
    std::set<std::string> named;
    for (const auto& file : manifest.files) {
        named.insert(file.parquet_name());
        named.insert(file.index_name());
        named.insert(file.vector_name(file.vector_version));
    }
    if (manifest.batch_ids_edition != 0) named.insert(manifest.batch_ids_name());
    DL_TRY_ASSIGN(const auto found, files.list(directory));
    for (const auto& name : found)
        if (!named.contains(name)) DL_TRY(files.remove(directory + "/" + name));
    return {};
}

}  // namespace

Result<void> write_new_file(FileSystem& files, const std::string& path, std::string_view content) {
    DL_TRY_ASSIGN(const auto file, files.open_append(path, true));
    DL_TRY(file->append({&content, 1}));
    return file->sync();
}

SnapshotPublisher::SnapshotPublisher(FileSystem& files, std::string directory, Manifest manifest,
                                     const FileSet& loaded)
    : files_(files),
      directory_(std::move(directory)),
      store_(files, directory_),
      editions_(manifest.edition + 1),
      manifest_(std::move(manifest)) {
    for (const auto& entry : loaded.entries())
        persisted_[entry.file->info().stem()] = {entry.file->info().vector_version, entry.dead};
}

Manifest SnapshotPublisher::manifest() const {
    const std::lock_guard lock(mutex_);
    return manifest_;
}

Result<void> SnapshotPublisher::commit(const Change& change) {
    Manifest next = manifest();
    next.edition = next_edition();
    next.flushed_end = change.flushed_end;
    next.log_start = change.log_start;
    next.batch_ids_edition = change.batch_ids_edition;
    next.files.clear();
    std::map<std::string, Persisted> persisted;
    std::vector<std::string> replaced;
    for (const auto& entry : change.files) {
        ManifestFile info = entry.file->info();
        const auto stem = info.stem();
        const auto known = persisted_.find(stem);
        if (known != persisted_.end() && known->second.vector == entry.dead) {
            persisted[stem] = known->second;
        } else {
            persisted[stem] = {next.edition, entry.dead};
            DL_TRY(write_new_file(files_, entry.file->vector_path(next.edition),
                                  entry.dead->encode(info.first_offset, info.end_offset)));
            if (known != persisted_.end()) replaced.push_back(entry.file->vector_path(known->second.version));
        }
        info.vector_version = persisted[stem].version;
        next.files.push_back(std::move(info));
    }
    // Refusing an inconsistent manifest here is better than at the next start.
    if (auto checked = decode_manifest(encode_manifest(next)); checked.has_error())
        return checked.error().in("a new manifest is not consistent and was not written");
    DL_TRY(files_.sync_directory(snapshots_directory(directory_)));
    DL_TRY(store_.replace(next, change.operation));

    std::set<std::string> kept;
    for (const auto& file : next.files)
        kept.insert(file.stem());
    if (const auto before = manifest();
        before.batch_ids_edition != next.batch_ids_edition && before.batch_ids_edition != 0)
        replaced.push_back(snapshots_directory(directory_) + "/" + before.batch_ids_name());
    persisted_ = std::move(persisted);
    {
        const std::lock_guard lock(mutex_);
        manifest_ = std::move(next);
    }
    for (const auto& path : replaced)
        if (const auto removed = files_.remove(path); removed.has_error())
            spdlog::warn("snapshot: a replaced file stays until the next start: {}",
                         removed.error().to_text());
    return {};
}

Result<LoadedSnapshots> load_snapshots(FileSystem& files, const std::string& directory, TableId table,
                                       PartitionId partition, std::uint64_t hash_seed) {
    LoadedSnapshots loaded;
    DL_TRY_ASSIGN(loaded.manifest, ManifestStore(files, directory).load());
    if (loaded.manifest.table != table || loaded.manifest.partition != partition)
        return make_error(ErrorCode::corrupt_data,
                          "manifest " + directory + "/manifest is of table id " +
                              std::to_string(loaded.manifest.table.value) + " partition " +
                              std::to_string(loaded.manifest.partition.value) + ", expected table id " +
                              std::to_string(table.value) + " partition " + std::to_string(partition.value));
    const auto snapshots = snapshots_directory(directory);
    std::vector<FileEntry> entries;
    for (const auto& info : loaded.manifest.files) {
        DL_TRY_ASSIGN(auto entry, load_file(files, snapshots, info, hash_seed));
        entries.push_back(std::move(entry));
    }
    loaded.files = std::make_shared<const FileSet>(std::move(entries));
    DL_TRY(remove_garbage(files, snapshots, loaded.manifest));
    return loaded;
}

}  // namespace dl::slave
