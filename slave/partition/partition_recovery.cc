#include "slave/partition/partition_recovery.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "common/base/check.h"
#include "slave/partition/applier.h"
#include "slave/partition/batch_id_upkeep.h"
#include "slave/partition/commit_mark.h"
#include "slave/partition/file_repair.h"
#include "slave/partition/loss_acceptance.h"
#include "slave/snapshot/snapshot_loader.h"

namespace dl::slave {
namespace {

constexpr std::size_t kReplayGroup = 64;  // batches applied at a time

}  // namespace

void seal_log(const PartitionCore& core, PartitionLog& log, PartitionLog::Seal kind) {
    if (log.failed()) return;
    const auto sealed = log.seal(kind);
    if (sealed.has_error() && sealed.error().code != ErrorCode::unavailable)  // else it was closed before
        spdlog::warn(
            "partition: the log of {} was not sealed, so that a later loss at its end may not be seen: {}",
            core.label(), sealed.error().to_text());
}

namespace {

// Opens the log and leaves what is not in files unapplied.
Result<PartitionLog::Recovered> open_log(PartitionCore& core, WriterExclusion::Hold& hold,
                                         const Manifest& manifest) {
    const Offset flushed_end = manifest.flushed_end;
    const auto replay = [&](const StoredBatch& stored) -> Result<void> {
        if (stored.header.end_offset() <= flushed_end) return {};
        if (stored.header.base_offset < flushed_end)
            return make_error(ErrorCode::corrupt_data, core.label() + ": the snapshot files end at offset " +
                                                           std::to_string(flushed_end) +
                                                           ", within the record batch at offset " +
                                                           std::to_string(stored.header.base_offset) +
                                                           "; restore the partition's directory from a copy");
        LogBatch batch;
        batch.header = stored.header;
        DL_TRY_ASSIGN(batch.batch, decode_record_batch_body(stored.header, stored.body));
        hold->unapplied.push(std::move(batch));
        hold->last_append_time_us = std::max(hold->last_append_time_us, stored.header.append_time_us);
        return {};
    };
    PartitionLog::Recovered recovered;
    // A crash between the manifest of a compaction and the removal of its segments leaves some of them.
    const LogOptions options{.segment_bytes = core.options.segment_bytes,
                             .sync = core.options.sync,
                             .garbage_below = manifest.log_start,
                             .complete_from = manifest.compacted_end};
    DL_TRY(set_accepted_log_aside(core, manifest));
    // Only before anything was written to it is a log without a file.
    const Offset start_if_empty = flushed_end == manifest.salvaged_end ? flushed_end : 0;
    auto opened = PartitionLog::open(*core.context.files, core.log_directory(), core.table()->id, core.id,
                                     options, flushed_end, start_if_empty, replay, &recovered);
    if (opened.has_error()) return with_lost_records(core, manifest, std::move(opened).error());
    auto log = std::move(*opened);
    if (log->end_offset() < flushed_end || log->first_offset() > flushed_end)
        return make_error(ErrorCode::corrupt_data,
                          core.label() + ": the log in " + core.log_directory() + " holds offsets " +
                              std::to_string(log->first_offset()) + " to " +
                              std::to_string(log->end_offset()) + ", which does not go on at " +
                              std::to_string(flushed_end) +
                              " where the snapshot files end; restore the partition's directory from a copy");
    // What is in files and what is not lie in different segments, also when somebody has removed the last.
    const auto segments = log->segments();
    const bool apart = std::any_of(segments.begin(), segments.end(), [&](const SegmentInfo& segment) {
        return segment.first_offset == flushed_end;
    });
    if (!apart && log->end_offset() > flushed_end)
        return make_error(ErrorCode::corrupt_data,
                          core.label() + ": the snapshot files end at offset " + std::to_string(flushed_end) +
                              ", where no segment of the log begins; restore the partition's directory from "
                              "a copy");
    if (!apart) DL_TRY(log->roll());
    seal_log(core, *log, PartitionLog::Seal::goes_on);
    core.set_epoch(hold, log->newest_epoch());
    core.set_log(hold, std::move(log));
    return recovered;
}

// What is missing by the word of a manifest with a damaged end may have been removed by that end.
Error with_damaged_change(const PartitionCore& core, const LoadedSnapshots& loaded, Error error) {
    if (loaded.torn_bytes == 0) return error;
    if (error.code != ErrorCode::corrupt_data && error.code != ErrorCode::not_found) return error;
    return damaged_change(core.directory, loaded.torn_bytes, error);
}

}  // namespace

Result<void> recover_partition(PartitionCore& core) {
    const auto started = std::chrono::steady_clock::now();
    auto& files = *core.context.files;
    const auto table = core.table();
    DL_TRY_ASSIGN(
        auto loaded,
        load_snapshots(files, *core.context.file_database, core.directory, *table, core.id,
                       core.options.files_proven_at_open ? FileChecks::all_now : FileChecks::later));
    const Offset flushed_end = loaded.manifest.flushed_end;
    core.accepted_losses = losses_digest(loaded.manifest);
    auto hold = core.exclusion.for_commit();
    if (auto opened = open_batch_ids(core, hold, loaded.manifest); opened.has_error())
        return with_damaged_change(core, loaded, std::move(opened).error());
    hold->tail = Tail(flushed_end);
    const auto opened = open_log(core, hold, loaded.manifest);
    if (opened.has_error()) return with_damaged_change(core, loaded, opened.error());
    const auto recovered = *opened;
    DL_TRY(remove_uncommitted(files, core.directory, loaded.manifest));
    const Offset log_end = core.log().end_offset();
    DL_CHECK(recovered.end_offset == log_end, "INV-2 the log ends where its recovery did");
    hold->progress.start(log_end, flushed_end);
    auto state = std::make_shared<PartitionState>();
    state->end_offset = flushed_end;
    state->files = loaded.files;
    state->tail = std::make_shared<const TailSnapshot>();
    core.publish(hold, std::move(state));
    // Without other copies what survived is committed; with them what was known to be.
    DL_TRY_ASSIGN(const auto marked, read_commit_mark(files, core.directory, table->id, core.id));
    if (marked > log_end && !core.options.synced_is_committed)
        return make_error(ErrorCode::corrupt_data,
                          core.label() + ": records below offset " + std::to_string(marked) +
                              " were committed, and the log ends at offset " + std::to_string(log_end) +
                              ": lost are offsets " + std::to_string(log_end) + " to " +
                              std::to_string(marked - 1) +
                              ". Another copy leads, when there is one; without any go on with: "
                              "accept loss of table " +
                              table->name + " partition " + std::to_string(core.id.value));
    const Offset committed = core.options.synced_is_committed ? log_end : std::max(flushed_end, marked);
    DL_TRY(Applier(core).advance(hold, committed, kReplayGroup));
    DL_CHECK(
        !core.options.synced_is_committed || (hold->unapplied.empty() && hold->tail.end_offset() == log_end),
        "INV-2 the log is replayed to its end");
    core.note_tail_bytes(hold);
    auto manifest = loaded.manifest;
    manifest.batch_ids_in_log = false;  // they are taken over before anything is committed
    core.set_publisher(
        std::make_unique<SnapshotPublisher>(files, core.directory, std::move(manifest), *loaded.files));
    {
        // The repair takes the exclusion by itself.
        const auto given_back = std::move(hold);
    }
    if (loaded.manifest.batch_ids_in_log)
        DL_TRY(take_over_batch_ids(core, loaded.manifest, recovered.batch_ids));
    DL_TRY(rewrite_damaged_files(core, loaded.damaged));
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
    spdlog::info(
        "partition: {} recovered in {} ms: {} files, {} key indexes and delete vectors rebuilt, {} records "
        "replayed from offset {} to {}, {} torn bytes dropped",
        core.label(), ms.count(), loaded.files->entries().size(), loaded.rebuilt,
        core.progress().visible_end() - flushed_end, flushed_end, log_end, recovered.torn_bytes_dropped);
    return {};
}

Result<void> create_partition(FileSystem& files, const std::string& directory, TableId table,
                              PartitionId id) {
    ManifestStore store(files, directory);
    DL_TRY_ASSIGN(const bool there, files.exists(store.path()));
    if (there)
        return make_error(ErrorCode::table_exists, "partition directory " + directory + " exists already");
    DL_TRY(files.create_directories(directory + "/log"));
    DL_TRY(files.create_directories(snapshots_directory(directory)));
    Manifest manifest;
    manifest.edition = 1;
    manifest.table = table;
    manifest.partition = id;
    return store.replace(manifest, "create");
}

}  // namespace dl::slave
