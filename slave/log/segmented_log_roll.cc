#include "slave/log/segmented_log.h"

// Closing the active segment and going on in the next one.
#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kRollPutOffBytes = 1u << 20;
constexpr auto kComponent = "slave.log";

Error injected(std::string_view point) {
    return make_error(ErrorCode::io_error, "failpoint " + std::string(point));
}

}  // namespace

Result<void> SegmentedLog::roll() {
    if (failure_ || stopped_) return out_of_service();
    if (active_->index.bytes == 0) return {};
    return change_segment();
}

Result<void> SegmentedLog::try_change_segment(std::uint64_t next_bytes) {
    auto changed = change_segment();
    if (changed.has_error() && !failure_) {
        // Out of descriptors or space: neither concerns the bytes of the old segment, which takes more.
        roll_at_bytes_ =
            active_->index.bytes + std::max({options_.segment_bytes / 8, kRollPutOffBytes, next_bytes});
        log_warn(kComponent, "a log file grows beyond its size because the next one cannot be made",
                 {{"file", active_->path}, {"error", changed.error()}});
        return {};
    }
    return changed;
}

Result<std::unique_ptr<PooledWriter>> SegmentedLog::create_segment(const LogSegment& segment) {
    if (DL_FAILPOINT_ERROR("roll.before-create")) return injected("roll.before-create");
    DL_TRY_ASSIGN(auto file, files_.open_append(segment.path, true));
    if (DL_FAILPOINT_ERROR("roll.after-create")) return injected("roll.after-create");
    return std::make_unique<PooledWriter>(files_, segment.path, std::move(file));
}

// The old segment is on the disk before the new one has a name, so only the last segment can have a torn end.
Result<void> SegmentedLog::change_segment() {
    DL_TRY(sync_active());
    const auto old = active_;
    auto next = std::make_shared<LogSegment>();
    next->path = segment_path(identity_.directory, old->index.end_offset, ".log");
    next->index.table = identity_.table;
    next->index.partition = identity_.partition;
    next->index.first_offset = next->index.end_offset = old->index.end_offset;
    auto file = create_segment(*next);
    if (file.has_error()) {
        // The old segment may go on only when no power cut can bring the new one back into its middle.
        auto gone = files_.remove(next->path);
        if (gone.has_value()) gone = files_.sync_directory(identity_.directory);
        if (gone.has_error() && gone.error().code != ErrorCode::not_found)
            return fail(std::move(gone).error(), true);
        return file.error();
    }
    if (DL_FAILPOINT_ERROR("roll.before-dir-fsync")) return fail(injected("roll.before-dir-fsync"), true);
    if (auto named = files_.sync_directory(identity_.directory); named.has_error())
        return fail(std::move(named).error(), true);
    // It can be made anew from the segment, so that nothing depends on it.
    const auto index_path = segment_path(identity_.directory, old->index.first_offset, ".idx");
    if (const auto indexed = files_.replace_atomically(index_path, old->index.encode()); indexed.has_error())
        log_warn(kComponent, "the index of a log file was not written, the next start makes it anew",
                 {{"file", index_path}, {"error", indexed.error()}});
    DL_CHECK(old->index.end_offset == synced_end_ && old->index.bytes == synced_bytes_,
             "INV-1 a segment is closed when all of it is synced");
    if (DL_FAILPOINT_ERROR("roll.after-seal")) return fail(injected("roll.after-seal"), true);
    active_file_ = std::move(*file);
    active_ = next;
    synced_bytes_ = 0;
    roll_at_bytes_ = options_.segment_bytes;
    const std::lock_guard guard(mutex_);
    old->closed = true;
    old->index.batch_ids = {};
    old->index.entries.shrink_to_fit();
    segments_.push_back(std::move(next));
    recent_.clear();
    return {};
}

}  // namespace dl::slave
