#include "slave/snapshot/snapshot_publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/check.h"

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
                   .whole = true});
}

Result<void> SnapshotPublisher::write(const Change& change, Draft* draft) {
    auto& next = draft->manifest;
    for (const auto& entry : change.files) {
        ManifestFile info = entry.file->info();
        const auto stem = info.stem();
        const auto known = persisted_.find(stem);
        if (known == persisted_.end()) {
            draft->brought.push_back(entry.file->parquet_path());
            draft->brought.push_back(entry.file->index_path());
        }
        if (known != persisted_.end() && known->second.vector == entry.dead) {
            draft->persisted[stem] = known->second;
        } else {
            const auto path = entry.file->vector_path(next.edition);
            draft->persisted[stem] = {next.edition, entry.dead};
            draft->brought.push_back(path);
            DL_TRY(write_new_file(files_, path, entry.dead->encode(info.first_offset, info.end_offset)));
            if (known != persisted_.end())
                draft->replaced.push_back(entry.file->vector_path(known->second.version));
        }
        info.vector_version = draft->persisted[stem].version;
        next.files.push_back(std::move(info));
    }
    // Refusing an inconsistent manifest here is better than at the next start.
    if (auto checked = check_manifest(next); checked.has_error())
        return checked.error().in("a new manifest is not consistent and was not written");
    DL_TRY(files_.sync_directory(snapshots_directory(directory_)));
    return change.whole ? store_.replace(next, change.operation)
                        : store_.commit(manifest(), next, change.operation);
}

Result<void> SnapshotPublisher::commit(const Change& change) {
    const auto before = manifest();
    DL_CHECK(change.flushed_end >= before.flushed_end && change.compacted_end >= before.compacted_end &&
                 change.log_start >= before.log_start,
             "INV-6 what is flushed, compacted or removed stays so");
    Draft draft;
    auto& next = draft.manifest;
    next = before;
    next.edition = next_edition();
    next.flushed_end = change.flushed_end;
    next.compacted_end = change.compacted_end;
    next.log_start = change.log_start;
    if (change.batch_ids) {
        next.batch_ids = *change.batch_ids;
        next.batch_ids_in_log = false;
    }
    if (!change.lost.empty()) {
        next.lost.insert(next.lost.end(), change.lost.begin(), change.lost.end());
        next.salvaged_end = change.salvaged_end;
    }
    DL_CHECK(!next.batch_ids_in_log, "INV-11 what the log names of batch ids is in files before it goes");
    next.files.clear();
    const auto only_in = [&](const Manifest& one, const Manifest& other, std::vector<std::string>& paths) {
        for (const auto edition : one.batch_ids)
            if (std::find(other.batch_ids.begin(), other.batch_ids.end(), edition) == other.batch_ids.end())
                paths.push_back(snapshots_directory(directory_) + "/" + Manifest::batch_ids_name(edition));
    };
    only_in(next, before, draft.brought);
    only_in(before, next, draft.replaced);
    if (auto written = write(change, &draft); written.has_error()) {
        // The rename may have been made although what came after it failed.
        const auto on_disk = store_.load();
        if (on_disk.has_value() && on_disk->edition == before.edition)
            remove(draft.brought, "a file of a commit that failed");
        else
            doubtful_.insert(doubtful_.end(), draft.brought.begin(), draft.brought.end());
        return written;
    }
    DL_CHECK(next.edition > before.edition && next.files.size() == change.files.size() &&
                 draft.persisted.size() == change.files.size(),
             "INV-6 a manifest names every file of its change, once");
    persisted_ = std::move(draft.persisted);
    {
        const std::lock_guard lock(mutex_);
        manifest_ = std::move(next);
    }
    // Names are used once, so none of these is among the new ones.
    draft.replaced.insert(draft.replaced.end(), doubtful_.begin(), doubtful_.end());
    doubtful_.clear();
    remove(draft.replaced, "a replaced file");
    return {};
}

void SnapshotPublisher::discard(const std::vector<FileEntry>& files) {
    std::vector<std::string> paths;
    for (const auto& entry : files) {
        if (persisted_.contains(entry.file->info().stem())) continue;
        paths.push_back(entry.file->parquet_path());
        paths.push_back(entry.file->index_path());
    }
    remove(paths, "a file of a commit that was refused");
}

void SnapshotPublisher::remove(const std::vector<std::string>& paths, const char* what) {
    for (const auto& path : paths)
        if (const auto removed = files_.remove(path);
            removed.has_error() && removed.error().code != ErrorCode::not_found)
            spdlog::warn("snapshot: {} stays until the next start: {}", what, removed.error().to_text());
}

}  // namespace dl::slave
