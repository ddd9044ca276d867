#include "data-lake-client/cli/load/json_reader.h"

#include <algorithm>
#include <cstring>

namespace datalake::cli {
namespace {

constexpr std::size_t kReadBytes = 128u << 10;

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}

Error broken(std::uint64_t line, std::string_view why) {
    return Error(ErrorCode::invalid_argument, "line " + std::to_string(line) + ": " + std::string(why));
}

}  // namespace

Result<void> JsonReader::refill() {
    const auto kept = static_cast<std::size_t>(end_ - at_);
    if (kept >= kValueBytesMax)
        return broken(line_, "a value of more than " + std::to_string(kValueBytesMax >> 20) + " MiB");
    const auto want = kept + std::max(kReadBytes, kept);
    if (buffer_.size() < want) {
        std::vector<char> larger(want);
        if (kept != 0) std::memcpy(larger.data(), at_, kept);
        buffer_ = std::move(larger);
    } else if (kept != 0) {
        std::memmove(buffer_.data(), at_, kept);
    }
    at_ = buffer_.data();
    end_ = at_ + kept;
    // At least doubled, so that a long value is not looked at from its start too often.
    const auto least = kept + std::max<std::size_t>(kept, 1);
    auto size = kept;
    while (size < least && !ended_) {
        auto got = bytes_->read(buffer_.data() + size, want - size);
        if (!got.ok()) return got.error();
        ended_ = *got == 0;
        size += *got;
    }
    end_ = at_ + size;
    return {};
}

Result<bool> JsonReader::skip_blanks() {
    for (;;) {
        for (; at_ < end_; ++at_) {
            if (*at_ == '\n') ++line_;
            if (!is_blank(*at_) && !(form_ == Form::array && *at_ == ',')) return true;
        }
        if (ended_) return false;
        if (auto filled = refill(); !filled.ok()) return filled.error();
    }
}

Result<bool> JsonReader::find_form() {
    auto more = skip_blanks();
    if (!more.ok() || !*more) return more;
    if (*at_ == '[') {
        ++at_;
        form_ = Form::array;
        return true;
    }
    const char* stop = nullptr;
    for (;;) {
        stop = static_cast<const char*>(std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_)));
        if (stop != nullptr || ended_) break;
        if (auto filled = refill(); !filled.ok()) return filled.error();
    }
    if (stop == nullptr) stop = end_;
    // A line that begins and ends like an object is one, good or bad, unless several stand on it; an object
    // over several lines does not end where its first line does.
    const auto first = trimmed({at_, static_cast<std::size_t>(stop - at_)});
    const char* const value_stop = value_end();
    const bool several =
        value_stop != nullptr && value_stop < first.data() + first.size() &&
        trimmed({value_stop, static_cast<std::size_t>(first.data() + first.size() - value_stop)})
            .starts_with('{');
    const bool one_line = !first.starts_with('{') || (first.ends_with('}') && !several);
    form_ = one_line ? Form::lines : Form::values;
    return true;
}

Result<bool> JsonReader::next_line(std::string_view& value, std::uint64_t& line) {
    for (;;) {
        const auto* stop =
            static_cast<const char*>(std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_)));
        if (stop == nullptr && !ended_) {
            if (auto filled = refill(); !filled.ok()) return filled.error();
            continue;
        }
        if (stop == nullptr) stop = end_;
        if (at_ == end_) return false;
        value = trimmed({at_, static_cast<std::size_t>(stop - at_)});
        line = line_;
        ++line_;
        at_ = stop == end_ ? end_ : stop + 1;
        if (!value.empty()) return true;
    }
}

const char* JsonReader::value_end() const {
    std::size_t depth = 0;
    const char* at = at_;
    while (at < end_) {
        const char c = *at;
        if (c == '"') {
            for (++at; at < end_ && *at != '"'; ++at)
                if (*at == '\\') ++at;
            if (at >= end_) return nullptr;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return at;  // of the array around it
            --depth;
        } else if (depth == 0 && (c == ',' || is_blank(c))) {
            return at;
        }
        ++at;
        if (depth == 0 && (c == '}' || c == ']' || c == '"')) return at;
    }
    return nullptr;
}

Result<bool> JsonReader::next_value(std::string_view& value, std::uint64_t& line) {
    auto more = skip_blanks();
    if (!more.ok()) return more;
    if (closed_) {
        if (*more) return broken(line_, "text behind the end of the array");
        return false;
    }
    if (!*more) {
        if (form_ == Form::array) return broken(line_, "the file ends before the end of its array");
        return false;
    }
    if (form_ == Form::array && *at_ == ']') {
        ++at_;
        closed_ = true;
        return next_value(value, line);
    }
    const char* stop = value_end();
    while (stop == nullptr) {
        if (ended_)
            return broken(line_, form_ == Form::array ? "the file ends within the value that begins here"
                                                      : "the value that begins here has no end");
        if (auto filled = refill(); !filled.ok()) return filled.error();
        stop = value_end();
    }
    if (stop == at_) ++stop;  // a bracket too much: a bad value of its own
    value = {at_, static_cast<std::size_t>(stop - at_)};
    line = line_;
    line_ += static_cast<std::uint64_t>(std::count(at_, stop, '\n'));
    at_ = stop;
    return true;
}

Result<bool> JsonReader::next(std::string_view& value, std::uint64_t& line) {
    if (form_ == Form::unknown) {
        auto found = find_form();
        if (!found.ok() || !*found) return found;
    }
    return form_ == Form::lines ? next_line(value, line) : next_value(value, line);
}

}  // namespace datalake::cli
