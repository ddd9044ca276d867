// JSON text as a flat tape of tokens that point into the text: nothing is copied or converted, so numbers
// keep every digit and strings without escapes are used where they lie. Checks everything about the form:
// UTF-8 (by simdjson), grammar of RFC 8259, escapes and surrogate pairs, depth (limits::json_depth_max),
// trailing bytes. Not checked here: duplicate keys; see `duplicate_key`. Values are read without any further
// check. Movable, not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl {

// Of a number as it is written: NaN, Infinity or -Infinity, which are no JSON.
inline bool is_spelled_out(std::string_view number) {
    return number.ends_with('y') || number.ends_with('N');
}

class JsonTape {
  public:
    enum class Kind : std::uint8_t { object, array, string, number, boolean, null };
    using Index = std::uint32_t;

    // SYNTAX_ERROR names the byte position. Texts of 2 GiB and more are LIMIT_EXCEEDED.
    static Result<JsonTape> parse(std::string text);

    // The first value is token 0. Members of an object lie as key, value, key, value..; a value's next
    // sibling is at next(value).
    static constexpr Index kRoot = 0;
    Kind kind(Index i) const {
        switch (text_[position(i)]) {
            case '{':
                return Kind::object;
            case '[':
                return Kind::array;
            case '"':
                return Kind::string;
            case 't':
            case 'f':
                return Kind::boolean;
            case 'n':
                return Kind::null;
            default:
                return Kind::number;
        }
    }
    // The token behind the value, its members included.
    Index next(Index i) const {
        const char c = text_[position(i)];
        return c == '{' || c == '[' ? tokens_[i].size : i + 1;
    }
    Index first_member(Index i) const { return i + 1; }
    Index members_end(Index i) const { return tokens_[i].size; }
    // A string's bytes between the quotes, or a scalar's, as written.
    std::string_view raw(Index i) const {
        const std::size_t at = position(i);
        return std::string_view(text_).substr(at + (text_[at] == '"' ? 1 : 0), tokens_[i].size);
    }
    bool has_escapes(Index i) const { return (tokens_[i].at & kEscaped) != 0; }
    // A string's value; `scratch` holds it when there are escapes.
    std::string_view string(Index i, std::string& scratch) const {
        if (!has_escapes(i)) [[likely]]
            return raw(i);
        unescape(raw(i), scratch);
        return scratch;
    }
    std::string string(Index i) const {
        std::string scratch;
        return std::string(string(i, scratch));
    }
    bool boolean(Index i) const { return text_[position(i)] == 't'; }

    // A key that appears twice in this object (members of members are not looked at).
    std::optional<std::string> duplicate_key(Index object) const;
    std::size_t text_bytes() const { return text_.size(); }
    std::size_t position(Index i) const { return tokens_[i].at & ~kEscaped; }

  private:
    friend class JsonTapeParser;
    static constexpr std::uint32_t kEscaped = 0x80000000u;
    struct Token {
        std::uint32_t at;    // of the first character, of a string its quote
        std::uint32_t size;  // bytes; of an object or array the index of the token behind it
    };
    static void unescape(std::string_view raw, std::string& out);

    std::string text_;
    std::vector<Token> tokens_;
};

}  // namespace dl
