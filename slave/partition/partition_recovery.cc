#include "slave/partition/partition_recovery.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "common/base/check.h"
#include "slave/snapshot/snapshot_loader.h"

namespace dl::slave {
namespace {

constexpr std::size_t kReplayGroup = 64;  // batches applied at a time

Result<void> load_batch_ids(PartitionCore& core, const Manifest& manifest) {
    if (manifest.batch_ids_edition == 0) return {};
    const std::string path = core.snapshots() + "/" + manifest.batch_ids_name();
    DL_TRY_ASSIGN(const auto bytes, core.context.files->read_all(path));
    auto entries = decode_batch_ids(bytes);
    if (entries.has_error())
        return entries.error().in("batch ids " + path +
                                  " are damaged (restore the partition's directory from a copy)");
    for (const auto& entry : *entries)
        core.batch_ids.add(entry);
    return {};
}

Result<void> apply_replayed(PartitionCore& core, std::vector<PartitionCore::Applied>* replayed) {
    const auto table = core.table();
    for (std::size_t start = 0; start < replayed->size(); start += kReplayGroup) {
        const std::span<PartitionCore::Applied> group(replayed->data() + start,
                                                      std::min(kReplayGroup, replayed->size() - start));
        for (auto& batch : group) {
            auto hashes = hash_keys(batch.batch, table->schema.key().id, table->index_hash_seed);
            if (hashes.has_error())
                return hashes.error().in(core.label() + ", record batch at offset " +
                                         std::to_string(batch.header.base_offset));
            batch.hashes = std::move(*hashes);
            core.last_append_time_us = std::max(core.last_append_time_us, batch.header.append_time_us);
        }
        DL_TRY(core.apply(group));
        for (auto& batch : group)
            batch = {};
    }
    return {};
}

}  // namespace

Result<void> recover_partition(PartitionCore& core) {
    const auto started = std::chrono::steady_clock::now();
    auto& files = *core.context.files;
    const auto table = core.table();
    DL_TRY_ASSIGN(auto loaded,
                  load_snapshots(files, *core.context.file_database, core.directory, *table, core.id));
    const Offset flushed_end = loaded.manifest.flushed_end;
    DL_TRY(load_batch_ids(core, loaded.manifest));

    auto state = std::make_shared<PartitionState>();
    state->end_offset = flushed_end;
    state->files = loaded.files;
    state->tail = std::make_shared<const TailSnapshot>();
    core.publish(std::move(state));
    core.tail = Tail(flushed_end);

    std::vector<PartitionCore::Applied> replayed;
    const auto replay = [&](const StoredBatch& stored) -> Result<void> {
        if (stored.header.base_offset < flushed_end) return {};
        PartitionCore::Applied batch;
        batch.header = stored.header;
        DL_TRY_ASSIGN(batch.batch, decode_record_batch_body(stored.header, stored.body));
        replayed.push_back(std::move(batch));
        return {};
    };
    PartitionLog::Recovered recovered;
    const LogOptions log_options{.segment_bytes = core.options.segment_bytes, .sync = core.options.sync};
    DL_TRY_ASSIGN(core.log, PartitionLog::open(files, core.log_directory(), table->id, core.id, log_options,
                                               flushed_end, flushed_end, replay, &recovered));
    if (core.log->end_offset() < flushed_end || core.log->first_offset() > flushed_end)
        return make_error(ErrorCode::corrupt_data,
                          core.label() + ": the log in " + core.log_directory() + " holds offsets " +
                              std::to_string(core.log->first_offset()) + " to " +
                              std::to_string(core.log->end_offset()) + ", which does not go on at " +
                              std::to_string(flushed_end) +
                              " where the snapshot files end; restore the partition's directory from a copy");
    for (const auto& entry : recovered.batch_ids)
        core.batch_ids.add(entry);
    const auto replayed_batches = replayed.size();
    DL_TRY(apply_replayed(core, &replayed));
    DL_CHECK(core.tail.end_offset() == core.log->end_offset(), "INV-2 the log is replayed to its end");
    // A crash between the manifest of a compaction and the removal of its segments leaves them.
    DL_TRY(core.log->remove_before(loaded.manifest.log_start));
    core.publisher =
        std::make_unique<SnapshotPublisher>(files, core.directory, loaded.manifest, *loaded.files);
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
    spdlog::info(
        "partition: {} recovered in {} ms: {} files, {} key indexes and delete vectors rebuilt, {} batches "
        "replayed from offset {} to {}, {} torn bytes dropped",
        core.label(), ms.count(), loaded.files->entries().size(), loaded.rebuilt, replayed_batches,
        flushed_end, core.log->end_offset(), recovered.torn_bytes_dropped);
    return {};
}

Result<void> create_partition(FileSystem& files, const std::string& directory, TableId table,
                              PartitionId id) {
    const ManifestStore store(files, directory);
    if (files.exists(store.path()))
        return make_error(ErrorCode::table_exists, "partition directory " + directory + " exists already");
    DL_TRY(files.create_directories(directory + "/log"));
    DL_TRY(files.create_directories(snapshots_directory(directory)));
    DL_TRY(files.sync_directory(directory));
    Manifest manifest;
    manifest.edition = 1;
    manifest.table = table;
    manifest.partition = id;
    return store.replace(manifest, "create");
}

}  // namespace dl::slave
