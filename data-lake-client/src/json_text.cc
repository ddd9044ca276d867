#include "data-lake-client/src/json_text.h"

#include <charconv>
#include <cmath>

#include "common/base/utf8.h"
#include "common/json/json_writer.h"

namespace datalake {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::optional<std::uint32_t> hex4(std::string_view text, std::size_t at) {
    if (at + 4 > text.size()) return std::nullopt;
    std::uint32_t code = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, code, 16);
    if (error != std::errc() || end != text.data() + at + 4) return std::nullopt;
    return code;
}

// Position behind the value's closing quote, or npos. `at` is on the opening quote.
std::size_t skip_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

std::size_t skip_nested(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            if (at == std::string_view::npos) return at;
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && --depth == 0) return at + 1;
        ++at;
    }
    return std::string_view::npos;
}

}  // namespace

CellKind cell_kind(JsonKind kind) {
    switch (kind) {
        case JsonKind::null:
            return CellKind::null;
        case JsonKind::boolean:
            return CellKind::boolean;
        case JsonKind::number:
            return CellKind::number;
        case JsonKind::string:
            return CellKind::text;
        default:
            return CellKind::nested;
    }
}

std::string decode_json_string(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (std::size_t at = 0; at < raw.size(); ++at) {
        if (raw[at] != '\\' || at + 1 == raw.size()) {
            out += raw[at];
            continue;
        }
        const char c = raw[++at];
        switch (c) {
            case 'n':
                out += '\n';
                break;
            case 't':
                out += '\t';
                break;
            case 'r':
                out += '\r';
                break;
            case 'b':
                out += '\b';
                break;
            case 'f':
                out += '\f';
                break;
            case 'u': {
                auto code = hex4(raw, at + 1);
                if (!code) {
                    out += "\\u";
                    break;
                }
                at += 4;
                if (*code >= 0xd800 && *code < 0xdc00 && raw.substr(at + 1, 2) == "\\u") {
                    const auto low = hex4(raw, at + 3);
                    if (low && *low >= 0xdc00 && *low < 0xe000) {
                        code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
                        at += 6;
                    }
                }
                // A half pair has no UTF-8 form.
                dl::append_utf8(out, *code >= 0xd800 && *code < 0xe000 ? 0xfffd : *code);
                break;
            }
            default:
                out += c;
        }
    }
    return out;
}

std::string JsonSlice::text() const {
    if (kind != JsonKind::string) return std::string(raw);
    return decode_json_string(raw.substr(1, raw.size() - 2));
}

std::optional<std::int64_t> JsonSlice::integer() const {
    const auto digits = kind == JsonKind::string ? raw.substr(1, raw.size() - 2) : raw;
    if (kind != JsonKind::string && kind != JsonKind::number) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

void JsonReader::skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_]))
        ++at_;
}

bool JsonReader::fail() {
    failed_ = true;
    done_ = true;
    return false;
}

bool JsonReader::enter() {
    skip_blanks();
    if (at_ >= text_.size() || (text_[at_] != '{' && text_[at_] != '[')) return fail();
    object_ = text_[at_++] == '{';
    return true;
}

bool JsonReader::read_string(std::string_view& raw) {
    if (at_ >= text_.size() || text_[at_] != '"') return fail();
    const auto end = skip_string(text_, at_);
    if (end == std::string_view::npos) return fail();
    raw = text_.substr(at_ + 1, end - at_ - 2);
    at_ = end;
    return true;
}

bool JsonReader::read_value() {
    if (at_ >= text_.size()) return fail();
    const char c = text_[at_];
    std::size_t end = at_;
    if (c == '"') {
        value_.kind = JsonKind::string;
        end = skip_string(text_, at_);
    } else if (c == '{' || c == '[') {
        value_.kind = c == '{' ? JsonKind::object : JsonKind::array;
        end = skip_nested(text_, at_);
    } else {
        while (end < text_.size() && text_[end] != ',' && text_[end] != '}' && text_[end] != ']' &&
               !is_blank(text_[end]))
            ++end;
        const auto word = text_.substr(at_, end - at_);
        if (word == "null") {
            value_.kind = JsonKind::null;
        } else if (word == "true" || word == "false") {
            value_.kind = JsonKind::boolean;
        } else if (!word.empty() && (word[0] == '-' || (word[0] >= '0' && word[0] <= '9'))) {
            value_.kind = JsonKind::number;
        } else {
            return fail();
        }
    }
    if (end == std::string_view::npos) return fail();
    value_.raw = text_.substr(at_, end - at_);
    at_ = end;
    return true;
}

bool JsonReader::next() {
    if (done_) return false;
    skip_blanks();
    if (at_ >= text_.size()) return fail();
    const char closing = object_ ? '}' : ']';
    if (text_[at_] == closing) {
        ++at_;
        done_ = true;
        skip_blanks();
        return at_ == text_.size() ? false : fail();
    }
    if (!first_) {
        if (text_[at_] != ',') return fail();
        ++at_;
        skip_blanks();
    }
    first_ = false;
    if (object_) {
        if (!read_string(key_)) return false;
        skip_blanks();
        if (at_ >= text_.size() || text_[at_] != ':') return fail();
        ++at_;
        skip_blanks();
    }
    return read_value();
}

std::string JsonReader::key() const {
    return decode_json_string(key_);
}

std::optional<JsonSlice> json_member(std::string_view object, std::string_view key) {
    JsonReader reader(object);
    if (!reader.enter()) return std::nullopt;
    while (reader.next())
        if (reader.raw_key() == key) return reader.value();
    return std::nullopt;
}

void append_json_string(std::string& out, std::string_view text) {
    dl::append_json_string(out, text);
}

void append_json_value(std::string& out, const Value& value) {
    char digits[32];
    switch (value.index()) {
        case 0:
            out += "null";
            return;
        case 1:
            out += std::get<bool>(value) ? "true" : "false";
            return;
        case 2: {
            const auto end = std::to_chars(digits, digits + sizeof digits, std::get<std::int64_t>(value)).ptr;
            out.append(digits, end);
            return;
        }
        case 3: {
            const double number = std::get<double>(value);
            if (std::isnan(number)) {
                out += "\"nan\"";
            } else if (std::isinf(number)) {
                out += number > 0 ? "\"inf\"" : "\"-inf\"";
            } else {
                out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
            }
            return;
        }
        default:
            append_json_string(out, std::get<std::string>(value));
    }
}

}  // namespace datalake
