// One-line structured logs on stderr, for people and for machines:
//   2026-01-01T00:00:00.000Z INFO  slave.partition msg="recovered" table=t partition=3 rows=10
// Values with blanks, quotes, '=' or control characters are quoted and escaped, so that no input can forge a
// line. Thread-safe; one write a line. Nothing is formatted when the level is off.
//
//   log_info("slave.partition", "recovered", {{"table", name}, {"rows", rows}});
//   DL_LOG_LIMITED(5, LogLevel::warn, "net.listener", "accept failed", {"error", text});   // at most 5 a
//   second here
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/base/error.h"

namespace dl {

enum class LogLevel : std::uint8_t { debug, info, warn, error, off };

// "debug", "info", "warn", "error", "off"; INVALID_VALUE lists them.
Result<LogLevel> parse_log_level(std::string_view name);
// Default: info.
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);

// A key and a value that lives at least until the log call returns.
class LogField {
  public:
    LogField(std::string_view key, std::string_view value) : key_(key), kind_(Kind::text), text_(value) {}
    LogField(std::string_view key, const char* value) : LogField(key, std::string_view(value)) {}
    LogField(std::string_view key, const std::string& value) : LogField(key, std::string_view(value)) {}
    LogField(std::string_view key, bool value) : LogField(key, value ? "true" : "false") {}
    LogField(std::string_view key, double value) : key_(key), kind_(Kind::real), real_(value) {}
    template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
    LogField(std::string_view key, T value) : key_(key) {
        if constexpr (std::is_signed_v<T>) {
            kind_ = Kind::integer;
            integer_ = value;
        } else {
            kind_ = Kind::natural;
            natural_ = value;
        }
    }
    LogField(std::string_view key, const Error& error)
        : key_(key), kind_(Kind::text), owned_(error.to_text()) {
        text_ = owned_;
    }
    LogField(const LogField&) = delete;  // text_ may point into itself
    LogField& operator=(const LogField&) = delete;

    void append_to(std::string& line) const;

  private:
    enum class Kind : std::uint8_t { text, integer, natural, real };
    std::string_view key_;
    Kind kind_ = Kind::text;
    std::string_view text_;
    std::int64_t integer_ = 0;
    std::uint64_t natural_ = 0;
    double real_ = 0;
    std::string owned_;
};

using LogFields = std::initializer_list<LogField>;

void log_line(LogLevel level, std::string_view component, std::string_view message, LogFields fields = {});
inline void log_debug(std::string_view component, std::string_view message, LogFields fields = {}) {
    log_line(LogLevel::debug, component, message, fields);
}
inline void log_info(std::string_view component, std::string_view message, LogFields fields = {}) {
    log_line(LogLevel::info, component, message, fields);
}
inline void log_warn(std::string_view component, std::string_view message, LogFields fields = {}) {
    log_line(LogLevel::warn, component, message, fields);
}
inline void log_error(std::string_view component, std::string_view message, LogFields fields = {}) {
    log_line(LogLevel::error, component, message, fields);
}

// At most `per_second` passes in each second; counts what it holds back. Thread-safe, lock-free.
class LogLimiter {
  public:
    explicit constexpr LogLimiter(std::uint32_t per_second) : per_second_(per_second) {}
    // True: log now; `suppressed` gets how many were held back since the last pass.
    bool admit(std::uint64_t& suppressed);
    bool admit_at(std::int64_t second, std::uint64_t& suppressed);  // the same at a given time, for tests

  private:
    std::uint32_t per_second_;
    std::atomic<std::int64_t> second_{-1};
    std::atomic<std::uint32_t> passed_{0};
    std::atomic<std::uint64_t> suppressed_{0};
};

// Lines of code that uses spdlog directly go the same way, as component `component`. Once, at start.
void adopt_spdlog(std::string_view component);

// Where the finished line (with its line break) goes instead of stderr; nullptr restores stderr. For tests.
void set_log_sink(void (*sink)(std::string_view line));

}  // namespace dl

// Fields as {"key", value} pairs behind the message; a field suppressed=N is added after held back lines.
#define DL_LOG_LIMITED(per_second, level, component, message, ...)                         \
    do {                                                                                   \
        static ::dl::LogLimiter dl_log_limiter(per_second);                                \
        std::uint64_t dl_log_suppressed = 0;                                               \
        if (::dl::log_enabled(level) && dl_log_limiter.admit(dl_log_suppressed))           \
            ::dl::log_line(level, component, message,                                      \
                           {__VA_ARGS__ __VA_OPT__(, ){"suppressed", dl_log_suppressed}}); \
    } while (false)
