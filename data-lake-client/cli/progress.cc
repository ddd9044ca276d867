#include "data-lake-client/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace datalake::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);

}  // namespace

std::string format_count(std::uint64_t count) {
    auto digits = std::to_string(count);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ' ');
    return digits;
}

std::string format_rate(double per_second) {
    if (per_second >= 1e6) return fmt::format("{:.2f} M", per_second / 1e6);
    if (per_second >= 1e4) return fmt::format("{:.0f} k", per_second / 1e3);
    return fmt::format("{:.0f}", per_second);
}

std::string format_seconds(double seconds) {
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::uint64_t>(seconds);
    if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_line(std::string_view what, double fraction, std::uint64_t rows, double seconds,
                          std::size_t terminal_columns) {
    const auto begin = what.empty() ? std::string() : std::string(what) + "  ";
    const double rate = seconds > 0 ? static_cast<double>(rows) / seconds : 0;
    auto text = fmt::format("{} rows  {} rows/s", format_count(rows), format_rate(rate));
    if (fraction < 0) return begin + text + "  " + format_seconds(seconds);
    fraction = std::clamp(fraction, 0.0, 1.0);
    text = fmt::format("{}{:3.0f} %  {}", begin, fraction * 100, text);
    if (fraction > 0.005) text += "  ETA " + format_seconds(seconds / fraction - seconds);
    const std::size_t width = terminal_columns > text.size() + 16
                                  ? std::min<std::size_t>(40, terminal_columns - text.size() - 4)
                                  : 0;
    if (width == 0) return text;
    const auto full = static_cast<std::size_t>(fraction * static_cast<double>(width));
    return "[" + std::string(full, '#') + std::string(width - full, ' ') + "] " + text;
}

double Progress::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::update(std::string_view what, double fraction, std::uint64_t rows) {
    if (!enabled_) return;
    const auto now = std::chrono::steady_clock::now();
    if (what != what_) {
        what_ = what;
        start_ = now;
    }
    if (drawn_ && now - last_ < kRedraw) return;
    last_ = now;
    drawn_ = true;
    winsize size{};
    const std::size_t columns =
        ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    const auto line = "\r\033[K" + progress_line(what, fraction, rows, seconds(), columns);
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
}

void Progress::clear() {
    if (!drawn_) return;
    std::fputs("\r\033[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
}

}  // namespace datalake::cli
