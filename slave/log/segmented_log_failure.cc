#include "slave/log/segmented_log.h"

// What becomes of a write that failed, and of the log after it.
#include "common/base/check.h"

namespace dl::slave {

bool SegmentedLog::take_back_run() {
    const auto bytes = active_->index.bytes;
    if (active_file_->truncate(bytes).has_error() || active_file_->sync().has_error()) return false;
    synced_end_ = active_->index.end_offset;
    synced_bytes_ = bytes;
    return true;
}

Error SegmentedLog::in_part(Error error, Offset begin) {
    // Some of the batches are in the log and nobody will hear of them: out with what can go.
    if (!failure_ && end_offset() != begin) error = fail(std::move(error), true);
    // Batches before a change of segment are on the disk by then: the whole may have been done in part.
    if (synced_end_ > begin && error_outcome(error.code) == Outcome::nothing_done)
        error.code = ErrorCode::io_error;
    return error;
}

Error SegmentedLog::fail(Error cause, bool disk_is_known) {
    DL_CHECK(synced_bytes_ <= active_->index.bytes && synced_end_ <= active_->index.end_offset,
             "INV-1 what is synced is not cut off");
    // What was written and will never be acknowledged must not come back: not after this error says "nothing
    // was done", and not from the page cache, where a failed sync leaves it looking well.
    bool clean = active_file_->truncate(synced_bytes_).has_value();
    clean_.store(clean, std::memory_order_release);
    if (!clean)
        cause.message += "; what was not synced could not be taken back: check the disk before restarting";
    if (clean && disk_is_known) clean = active_file_->sync().has_value();
    if (!clean || !disk_is_known) cause.code = ErrorCode::io_error;
    failure_ = cause;
    const std::lock_guard guard(mutex_);
    auto& index = active_->index;
    while (!recent_.empty() && recent_.back().offset >= synced_end_)
        recent_.pop_back();
    while (!index.entries.empty() && index.entries.back().offset >= synced_end_)
        index.entries.pop_back();
    index.end_offset = synced_end_;
    index.bytes = synced_bytes_;
    epochs_.truncate(synced_end_);
    end_offset_.store(synced_end_, std::memory_order_release);
    failed_.store(true, std::memory_order_release);
    return cause;
}

Error SegmentedLog::out_of_service() const {
    if (!failure_)
        return make_error(ErrorCode::unavailable,
                          "log \"" + identity_.directory +
                              "\" takes no writes any more because its partition was closed; "
                              "try again when the partition is served again");
    return make_error(ErrorCode::io_error, "log \"" + identity_.directory +
                                               "\" is out of service after an earlier failure (" +
                                               failure_->message + ")");
}

void SegmentedLog::stop_writing() {
    stopped_ = true;
    active_file_.reset();
}

}  // namespace dl::slave
