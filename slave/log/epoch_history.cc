#include "slave/log/epoch_history.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {

void EpochHistory::add(LeaderEpoch epoch, Offset base_offset) {
    if (!starts_.empty() && starts_.back().epoch == epoch) return;
    // One whose batches were all removed.
    if (!starts_.empty() && starts_.back().epoch < epoch && starts_.back().first_offset == base_offset)
        starts_.pop_back();
    DL_CHECK(starts_.empty() || (starts_.back().epoch < epoch && starts_.back().first_offset < base_offset),
             "INV-2 epochs never fall");
    starts_.push_back({epoch, base_offset});
}

void EpochHistory::truncate(Offset end) {
    while (!starts_.empty() && starts_.back().first_offset >= end)
        starts_.pop_back();
}

void EpochHistory::remove_before(Offset first) {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), first,
                                         [](Offset o, const EpochStart& s) { return o < s.first_offset; });
    if (behind == starts_.begin()) return;
    // The one that `first` lies in stays.
    starts_.erase(starts_.begin(), behind - 1);
    starts_.front().first_offset = first;
    DL_CHECK(starts_.size() == 1 || starts_[1].first_offset > first, "INV-2 epochs ascend with the offsets");
}

std::optional<EpochEnd> EpochHistory::end_of(LeaderEpoch epoch, Offset log_end) const {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), epoch,
                                         [](LeaderEpoch e, const EpochStart& s) { return e < s.epoch; });
    if (behind == starts_.begin()) return std::nullopt;
    DL_CHECK((behind - 1)->epoch <= epoch && (behind - 1)->first_offset <= log_end,
             "INV-8 an epoch of the log begins within it");
    return EpochEnd{(behind - 1)->epoch, behind == starts_.end() ? log_end : behind->first_offset};
}

}  // namespace dl::slave
