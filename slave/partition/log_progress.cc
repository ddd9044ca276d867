#include "slave/partition/log_progress.h"

#include "common/base/check.h"

namespace dl::slave {

void LogProgress::start(Offset log_end, Offset visible) {
    DL_CHECK(visible >= 0 && visible <= log_end, "INV-9 the files hold nothing the log has not had");
    log_end_.store(log_end, std::memory_order_release);
    synced_end_.store(log_end, std::memory_order_release);
    high_watermark_.store(visible, std::memory_order_release);
    visible_end_.store(visible, std::memory_order_release);
}

void LogProgress::appended(Offset end) {
    DL_CHECK(end >= log_end(), "INV-2 the log end moves back by a truncation only");
    log_end_.store(end, std::memory_order_release);
}

void LogProgress::synced(Offset end) {
    DL_CHECK(end >= synced_end() && end <= log_end(), "INV-1 what is synced was appended");
    synced_end_.store(end, std::memory_order_release);
}

bool LogProgress::advance_high_watermark(Offset end) {
    if (end <= high_watermark()) return false;
    DL_CHECK(end <= synced_end(), "INV-1 what is committed is synced here");
    high_watermark_.store(end, std::memory_order_release);
    return true;
}

void LogProgress::applied(Offset end) {
    DL_CHECK(end >= visible_end(), "INV-9 the visible end never moves back");
    DL_CHECK(end <= high_watermark(), "INV-9 only what is committed is visible");
    visible_end_.store(end, std::memory_order_release);
}

void LogProgress::truncated(Offset end) {
    DL_CHECK(end <= log_end(), "INV-2 a truncation makes the log shorter");
    DL_CHECK(end >= high_watermark(), "INV-9 what is committed is never cut");
    synced_end_.store(end, std::memory_order_release);
    log_end_.store(end, std::memory_order_release);
}

}  // namespace dl::slave
