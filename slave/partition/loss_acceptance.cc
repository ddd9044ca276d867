#include "slave/partition/loss_acceptance.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/partition/batch_id_upkeep.h"
#include "slave/partition/commit_mark.h"
#include "slave/snapshot/flush_job.h"
#include "slave/snapshot/snapshot_loader.h"

namespace dl::slave {
namespace {

LogIdentity identity_of(const PartitionCore& core) {
    return {core.log_directory(), core.table()->id, core.id};
}

Result<std::set<Offset>> log_files(const PartitionCore& core) {
    auto& files = *core.context.files;
    DL_TRY_ASSIGN(const bool there, files.exists(core.log_directory()));
    if (!there) return std::set<Offset>();
    DL_TRY_ASSIGN(const auto names, files.list(core.log_directory()));
    return segment_firsts(names);
}

// That there is anything of a log.
Result<bool> is_begun(const PartitionCore& core) {
    DL_TRY_ASSIGN(const auto firsts, log_files(core));
    if (!firsts.empty()) return true;
    return core.context.files->exists(seal_path(core.log_directory()));
}

Result<Salvage> salvage(const PartitionCore& core, const Manifest& manifest,
                        const std::function<Result<void>(const StoredBatch&)>& sink) {
    const LogOptions options{.segment_bytes = core.options.segment_bytes,
                             .sync = true,
                             .garbage_below = manifest.log_start,
                             .complete_from = manifest.compacted_end};
    DL_TRY_ASSIGN(const bool begun, is_begun(core));
    if (!begun && manifest.flushed_end == manifest.salvaged_end) {
        Salvage nothing;
        nothing.end = manifest.flushed_end;
        return nothing;
    }
    DL_TRY_ASSIGN(auto found,
                  salvage_log(*core.context.files, identity_of(core), options, manifest.flushed_end, sink));
    // What other copies had, too, is known beyond the seal.
    DL_TRY_ASSIGN(const auto marked,
                  read_commit_mark(*core.context.files, core.directory, core.table()->id, core.id));
    if (marked > found.end) {
        found.lost.push_back({found.end, marked, true});
        found.end = marked;
    }
    return found;
}

// A merged column file that a later edition of the manifest brought, or was to bring; empty: there is none.
// (One that begins behind flushed_end is of a flush, which takes nothing from the log, or of an acceptance
// that was interrupted.)
Result<std::string> later_column_file(const PartitionCore& core, const Manifest& manifest) {
    constexpr std::string_view kEnding = ".parquet";
    DL_TRY_ASSIGN(const auto names, core.context.files->list(core.snapshots()));
    for (const auto& name : names) {
        if (!name.ends_with(kEnding)) continue;
        const auto stem = std::string_view(name).substr(0, name.size() - kEnding.size());
        const auto digits = stem.substr(std::min(stem.size(), stem.rfind('.') + 1));
        std::uint64_t edition = 0;
        Offset first = 0;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), edition);
        const auto begins = std::from_chars(stem.data(), stem.data() + stem.size(), first);
        if (parsed.ec == std::errc() && begins.ec == std::errc() && edition > manifest.edition &&
            first < manifest.flushed_end)
            return name;
    }
    return std::string();
}

// To be added to what is missing.
std::string shortened(const PartitionCore& core, const std::string& later) {
    return "; the manifest in " + core.directory + " may have lost its end, for " + later +
           " beside it is of a later edition and may hold these records: restore the partition's directory, "
           "or its manifest, from a copy; without any, move this file to another directory and accept the "
           "loss";
}

// Whose manifest has a damaged end may have the records in column files that only that end names.
Result<Manifest> load_whole_manifest(const PartitionCore& core) {
    std::size_t torn_bytes = 0;
    const ManifestStore store(*core.context.files, core.directory);
    DL_TRY_ASSIGN(auto manifest, store.load(&torn_bytes));
    if (torn_bytes == 0) {
        DL_TRY_ASSIGN(const auto later, later_column_file(core, manifest));
        if (later.empty()) return manifest;
        return make_error(ErrorCode::invalid_request, "nothing was given up" + shortened(core, later));
    }
    DL_TRY_ASSIGN(const auto bytes, core.context.files->file_size(store.path()));
    return make_error(
        ErrorCode::invalid_request,
        "the last change of manifest " + store.path() + " is damaged (" + std::to_string(torn_bytes) +
            " bytes at its end), and column files beside it may hold what seems to be lost: restore the "
            "partition's directory, or this file of it, from a copy; without any, keep a copy of the "
            "directory, run truncate -s " +
            std::to_string(bytes - torn_bytes) + " " + store.path() + " and accept the loss again");
}

Error nothing_lost(const PartitionCore& core) {
    return make_error(ErrorCode::invalid_request,
                      "nothing is provably missing from the log of " + core.label() +
                          ", so there is no loss to "
                          "accept; a query of the table says why it does not serve");
}

// The batches that are in no file yet, as files.
class SalvagedFiles {
  public:
    SalvagedFiles(const PartitionCore& core, Offset flushed_end)
        : core_(core), table_(core.table()), flushed_end_(flushed_end) {}

    Result<void> add(const StoredBatch& stored) {
        const auto& header = stored.header;
        if (header.has_batch_id())
            ids_.push_back(
                {header.batch_id, header.base_offset, header.end_offset() - 1, header.producer_sequence});
        if (header.end_offset() <= flushed_end_) return {};
        if (header.base_offset < flushed_end_)
            return make_error(ErrorCode::corrupt_data, core_.label() + ": the snapshot files end at offset " +
                                                           std::to_string(flushed_end_) +
                                                           ", within the record batch at offset " +
                                                           std::to_string(header.base_offset) +
                                                           "; restore the partition's directory from a copy");
        const bool goes_on =
            tail_ && tail_->end_offset() == header.base_offset && bytes_ < core_.options.segment_bytes;
        if (tail_ && !goes_on) DL_TRY(flush());
        if (!tail_) {
            tail_.emplace(header.base_offset);
            tail_->start_segment();
        }
        DL_TRY_ASSIGN(const auto batch, decode_record_batch_body(header, stored.body));
        DL_TRY_ASSIGN(const auto hashes, hash_keys(batch, table_->schema.key().id, table_->index_hash_seed));
        std::vector<TailSegment::FreshKey> fresh;
        DL_TRY(tail_->append(batch, header.append_time_us, hashes, &fresh));
        bytes_ += stored.body.size();
        epoch_ = std::max(epoch_, header.epoch);
        return {};
    }
    Result<void> finish() { return tail_ ? flush() : Result<void>(); }

    const std::vector<std::shared_ptr<const SnapshotFile>>& files() const { return files_; }
    const std::vector<BatchIdEntry>& batch_ids() const { return ids_; }

  private:
    Result<void> flush() {
        tail_->close_segment();
        FlushInput input;
        input.files = core_.context.files;
        input.snapshots_directory = core_.snapshots();
        input.table = table_;
        input.segment = tail_->segments().front();
        input.edition = core_.publisher().next_edition();
        input.epoch = epoch_;
        DL_TRY_ASSIGN(auto file, run_flush_job(input));
        files_.push_back(std::move(file));
        tail_.reset();
        bytes_ = 0;
        return {};
    }

    const PartitionCore& core_;
    const std::shared_ptr<const TableMeta> table_;
    const Offset flushed_end_;
    std::optional<Tail> tail_;
    std::uint64_t bytes_ = 0;
    LeaderEpoch epoch_{1};
    std::vector<std::shared_ptr<const SnapshotFile>> files_;
    std::vector<BatchIdEntry> ids_;
};

// As far as a flush needs it: the files, no tail, and a publisher.
Result<void> open_files(PartitionCore& core, const LoadedSnapshots& loaded) {
    auto hold = core.exclusion.for_commit();
    DL_TRY(open_batch_ids(core, hold, loaded.manifest));
    const auto end = loaded.manifest.flushed_end;
    hold->tail = Tail(end);
    hold->progress.start(end, end);
    auto state = std::make_shared<PartitionState>();
    state->end_offset = end;
    state->files = loaded.files;
    state->tail = std::make_shared<const TailSnapshot>();
    core.publish(hold, std::move(state));
    auto manifest = loaded.manifest;
    manifest.batch_ids_in_log = false;  // they are taken over before anything is committed
    core.set_publisher(std::make_unique<SnapshotPublisher>(*core.context.files, core.directory,
                                                           std::move(manifest), *loaded.files));
    return {};
}

// Batches of the log that is set aside are remembered from now on for as long as any (INV-11).
Result<void> remember(PartitionCore& core, const Manifest& manifest,
                      const std::vector<BatchIdEntry>& salvaged) {
    if (manifest.batch_ids_in_log) DL_TRY(take_over_batch_ids(core, manifest, salvaged));
    auto hold = core.exclusion.for_commit();
    for (const auto& entry : salvaged)
        if (entry.first >= manifest.flushed_end) hold->batch_ids.add(entry);
    return {};
}

Result<void> commit(PartitionCore& core, const Manifest& before, const SalvagedFiles& salvaged,
                    const Salvage& found) {
    DL_TRY(remember(core, before, salvaged.batch_ids()));
    std::vector<std::shared_ptr<const SnapshotFile>> files;
    for (const auto& entry : core.state()->files->entries())
        files.push_back(entry.file);
    files.insert(files.end(), salvaged.files().begin(), salvaged.files().end());
    DL_TRY_ASSIGN(auto vectors, derive_vectors(files));
    SnapshotPublisher::Change change;
    change.operation = "accept";
    for (std::size_t i = 0; i < files.size(); ++i)
        change.files.push_back({files[i], std::move(vectors[i])});
    change.flushed_end = change.log_start = change.salvaged_end = found.end;
    change.compacted_end = before.compacted_end;
    for (const auto& lost : found.lost)
        change.lost.push_back({lost.from, lost.end, lost.end_is_known});
    const auto committing = core.begin_commit();
    DL_TRY_ASSIGN(const auto spilled, write_batch_ids(core, found.end));
    change.batch_ids = spilled.editions();
    return committing->commit(change);
}

}  // namespace

Result<std::vector<LostRange>> find_lost_records(const PartitionCore& core) {
    DL_TRY_ASSIGN(const auto manifest, load_whole_manifest(core));
    DL_TRY_ASSIGN(auto found, salvage(core, manifest, {}));
    if (found.lost.empty()) return nothing_lost(core);
    return std::move(found.lost);
}

Result<std::vector<LostRange>> accept_lost_records(PartitionCore& core) {
    auto& files = *core.context.files;
    {
        DL_TRY_ASSIGN(const auto manifest, load_whole_manifest(core));
        DL_TRY(set_accepted_log_aside(core, manifest));  // of an acceptance before this one
    }
    DL_TRY_ASSIGN(auto loaded,
                  load_snapshots(files, *core.context.file_database, core.directory, *core.table(), core.id));
    if (!loaded.damaged.empty())
        return loaded.damaged.begin()->second.in("the log of " + core.label() +
                                                 " is needed as it is to write this file anew");
    DL_TRY(remove_uncommitted(files, core.directory, loaded.manifest));
    DL_TRY(open_files(core, loaded));
    SalvagedFiles salvaged(core, loaded.manifest.flushed_end);
    DL_TRY_ASSIGN(auto found, salvage(core, loaded.manifest,
                                      [&](const StoredBatch& batch) { return salvaged.add(batch); }));
    if (found.lost.empty()) return nothing_lost(core);
    DL_TRY(salvaged.finish());
    DL_TRY(commit(core, loaded.manifest, salvaged, found));
    spdlog::warn(
        "partition: {} goes on without {}, as it was told to; records go on at offset {}, the old log "
        "is kept in {}/log.lost-{}",
        core.label(), describe(found.lost), found.end, core.directory, found.end);
    return std::move(found.lost);
}

Result<void> set_accepted_log_aside(const PartitionCore& core, const Manifest& manifest) {
    const auto begin = manifest.salvaged_end;
    if (begin == 0 || manifest.flushed_end != begin) return {};
    auto& files = *core.context.files;
    const auto identity = identity_of(core);
    DL_TRY_ASSIGN(const auto firsts, log_files(core));
    if (!firsts.empty() && *firsts.begin() >= begin) return {};  // the new one
    DL_TRY_ASSIGN(const auto seal, read_seal(files, identity));
    if (firsts.empty() && seal && seal->first_offset >= begin) return {};  // that was lost too
    if (!firsts.empty()) {
        DL_FAILPOINT("accept.before-log-rename");
        DL_TRY(files.rename(identity.directory, core.directory + "/log.lost-" + std::to_string(begin)));
        DL_TRY(files.sync_directory(core.directory));
        DL_FAILPOINT("accept.after-log-rename");
    }
    const auto removed = files.remove(seal_path(identity.directory));
    if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed.error();
    return files.sync_directory(core.directory);
}

Error with_lost_records(const PartitionCore& core, const Manifest& manifest, Error error) {
    if (error.code != ErrorCode::corrupt_data) return error;
    const auto found = salvage(core, manifest, {});
    if (found.has_error() || found->lost.empty()) return error;
    const auto later = later_column_file(core, manifest);
    if (later.has_value() && !later->empty()) {
        error.message += shortened(core, *later);
        return error;
    }
    error.message += "; lost are " + describe(found->lost) +
                     ", which had been acknowledged: restore the partition's directory from a copy, or go on "
                     "without them with: accept loss of table " +
                     core.table()->name + " partition " + std::to_string(core.id.value);
    return error;
}

}  // namespace dl::slave
