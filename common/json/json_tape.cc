#include "common/json/json_tape.h"

#include <emmintrin.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "common/base/limits.h"
#include "common/base/quoted_value.h"
#include "common/base/utf8.h"

namespace dl {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The four hex digits of \uXXXX, -1 when they are none. The text ends with a zero byte, which is no digit.
int hex4(const char* at) {
    int value = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Where the first character begins that is not valid; only asked when there is one.
std::size_t first_invalid_utf8(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (size > 1 && (at + size > text.size() || !simdjson::validate_utf8(text.data() + at, size))) break;
        at += size;
    }
    return at;
}

}  // namespace

// One pass over the text. Positions are pointers; the string's terminating zero byte ends every scan, so that
// only places that see a zero have to ask whether it is the end.
class JsonTapeParser {
  public:
    explicit JsonTapeParser(JsonTape& tape)
        : tape_(tape), begin_(tape.text_.data()), end_(begin_ + tape.text_.size()), at_(begin_) {}

    bool run() {
        tape_.tokens_.reserve(tape_.text_.size() / 8 + 16);
        for (;;) {
            bool closed = true;
            if (!value(closed)) return false;
            if (!closed) continue;
            for (;;) {  // behind a value
                if (depth_ == 0) {
                    skip_blank();
                    return at_ == end_ || fail("bytes behind the JSON value");
                }
                skip_blank();
                const char close = in_object() ? '}' : ']';
                if (*at_ == ',') {
                    ++at_;
                    if (in_object() && !key()) return false;
                    break;
                }
                if (*at_ != close) return fail(in_object() ? "expected , or }" : "expected , or ]");
                close_container();
            }
        }
    }

    Error error() const {
        return make_error(ErrorCode::syntax_error, "JSON: " + std::string(what_) + " at byte " +
                                                       std::to_string(at_ - begin_) +
                                                       "; send one valid JSON value");
    }

  private:
    bool fail(std::string_view what) {
        what_ = at_ == end_ ? "the text ends too early" : what;
        return false;
    }
    bool in_object() const { return begin_[tape_.tokens_[open_[depth_ - 1]].at] == '{'; }
    void skip_blank() {
        while (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')
            ++at_;
    }
    void put(const char* at, std::size_t size, std::uint32_t flags = 0) {
        tape_.tokens_.push_back(
            {static_cast<std::uint32_t>(at - begin_) | flags, static_cast<std::uint32_t>(size)});
    }

    // One value, or the opening of a container that has members (closed = false, at its first value).
    bool value(bool& closed) {
        skip_blank();
        switch (*at_) {
            case '"':
                return string();
            case '{':
            case '[':
                return open(closed);
            case 't':
                return literal(at_, "true");
            case 'f':
                return literal(at_, "false");
            case 'n':
                return literal(at_, "null");
            default:
                return number();
        }
    }

    bool open(bool& closed) {
        if (depth_ == limits::json_depth_max) return fail("nested deeper than 64 levels");
        const char close = *at_ == '{' ? '}' : ']';
        open_[depth_++] = static_cast<std::uint32_t>(tape_.tokens_.size());
        put(at_++, 0);
        skip_blank();
        if (*at_ == close) {
            close_container();
            return true;
        }
        closed = false;
        return close == ']' || key();
    }

    void close_container() {
        ++at_;
        tape_.tokens_[open_[--depth_]].size = static_cast<std::uint32_t>(tape_.tokens_.size());
    }

    bool key() {
        skip_blank();
        if (*at_ != '"') return fail("expected a key in double quotes");
        if (!string()) return false;
        skip_blank();
        if (*at_ != ':') return fail("expected : behind a key");
        ++at_;
        return true;
    }

    // The word is the rest of the token that begins at `start`.
    bool literal(const char* start, std::string_view word) {
        if (std::string_view(at_, static_cast<std::size_t>(end_ - at_)).substr(0, word.size()) != word)
            return fail("expected a value");
        at_ += word.size();
        put(start, static_cast<std::size_t>(at_ - start));
        return true;
    }

    bool digits() {
        if (!is_digit(*at_)) return fail("expected a digit");
        while (is_digit(*at_))
            ++at_;
        return true;
    }

    bool number() {
        const char* const start = at_;
        if (*at_ == '-') ++at_;
        // No JSON, but what Python, JavaScript libraries and others write for a double that is no number.
        if (*at_ == 'I') return literal(start, "Infinity");
        if (*at_ == 'N' && at_ == start) return literal(start, "NaN");
        if (*at_ == '0') {
            ++at_;
            if (is_digit(*at_)) return fail("a number with a leading zero");
        } else if (!is_digit(*at_)) {
            return fail(at_ == start ? "expected a value" : "expected a digit");
        } else {
            while (is_digit(*at_))
                ++at_;
        }
        if (*at_ == '.') {
            ++at_;
            if (!digits()) return false;
        }
        if (*at_ == 'e' || *at_ == 'E') {
            ++at_;
            if (*at_ == '+' || *at_ == '-') ++at_;
            if (!digits()) return false;
        }
        put(start, static_cast<std::size_t>(at_ - start));
        return true;
    }

    // To the next quote, backslash or control character.
    void skip_plain() {
        while (end_ - at_ >= 16) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at_));
            const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            const __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                           _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                                              control);
            const int mask = _mm_movemask_epi8(stop);
            if (mask != 0) {
                at_ += __builtin_ctz(static_cast<unsigned>(mask));
                return;
            }
            at_ += 16;
        }
        while (static_cast<unsigned char>(*at_) >= 0x20 && *at_ != '"' && *at_ != '\\')
            ++at_;
    }

    bool string() {
        const char* const quote = at_++;
        std::uint32_t flags = 0;
        for (;;) {
            skip_plain();
            if (*at_ == '"') [[likely]] {
                put(quote, static_cast<std::size_t>(at_ - quote - 1), flags);
                ++at_;
                return true;
            }
            if (*at_ != '\\') return fail("a control character inside a string");
            flags = JsonTape::kEscaped;
            if (!escape()) return false;
        }
    }

    bool escape() {
        constexpr std::string_view kSimple = "\"\\/bfnrt";
        const char c = at_[1];
        if (c != '\0' && kSimple.find(c) != std::string_view::npos) {
            at_ += 2;
            return true;
        }
        if (c != 'u') return fail("an unknown escape");
        const int first = hex4(at_ + 2);
        if (first < 0) return fail("\\u without four hex digits");
        if (first >= 0xdc00 && first <= 0xdfff) return fail("the second half of a surrogate pair alone");
        if (first < 0xd800 || first > 0xdbff) {
            at_ += 6;
            return true;
        }
        if (at_[6] != '\\' || at_[7] != 'u') return fail("half a surrogate pair");
        const int second = hex4(at_ + 8);
        if (second < 0xdc00 || second > 0xdfff) return fail("half a surrogate pair");
        at_ += 12;
        return true;
    }

    JsonTape& tape_;
    const char* const begin_;
    const char* const end_;
    const char* at_;
    std::string_view what_;
    std::size_t depth_ = 0;
    std::array<std::uint32_t, limits::json_depth_max> open_{};
};

Result<JsonTape> JsonTape::parse(std::string text) {
    if (text.size() >= kEscaped)
        return make_error(ErrorCode::limit_exceeded,
                          "JSON of " + std::to_string(text.size()) +
                              " bytes; the limit is 2147483647, send smaller batches");
    if (!simdjson::validate_utf8(text.data(), text.size()))
        return make_error(
            ErrorCode::syntax_error,
            "JSON: invalid UTF-8 at byte " + std::to_string(first_invalid_utf8(text)) + "; send UTF-8");
    JsonTape tape;
    tape.text_ = std::move(text);
    JsonTapeParser parser(tape);
    if (!parser.run()) return parser.error();
    return tape;
}

void JsonTape::unescape(std::string_view raw, std::string& out) {
    out.clear();
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size();) {
        if (raw[i] != '\\') {
            const std::size_t stop = std::min(raw.find('\\', i), raw.size());
            out.append(raw, i, stop - i);
            i = stop;
            continue;
        }
        const char c = raw[i + 1];
        i += 2;
        switch (c) {
            case 'b':
                out += '\b';
                break;
            case 'f':
                out += '\f';
                break;
            case 'n':
                out += '\n';
                break;
            case 'r':
                out += '\r';
                break;
            case 't':
                out += '\t';
                break;
            case 'u': {
                auto code = static_cast<unsigned>(hex4(raw.data() + i));
                i += 4;
                if (code >= 0xd800 && code <= 0xdbff) {
                    const auto low = static_cast<unsigned>(hex4(raw.data() + i + 2));
                    i += 6;
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                append_utf8(out, code);
                break;
            }
            default:
                out += c;
        }
    }
}

std::optional<std::string> JsonTape::duplicate_key(Index object) const {
    std::vector<std::string> keys;
    for (Index i = first_member(object); i < members_end(object); i = next(i + 1))
        keys.push_back(string(i));
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice == keys.end()) return std::nullopt;
    return *twice;
}

}  // namespace dl
