// The little JSON the client needs: writing values, and reading objects and arrays member by member without
// building a tree. The reader is strict about structure where it looks (members, commas, ends) and takes
// nested values as they are. No recursion.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "datalake/query_result.h"
#include "datalake/value.h"

namespace datalake {

enum class JsonKind : std::uint8_t { null, boolean, number, string, object, array };

// How a result shows it: objects and arrays are nested.
CellKind cell_kind(JsonKind kind);

// A slice of the text it was read from.
struct JsonSlice {
    JsonKind kind = JsonKind::null;
    std::string_view raw;

    // String: decoded. Anything else: as written.
    std::string text() const;
    bool is_true() const { return raw == "true"; }
    // Whole numbers, also as a string of digits ("12").
    std::optional<std::int64_t> integer() const;
};

// Goes through the members of an object or the elements of an array.
class JsonReader {
  public:
    explicit JsonReader(std::string_view text) : text_(text) {}
    // `raw` must be an object or array, else failed() is true and next() false.
    bool enter();
    // The next member or element; false at the end or when the text is bad (then failed()). After the end of
    // the outermost value only blanks may follow.
    bool next();
    bool failed() const { return failed_; }
    // Of the current member: key with its escapes (raw, without quotes), and value. In arrays the key is
    // empty.
    std::string_view raw_key() const { return key_; }
    std::string key() const;
    const JsonSlice& value() const { return value_; }

  private:
    void skip_blanks();
    bool fail();
    bool read_string(std::string_view& raw);
    bool read_value();

    std::string_view text_;
    std::size_t at_ = 0;
    bool object_ = false;
    bool first_ = true;
    bool done_ = false;
    bool failed_ = false;
    std::string_view key_;
    JsonSlice value_;
};

// The member `key` of an object; nullopt when there is none or the text is bad.
std::optional<JsonSlice> json_member(std::string_view object, std::string_view key);
// `raw` is the inside of a JSON string, escapes undecoded.
std::string decode_json_string(std::string_view raw);
// With quotes and escapes.
void append_json_string(std::string& out, std::string_view text);
// nan and inf as strings, which is their text form.
void append_json_value(std::string& out, const Value& value);

}  // namespace datalake
