#include "slave/log/segmented_log.h"

// Cutting the end off.
#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/log/log_cut.h"
#include "slave/log/packed_segment.h"

namespace dl::slave {
namespace {

Error injected(std::string_view point) {
    return make_error(ErrorCode::io_error, "failpoint " + std::string(point));
}

}  // namespace

Result<Offset> SegmentedLog::truncate_from(Offset offset, LeaderEpoch epoch) {
    if (failure_ || stopped_) return out_of_service();
    const auto known = epoch_end(epoch);
    const Offset wanted = std::min(offset, known ? known->end_offset : first_offset());
    if (wanted < first_offset())
        return make_error(ErrorCode::invalid_request,
                          "log \"" + identity_.directory + "\" begins at offset " +
                              std::to_string(first_offset()) + " and cannot be cut at offset " +
                              std::to_string(wanted));
    if (wanted >= end_offset()) return end_offset();
    std::shared_ptr<LogSegment> last;  // the one that is cut
    {
        const std::lock_guard guard(mutex_);
        for (const auto& segment : segments_)
            if (segment->index.first_offset <= wanted) last = segment;
    }
    const std::lock_guard cutting(files_mutex_);
    DL_TRY_ASSIGN(auto file,
                  open_segment_file(files_, last->path,
                                    {identity_.table, identity_.partition, last->index.first_offset}));
    DL_TRY_ASSIGN(auto kept, plan_log_cut(file.file, identity_, *last, wanted, epoch));
    if (file.packed) {
        // It takes what is appended next.
        DL_TRY(unpack_segment_file(files_, last->path, *file.file));
        const std::lock_guard guard(mutex_);
        last->reader.reset();
        last->packed = false;
    }
    DL_CHECK(kept.end_offset <= wanted, "INV-2 a cut takes all that was to go");
    DL_TRY(lower_seal(kept.end_offset));
    if (DL_FAILPOINT_ERROR("truncate.before")) return injected("truncate.before");
    end_offset_.store(kept.end_offset, std::memory_order_release);
    auto cut = cut_files(last, kept.bytes);
    if (!cut.has_error() && DL_FAILPOINT_ERROR("truncate.between-truncate-and-epoch-cache"))
        cut = injected("truncate.between-truncate-and-epoch-cache");
    const std::lock_guard guard(mutex_);
    last->closed = false;
    last->index = std::move(kept);
    active_ = last;
    recent_.clear();
    synced_end_ = last->index.end_offset;
    synced_bytes_ = last->index.bytes;
    roll_at_bytes_ = options_.segment_bytes;
    epochs_.truncate(synced_end_);
    if (cut.has_error()) {
        // What is left on the disk is for the next open to find.
        failure_ = cut.error();
        failed_.store(true, std::memory_order_release);
        return cut.error();
    }
    DL_CHECK(segments_.back() == last && end_offset() == synced_end_, "INV-2 the log ends where it was cut");
    if (DL_FAILPOINT_ERROR("truncate.after")) return injected("truncate.after");
    return synced_end_;
}

// Newest file first, so that a crash leaves no gap; an index goes before the bytes it vouches for, and before
// the segments behind it, which it vouches for as well.
Result<void> SegmentedLog::cut_files(const std::shared_ptr<LogSegment>& last, std::uint64_t bytes) {
    const auto remove = [&](const std::string& path) -> Result<void> {
        auto removed = files_.remove(path);
        if (removed.has_error() && removed.error().code == ErrorCode::not_found) return {};
        return removed;
    };
    const bool reopen = active_ != last;
    if (reopen) active_file_.reset();
    std::vector<Offset> indexed;
    {
        const std::lock_guard guard(mutex_);
        for (const auto& segment : segments_)
            if (segment->index.first_offset >= last->index.first_offset)
                indexed.push_back(segment->index.first_offset);
    }
    for (const auto first : indexed)
        DL_TRY(remove(segment_path(identity_.directory, first, ".idx")));
    DL_TRY(files_.sync_directory(identity_.directory));
    for (;;) {
        std::shared_ptr<LogSegment> newest;
        {
            const std::lock_guard guard(mutex_);
            newest = segments_.back();
            if (newest == last) break;
            segments_.pop_back();
        }
        DL_TRY(remove(newest->path));
        DL_TRY(files_.sync_directory(identity_.directory));
    }
    if (reopen) {
        DL_TRY_ASSIGN(auto file, files_.open_append(last->path, false));
        active_file_ = std::make_unique<PooledWriter>(files_, last->path, std::move(file));
    }
    DL_TRY(active_file_->truncate(bytes));
    return active_file_->sync();
}

}  // namespace dl::slave
