#include "slave/log/segmented_log.h"

// The seal: what the log is known to hold.
#include <algorithm>

#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.log";

}  // namespace

Result<void> SegmentedLog::seal(Seal kind) {
    if (failure_ || stopped_) return out_of_service();
    if (end_offset() == 0 && !sealed_ && !doubted_) return {};  // nothing to lose
    // Also where acknowledging does not wait for it.
    DL_TRY(sync_active());
    const bool same = sealed_ && !doubted_ && sealed_->first_offset == first_offset() &&
                      sealed_->end_offset == synced_end_ && (sealed_->closed || kind == Seal::goes_on);
    if (same) return {};
    return put_seal({first_offset(), synced_end_, kind == Seal::closing});
}

Result<void> SegmentedLog::put_seal(const LogSeal& seal) {
    auto written = write_seal(files_, identity_, seal);
    if (written.has_error()) {
        // It may have come as far as its name: either of the two is there, or comes back after a power cut.
        const bool doubted_closed = doubted_ && doubted_->closed;
        doubted_ = doubted_ && doubted_->end_offset > seal.end_offset ? *doubted_ : seal;
        doubted_->closed = doubted_closed || seal.closed;
        return written;
    }
    sealed_ = seal;
    doubted_.reset();
    return {};
}

Result<void> SegmentedLog::lower_seal(Offset end) {
    const auto vouches = [end](const std::optional<LogSeal>& seal) { return seal && seal->end_offset > end; };
    if (!vouches(sealed_) && !vouches(doubted_)) return {};
    return put_seal({std::min(first_offset(), end), end, false});
}

Result<void> SegmentedLog::open_seal() {
    const auto closed = [](const std::optional<LogSeal>& seal) { return seal && seal->closed; };
    if (!sealed_ && !doubted_) {
        // From here on there is something to lose. Without one the log is as good, and less is proven.
        if (auto begun = put_seal({first_offset(), synced_end_, false}); begun.has_error())
            log_warn(kComponent, "the first seal of a log was not written",
                     {{"log", identity_.directory}, {"error", begun.error()}});
        return {};
    }
    if (!closed(sealed_) && !closed(doubted_)) return {};
    return put_seal({first_offset(), synced_end_, false});
}

}  // namespace dl::slave
