#include "data-lake-client/cli/tail_since.h"

#include <charconv>
#include <string_view>

#include "common/types/value_scan.h"
#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

// Of 's', 'm', 'h' and 'd'; 0: it is none of them.
std::int64_t seconds_of(char unit) {
    switch (unit) {
        case 's':
            return 1;
        case 'm':
            return 60;
        case 'h':
            return 3600;
        case 'd':
            return 86'400;
        default:
            return 0;
    }
}

constexpr std::int64_t kSecondsBackMax = 100LL * 366 * 86'400;

// False when it is no duration.
bool scan_duration(std::string_view text, std::int64_t& seconds) {
    if (text.size() < 2) return false;
    const auto unit = seconds_of(text.back());
    const char* end = text.data() + text.size() - 1;
    std::int64_t count = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    if (unit == 0 || error != std::errc() || stop != end || count < 0 || count > kSecondsBackMax / unit)
        return false;
    seconds = count * unit;
    return true;
}

}  // namespace

Result<std::string> tail_since(std::string_view text, std::int64_t now_us) {
    std::int64_t time_us = 0;
    if (std::int64_t seconds = 0; scan_duration(text, seconds)) {
        time_us = now_us - seconds * 1'000'000;
    } else if (!dl::scan_timestamp(text, time_us)) {
        return Error(ErrorCode::invalid_argument,
                     "\"" + std::string(text) +
                         "\" is no time to begin at; write 15m, 2h, 3d or a timestamp such as "
                         "'2024-01-31 12:00:00' (UTC unless it names a zone)");
    }
    std::string since;
    dl::append_timestamp(since, time_us);
    return since;
}

}  // namespace datalake::cli
