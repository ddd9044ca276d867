#include "common/rpc/messages/message_codec.h"

#include <algorithm>

#include "common/rpc/frame_codec.h"

namespace dl::rpc {
namespace {

// Of a key or a type that somebody sent, in an error.
std::string shortened(std::string_view text) {
    std::string cut;
    for (const char c : text.substr(0, limits::error_value_bytes_max))
        cut += c >= 0x20 && c < 0x7f ? c : '?';
    return cut;
}

std::string path_text(const FieldPath* path) {
    std::string text = path->parent == nullptr ? "" : path_text(path->parent) + '.';
    text += path->key;
    if (path->index >= 0) text += '[' + std::to_string(path->index) + ']';
    return text;
}

template <class T>
bool scan_number(std::string_view digits, T& number) {
    const auto end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number);
    return parsed.ec == std::errc{} && parsed.ptr == end;
}

// The text of an object or list of a tape; the grammar has been checked.
std::string_view whole_value(std::string_view text, std::size_t begin) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = begin; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (--depth == 0) return text.substr(begin, i + 1 - begin);
        }
    }
    return {};
}

}  // namespace

void MessageText::fail(ErrorCode code, const FieldPath* path, const std::string& what) {
    if (error) return;
    error = make_error(code, path == nullptr ? "the message " + what : "'" + path_text(path) + "' " + what);
}

void MessageWriter::put_value(DataType type) {
    append_json_string(out_, type_name(type));
}

void MessageWriter::put_value(const Error& error) {
    auto text = error.to_text();
    if (text.size() > kErrorBytesMax) text.resize(kErrorBytesMax);
    // Messages quote what they are about, which may be any bytes.
    if (!is_utf8(text))
        std::replace_if(
            text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7f; }, '?');
    append_json_string(out_, text);
}

void MessageWriter::put_value(const TableMeta& table) {
    out_ += table_meta_to_json(table);
}

void MessageReader::refuse_unknown(const std::vector<std::string_view>& known) {
    std::vector<std::string_view> seen;
    for (auto i = begin_; i < end_; i = source_.tape.next(i + 1)) {
        const auto key = source_.tape.raw(i);
        const bool is_known = std::find(known.begin(), known.end(), key) != known.end();
        const bool is_double = std::find(seen.begin(), seen.end(), key) != seen.end();
        if (!is_known || is_double)
            return source_.fail(ErrorCode::invalid_request, path_,
                                std::string(is_known ? "has the member '" : "has the unknown member '") +
                                    shortened(key) + (is_known ? "' twice" : "'"));
        seen.push_back(key);
    }
}

void MessageReader::get(JsonTape::Index at, const FieldPath& path, std::string& text, AtMost bound) {
    if (source_.tape.kind(at) != JsonTape::Kind::string) return source_.fail_type(&path, "a string");
    // Escapes only make the value shorter than what is written, by at most a factor of 6 (\u0041).
    const auto raw = source_.tape.raw(at);
    const bool has_escapes = source_.tape.has_escapes(at);
    const auto refuse = [&] {
        source_.fail(ErrorCode::limit_exceeded, &path,
                     "has more than " + std::to_string(bound.count) + " bytes");
    };
    if (has_escapes ? raw.size() / 6 > bound.count : raw.size() > bound.count) return refuse();
    text = source_.tape.string(at, text);
    if (text.size() > bound.count) refuse();
}

bool MessageReader::get_number(JsonTape::Index at, const FieldPath& path, FromTo bounds,
                               std::int64_t& number) {
    if (source_.tape.kind(at) == JsonTape::Kind::number && scan_number(source_.tape.raw(at), number) &&
        number >= bounds.min && (number < 0 || static_cast<std::uint64_t>(number) <= bounds.max))
        return true;
    source_.fail_type(&path,
                      "a number from " + std::to_string(bounds.min) + " to " + std::to_string(bounds.max));
    return false;
}

bool MessageReader::get_number(JsonTape::Index at, const FieldPath& path, FromTo bounds,
                               std::uint64_t& number) {
    if (source_.tape.kind(at) == JsonTape::Kind::number && scan_number(source_.tape.raw(at), number) &&
        number <= bounds.max && number >= static_cast<std::uint64_t>(bounds.min))
        return true;
    source_.fail_type(&path,
                      "a number from " + std::to_string(bounds.min) + " to " + std::to_string(bounds.max));
    return false;
}

std::optional<std::size_t> MessageReader::count_items(JsonTape::Index at, const FieldPath& path,
                                                      AtMost bound) {
    const auto& tape = source_.tape;
    if (tape.kind(at) != JsonTape::Kind::array) {
        source_.fail_type(&path, "a list");
        return std::nullopt;
    }
    std::size_t items = 0;
    for (auto i = tape.first_member(at); i < tape.members_end(at); i = tape.next(i))
        ++items;
    if (items <= bound.count) return items;
    source_.fail(ErrorCode::limit_exceeded, &path,
                 "has more than " + std::to_string(bound.count) + " elements");
    return std::nullopt;
}

void MessageReader::get_boolean(JsonTape::Index at, const FieldPath& path, bool& value) {
    if (source_.tape.kind(at) != JsonTape::Kind::boolean) return source_.fail_type(&path, "true or false");
    value = source_.tape.boolean(at);
}

void MessageReader::get_value(JsonTape::Index at, const FieldPath& path, DataType& type) {
    std::string name;
    get(at, path, name, AtMost{limits::name_bytes_max});
    if (source_.error) return;
    // Only results have it; no column is declared so.
    if (name == "json") {
        type = DataType{TypeKind::json};
        return;
    }
    const auto parsed = parse_type(name);
    if (parsed.has_error()) return source_.fail(ErrorCode::invalid_request, &path, "is an unknown type");
    type = *parsed;
}

void MessageReader::get_value(JsonTape::Index at, const FieldPath& path, Error& error) {
    std::string text;
    get(at, path, text, AtMost{kErrorBytesMax});
    if (!source_.error) error = Error::from_text(text);
}

void MessageReader::get_value(JsonTape::Index at, const FieldPath& path, TableMeta& table) {
    if (source_.tape.kind(at) != JsonTape::Kind::object) return source_.fail_type(&path, "an object");
    auto parsed = table_meta_from_json(whole_value(source_.text, source_.tape.position(at)));
    if (parsed.has_error())
        return source_.fail(ErrorCode::invalid_request, &path, "is no table: " + parsed.error().message);
    table = std::move(*parsed);
}

Result<JsonTape> parse_message(std::string_view json) {
    auto tape = JsonTape::parse(std::string(json));
    if (tape.has_error())
        return make_error(ErrorCode::invalid_request, "the message is no JSON: " + tape.error().message);
    return tape;
}

Error request_error(Method method, const Error& error) {
    return error.in(method_name(method));
}

Error reply_error(Method method, const Error& error) {
    return make_error(ErrorCode::internal, "the reply to " + method_name(method) + " is not understood: " +
                                               error.message + "; do the versions differ?");
}

}  // namespace dl::rpc
