#include "common/base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <mutex>

namespace dl {
namespace {

std::atomic<LogLevel> g_level{LogLevel::info};
std::atomic<void (*)(std::string_view)> g_sink{nullptr};

// Never destroyed: lines may come from other threads during exit.
spdlog::logger& logger() {
    static auto* instance = [] {
        auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
        auto* created = new spdlog::logger("datalake", std::move(sink));
        created->set_pattern("%v");
        created->set_level(spdlog::level::trace);
        created->flush_on(spdlog::level::trace);
        return created;
    }();
    return *instance;
}

std::string_view level_text(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "DEBUG";
        case LogLevel::info:
            return "INFO ";
        case LogLevel::warn:
            return "WARN ";
        default:
            return "ERROR";
    }
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (const char c : text)
        if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    return false;
}

void append_quoted(std::string& line, std::string_view text) {
    line += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            line += '\\';
            line += c;
        } else if (c == '\n') {
            line += "\\n";
        } else if (byte < 0x20 || byte == 0x7f) {
            constexpr char digits[] = "0123456789abcdef";
            line += "\\x";
            line += digits[byte >> 4];
            line += digits[byte & 15];
        } else {
            line += c;
        }
    }
    line += '"';
}

void append_time(std::string& line) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[40];
    const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    line.append(text, length);
    const auto fraction = static_cast<int>(ms % 1000);
    line += '.';
    line += static_cast<char>('0' + fraction / 100);
    line += static_cast<char>('0' + fraction / 10 % 10);
    line += static_cast<char>('0' + fraction % 10);
    line += 'Z';
}

template <class T>
void append_number(std::string& line, T value) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    line.append(text, end);
}

class ForwardingSink final : public spdlog::sinks::base_sink<std::mutex> {
  public:
    explicit ForwardingSink(std::string component) : component_(std::move(component)) {}

  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const auto level = message.level >= spdlog::level::err    ? LogLevel::error
                           : message.level == spdlog::level::warn ? LogLevel::warn
                           : message.level == spdlog::level::info ? LogLevel::info
                                                                  : LogLevel::debug;
        log_line(level, component_, std::string_view(message.payload.data(), message.payload.size()));
    }
    void flush_() override {}

  private:
    const std::string component_;
};

}  // namespace

void adopt_spdlog(std::string_view component) {
    auto sink = std::make_shared<ForwardingSink>(std::string(component));
    auto adopted = std::make_shared<spdlog::logger>("default", std::move(sink));
    adopted->set_level(spdlog::level::trace);
    spdlog::set_default_logger(std::move(adopted));
}

Result<LogLevel> parse_log_level(std::string_view name) {
    if (name == "debug") return LogLevel::debug;
    if (name == "info") return LogLevel::info;
    if (name == "warn") return LogLevel::warn;
    if (name == "error") return LogLevel::error;
    if (name == "off") return LogLevel::off;
    return make_error(ErrorCode::invalid_value,
                      "log level '" + std::string(name) + "' is not one of debug, info, warn, error, off");
}

void set_log_level(LogLevel level) {
    g_level = level;
}
bool log_enabled(LogLevel level) {
    return level >= g_level.load(std::memory_order_relaxed);
}
void set_log_sink(void (*sink)(std::string_view line)) {
    g_sink = sink;
}

void LogField::append_to(std::string& line) const {
    line += key_;
    line += '=';
    switch (kind_) {
        case Kind::text:
            if (needs_quotes(text_))
                append_quoted(line, text_);
            else
                line += text_;
            break;
        case Kind::integer:
            append_number(line, integer_);
            break;
        case Kind::natural:
            append_number(line, natural_);
            break;
        case Kind::real:
            append_number(line, real_);
            break;
    }
}

void log_line(LogLevel level, std::string_view component, std::string_view message, LogFields fields) {
    if (!log_enabled(level) || level == LogLevel::off) return;
    std::string line;
    line.reserve(160);
    append_time(line);
    line += ' ';
    line += level_text(level);
    line += ' ';
    line += component;
    line += " msg=";
    append_quoted(line, message);
    for (const auto& field : fields) {
        line += ' ';
        field.append_to(line);
    }
    if (auto* sink = g_sink.load()) {
        line += '\n';
        sink(line);
        return;
    }
    logger().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

bool LogLimiter::admit(std::uint64_t& suppressed) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return admit_at(std::chrono::duration_cast<std::chrono::seconds>(now).count(), suppressed);
}

bool LogLimiter::admit_at(std::int64_t second, std::uint64_t& suppressed) {
    auto seen = second_.load();
    if (seen != second && second_.compare_exchange_strong(seen, second)) passed_ = 0;
    if (passed_.fetch_add(1) >= per_second_) {
        suppressed_.fetch_add(1);
        return false;
    }
    suppressed = suppressed_.exchange(0);
    return true;
}

}  // namespace dl
