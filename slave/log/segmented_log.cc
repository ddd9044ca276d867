#include "slave/log/segmented_log.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"

namespace dl::slave {

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(
    FileSystem& files, std::string directory, TableId table, PartitionId partition, const LogOptions& options,
    Offset replay_from, Offset start_if_empty, const std::function<Result<void>(const StoredBatch&)>& replay,
    Recovered* recovered) {
    LogIdentity identity{std::move(directory), table, partition};
    LogRecovery recovery(files, identity, options, replay_from, start_if_empty, replay);
    DL_TRY_ASSIGN(auto outcome, recovery.run());
    if (recovered != nullptr) *recovered = std::move(outcome.summary);
    return std::unique_ptr<PartitionLog>(
        new SegmentedLog(files, std::move(identity), options, std::move(outcome)));
}

SegmentedLog::SegmentedLog(FileSystem& files, LogIdentity identity, const LogOptions& options,
                           LogRecovery::Outcome recovered)
    : files_(files),
      identity_(std::move(identity)),
      options_(options),
      active_(recovered.segments.back()),
      active_file_(std::move(recovered.active_file)),
      roll_at_bytes_(options.segment_bytes),
      sealed_(recovered.seal),
      segments_(std::move(recovered.segments)),
      epochs_(std::move(recovered.epochs)) {
    const auto& active = active_->index;
    DL_CHECK(!active_->closed && active_file_ != nullptr, "the last segment takes what is appended");
    synced_end_ = active.end_offset;
    synced_bytes_ = active.bytes;
    end_offset_ = active.end_offset;
}

// --- retention ---

Result<std::unique_ptr<RetentionHold>> SegmentedLog::retain_from(Offset from) {
    const std::lock_guard guard(mutex_);
    const Offset first = segments_.front()->index.first_offset;
    if (from < first)
        return make_error(ErrorCode::not_found, "log \"" + identity_.directory + "\" begins at offset " +
                                                    std::to_string(first) + ", records from offset " +
                                                    std::to_string(from) + " on are not all there");
    return floors_->hold(from);
}

Offset SegmentedLog::retention_floor() const {
    return floors_->lowest();
}

Result<void> SegmentedLog::remove_before(Offset offset) {
    const std::lock_guard removing(files_mutex_);
    std::vector<std::shared_ptr<LogSegment>> gone;
    {
        const std::lock_guard guard(mutex_);
        const Offset floor = std::min(offset, floors_->lowest());
        auto end = segments_.begin();
        while ((*end)->closed && (*end)->index.end_offset <= floor)
            ++end;
        gone.assign(segments_.begin(), end);
        segments_.erase(segments_.begin(), end);
        DL_CHECK(!segments_.empty(), "the active segment stays");
        epochs_.remove_before(segments_.front()->index.first_offset);
    }
    if (gone.empty()) return {};
    for (const auto& segment : gone) {
        DL_TRY(files_.remove(segment->path));
        const auto index =
            files_.remove(segment_path(identity_.directory, segment->index.first_offset, ".idx"));
        if (index.has_error() && index.error().code != ErrorCode::not_found) return index.error();
    }
    return files_.sync_directory(identity_.directory);
}

}  // namespace dl::slave
