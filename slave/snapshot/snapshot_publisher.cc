#include "slave/snapshot/snapshot_publisher.h"

#include <spdlog/spdlog.h>

#include <set>

namespace dl::slave {

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

Result<void> SnapshotPublisher::rewrite_vectors(std::vector<FileEntry> files) {
    for (auto& [stem, known] : persisted_)
        known.vector = nullptr;  // equal to none
    const auto same = manifest();
    return commit({.operation = "repair",
                   .files = std::move(files),
                   .flushed_end = same.flushed_end,
                   .compacted_end = same.compacted_end,
                   .log_start = same.log_start,
                   .batch_ids_edition = same.batch_ids_edition});
}

Result<void> SnapshotPublisher::commit(const Change& change) {
    Manifest next = manifest();
    next.edition = next_edition();
    next.flushed_end = change.flushed_end;
    next.compacted_end = change.compacted_end;
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
        if (const auto removed = files_.remove(path);
            removed.has_error() && removed.error().code != ErrorCode::not_found)
            spdlog::warn("snapshot: a replaced file stays until the next start: {}",
                         removed.error().to_text());
    return {};
}

}  // namespace dl::slave
