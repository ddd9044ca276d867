#include "slave/partition/disk_reserve.h"

#include <chrono>

#include "common/base/check.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kLookIntervalUs = 1'000'000;
constexpr std::uint64_t kLookIntervalBytes = 64u << 20;

std::int64_t steady_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

bool DiskReserve::fits(std::uint64_t taken) const {
    const auto free = free_bytes_.load();
    return free >= free_bytes_min_ && free - free_bytes_min_ >= taken;
}

Result<void> DiskReserve::take(std::uint64_t bytes) {
    under_way_bytes_.fetch_add(bytes);
    const auto taken = taken_bytes_.fetch_add(bytes) + bytes;
    const auto looked = looked_us_.load();
    if (looked != 0 && steady_us() - looked <= kLookIntervalUs && taken <= kLookIntervalBytes && fits(taken))
        return {};
    auto found = look();
    if (found.has_error()) written(bytes);
    return found;
}

void DiskReserve::written(std::uint64_t bytes) {
    const auto before = under_way_bytes_.fetch_sub(bytes);
    DL_CHECK(before >= bytes, "what is given back was taken");
}

Result<void> DiskReserve::look() {
    const std::lock_guard lock(looking_);
    DL_TRY_ASSIGN(const auto free, files_.free_bytes(directory_));
    const auto under_way = under_way_bytes_.load();
    free_bytes_ = free;
    taken_bytes_ = under_way;
    looked_us_ = steady_us();
    if (fits(under_way)) return {};
    return make_error(ErrorCode::disk_full, "the disk of " + directory_ + " has " + std::to_string(free) +
                                                " bytes free, writes need " +
                                                std::to_string(free_bytes_min_) +
                                                " and their own size; free space, writing then goes on by "
                                                "itself");
}

}  // namespace dl::slave
