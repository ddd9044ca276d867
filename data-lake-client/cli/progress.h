// A bar with rate and remaining time on a terminal; nothing elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace datalake::cli {

std::string format_count(std::uint64_t count);  // 3 000 000
std::string format_rate(double per_second);     // 1.24 M
std::string format_seconds(double seconds);     // 4.2 s, 1:05, 2:03:00

// The line without \r: "[#####     ] 52 %  1 560 000 rows  1.24 M rows/s  ETA 1.2 s". `fraction` negative:
// not known.
// `what` stands in front, when there is something to say.
std::string progress_line(std::string_view what, double fraction, std::uint64_t rows, double seconds,
                          std::size_t terminal_columns);

class Progress {
  public:
    // `enabled`: stderr is a terminal.
    explicit Progress(bool enabled) : enabled_(enabled), start_(std::chrono::steady_clock::now()) {}
    ~Progress() { clear(); }
    // Draws at most ten times a second.
    // Another `what` begins anew.
    void update(std::string_view what, double fraction, std::uint64_t rows);
    void update(double fraction, std::uint64_t rows) { update("", fraction, rows); }
    void clear();
    double seconds() const;

  private:
    const bool enabled_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_;
    std::string what_;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace datalake::cli
