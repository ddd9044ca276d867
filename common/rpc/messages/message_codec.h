// Messages between nodes as JSON, written and read from one description: a message is a struct with
//
//     static constexpr Method kMethod = Method::wait;   // a request, or a reply to it; not of parts
//     template <class Self, class Visitor>
//     static void fields(Self& m, Visitor& v) { v("min_rows", m.min_rows); v.maybe("keys", m.keys,
//     at_most(9)); } std::string complaint() const;                    // may be absent; "" when the values
//     fit each other
//
// v() is a field that is always there, maybe() one that is left out when it is empty, zero or nullopt.
// Numbers are within their type (or `from_to`), lists and texts within `at_most` (limits::partitions_max
// elements and kTextBytesMax bytes if not said), both checked before anything is allocated for them. Unknown
// members, double ones and wrong types are refused with the name of the message and the path of the field.
// Pure. Decoding copies the JSON text once (at most kRequestJsonBytesMax of a request).
#pragma once

#include <bitset>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/json/json_tape.h"
#include "common/meta/table_meta.h"
#include "common/rpc/messages.h"
#include "common/types/data_type.h"
#include "common/types/value_text.h"

namespace dl::rpc {

inline constexpr std::size_t kTextBytesMax = 64u << 10;

struct AtMost {
    std::size_t count;  // elements of a list, bytes of a text
};
constexpr AtMost at_most(std::size_t count) {
    return {count};
}
struct FromTo {
    std::int64_t min;
    std::uint64_t max;
};
constexpr FromTo from_to(std::int64_t min, std::uint64_t max) {
    return {min, max};
}
// Bounds of the texts in a list beside those of the list.
struct ListOfTexts {
    std::size_t count;
    std::size_t bytes_each;
};

template <class T>
inline constexpr bool kIsStrongId = false;
template <class Tag, class Rep>
inline constexpr bool kIsStrongId<StrongId<Tag, Rep>> = true;

template <class T>
constexpr FromTo bounds_of() {
    if constexpr (std::is_same_v<T, PartitionId>)
        return {0, limits::partitions_max - 1};
    else if constexpr (std::is_same_v<T, LeaderEpoch> || std::is_same_v<T, SchemaId>)
        return {1, std::numeric_limits<std::uint32_t>::max()};
    else if constexpr (kIsStrongId<T>)
        return {0, std::numeric_limits<decltype(T{}.value)>::max()};
    else
        return {std::is_signed_v<T> ? static_cast<std::int64_t>(std::numeric_limits<T>::min()) : 0,
                static_cast<std::uint64_t>(std::numeric_limits<T>::max())};
}

class MessageWriter {
  public:
    explicit MessageWriter(std::string& out) : out_(out) {}

    template <class T, class... Limit>
    void operator()(std::string_view key, const T& value, const Limit&...) {
        put_key(key);
        put(value);
    }
    template <class T, class... Limit>
    void maybe(std::string_view key, const T& value, const Limit&...) {
        if (is_absent(value)) return;
        put_key(key);
        put(value);
    }
    template <class M>
    void message(const M& message) {
        out_ += '{';
        first_ = true;
        M::fields(message, *this);
        out_ += '}';
        first_ = false;
    }

  private:
    template <class T>
    static bool is_absent(const T& value) {
        if constexpr (requires { value.has_value(); })
            return !value.has_value();
        else if constexpr (requires { value.empty(); })
            return value.empty();
        else
            return value == T{};
    }
    void put_key(std::string_view key) {
        out_ += first_ ? "\"" : ",\"";
        first_ = false;
        out_ += key;
        out_ += "\":";
    }
    template <class T>
    void put_number(T value) {
        char digits[24];
        out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }
    template <class T>
    void put(const T& value) {
        if constexpr (std::is_same_v<T, bool>)
            out_ += value ? "true" : "false";
        else if constexpr (std::is_integral_v<T>)
            put_number(value);
        else if constexpr (kIsStrongId<T>)
            put_number(value.value);
        else if constexpr (requires { T::fields(value, *this); })
            message(value);
        else
            put_value(value);
    }
    template <class T>
    void put(const std::optional<T>& value) {
        put(*value);
    }
    template <class T>
    void put(const std::vector<T>& list) {
        out_ += '[';
        bool first = true;
        for (const auto& item : list) {
            if (!first) out_ += ',';
            first = false;
            put(item);
        }
        out_ += ']';
    }
    void put_value(const std::string& text) { append_json_string(out_, text); }
    void put_value(DataType type);
    void put_value(const Error& error);
    void put_value(const TableMeta& table);

    std::string& out_;
    bool first_ = true;
};

// Where a value lies, for errors only.
struct FieldPath {
    const FieldPath* parent = nullptr;
    std::string_view key;
    std::int64_t index = -1;
};

// What all readers of one text share.
struct MessageText {
    const JsonTape& tape;
    std::string_view text;
    std::optional<Error> error{};  // the first one; code and text without the name of the message

    void fail(ErrorCode code, const FieldPath* path, const std::string& what);
    void fail_type(const FieldPath* path, const std::string& expected) {
        fail(ErrorCode::invalid_request, path, "must be " + expected);
    }
};

class MessageReader {
  public:
    MessageReader(MessageText& source, JsonTape::Index object, const FieldPath* path)
        : source_(source),
          path_(path),
          begin_(source.tape.first_member(object)),
          end_(source.tape.members_end(object)),
          cursor_(begin_) {}

    template <class T, class... Limit>
    void operator()(std::string_view key, T& value, const Limit&... limit) {
        if (source_.error) return;
        const FieldPath path{path_, key};
        const auto at = find(key);
        if (at)
            get(*at, path, value, limit...);
        else
            source_.fail(ErrorCode::invalid_request, &path, "is missing");
    }
    template <class T, class... Limit>
    void maybe(std::string_view key, T& value, const Limit&... limit) {
        if (source_.error) return;
        const FieldPath path{path_, key};
        if (const auto at = find(key)) get(*at, path, value, limit...);
    }
    // After all fields: nothing else may be there.
    template <class M>
    void finish(M& message) {
        if (source_.error) return;
        std::size_t members = 0;
        for (auto i = begin_; i < end_; i = source_.tape.next(i + 1))
            ++members;
        if (members != found_) refuse_others(message);
        if constexpr (requires { message.complaint(); }) {
            if (source_.error) return;
            auto complaint = message.complaint();
            if (!complaint.empty()) source_.fail(ErrorCode::invalid_request, path_, complaint);
        }
    }

    template <class M>
    static void read_message(MessageText& source, JsonTape::Index at, const FieldPath* path, M& message) {
        if (source.tape.kind(at) != JsonTape::Kind::object) return source.fail_type(path, "a JSON object");
        MessageReader reader(source, at, path);
        M::fields(message, reader);
        reader.finish(message);
    }

  private:
    struct KeyCollector {
        std::vector<std::string_view> keys{};
        template <class T, class... Limit>
        void operator()(std::string_view key, T&, const Limit&...) {
            keys.push_back(key);
        }
        template <class T, class... Limit>
        void maybe(std::string_view key, T&, const Limit&...) {
            keys.push_back(key);
        }
    };

    // Members mostly come in the order of the fields.
    std::optional<JsonTape::Index> find(std::string_view key) {
        const auto& tape = source_.tape;
        if (cursor_ < end_ && tape.raw(cursor_) == key) return take(cursor_);
        for (auto i = begin_; i < end_; i = tape.next(i + 1))
            if (tape.raw(i) == key) return take(i);
        return std::nullopt;
    }
    JsonTape::Index take(JsonTape::Index at) {
        ++found_;
        cursor_ = source_.tape.next(at + 1);
        return at + 1;
    }
    template <class M>
    void refuse_others(M& message) {
        KeyCollector known;
        M::fields(message, known);
        refuse_unknown(known.keys);
    }
    void refuse_unknown(const std::vector<std::string_view>& known);

    template <class T>
    void get(JsonTape::Index at, const FieldPath& path, T& value) {
        if constexpr (std::is_same_v<T, bool>)
            get_boolean(at, path, value);
        else if constexpr (std::is_integral_v<T> || kIsStrongId<T>)
            get(at, path, value, bounds_of<T>());
        else if constexpr (std::is_same_v<T, std::string>)
            get(at, path, value, AtMost{kTextBytesMax});
        else if constexpr (requires { T::fields(value, *this); })
            read_message(source_, at, &path, value);
        else
            get_value(at, path, value);
    }
    template <class T>
    void get(JsonTape::Index at, const FieldPath& path, T& value, FromTo bounds) {
        if constexpr (kIsStrongId<T>) {
            get(at, path, value.value, bounds);
        } else if constexpr (std::is_signed_v<T>) {
            std::int64_t number = 0;
            if (get_number(at, path, bounds, number)) value = static_cast<T>(number);
        } else {
            std::uint64_t number = 0;
            if (get_number(at, path, bounds, number)) value = static_cast<T>(number);
        }
    }
    template <class T, class... Limit>
    void get(JsonTape::Index at, const FieldPath& path, std::optional<T>& value, const Limit&... limit) {
        get(at, path, value.emplace(), limit...);
    }
    void get(JsonTape::Index at, const FieldPath& path, std::string& text, AtMost bound);
    template <class T>
    void get(JsonTape::Index at, const FieldPath& path, std::vector<T>& list) {
        get(at, path, list, AtMost{limits::partitions_max});
    }
    template <class T>
    void get(JsonTape::Index at, const FieldPath& path, std::vector<T>& list, AtMost bound) {
        if (!prepare(at, path, list, bound)) return;
        get_items(at, path, list);
    }
    void get(JsonTape::Index at, const FieldPath& path, std::vector<std::string>& list, ListOfTexts bound) {
        if (!prepare(at, path, list, AtMost{bound.count})) return;
        get_items(at, path, list, AtMost{bound.bytes_each});
    }
    template <class T>
    bool prepare(JsonTape::Index at, const FieldPath& path, std::vector<T>& list, AtMost bound) {
        const auto items = count_items(at, path, bound);
        if (!items) return false;
        list.reserve(*items);
        return true;
    }
    template <class T, class... Limit>
    void get_items(JsonTape::Index at, const FieldPath& path, std::vector<T>& list, const Limit&... limit) {
        const auto& tape = source_.tape;
        FieldPath item{path.parent, path.key, 0};
        for (auto i = tape.first_member(at); i < tape.members_end(at) && !source_.error; i = tape.next(i)) {
            get(i, item, list.emplace_back(), limit...);
            ++item.index;
        }
    }

    // False, with the error set, when it is no number within the bounds.
    bool get_number(JsonTape::Index at, const FieldPath& path, FromTo bounds, std::int64_t& number);
    bool get_number(JsonTape::Index at, const FieldPath& path, FromTo bounds, std::uint64_t& number);
    // nullopt, with the error set, when it is no list or has more elements.
    std::optional<std::size_t> count_items(JsonTape::Index at, const FieldPath& path, AtMost bound);
    void get_boolean(JsonTape::Index at, const FieldPath& path, bool& value);
    void get_value(JsonTape::Index at, const FieldPath& path, DataType& type);
    void get_value(JsonTape::Index at, const FieldPath& path, Error& error);
    void get_value(JsonTape::Index at, const FieldPath& path, TableMeta& table);

    MessageText& source_;
    const FieldPath* path_;
    const JsonTape::Index begin_, end_;
    JsonTape::Index cursor_;
    std::size_t found_ = 0;
};

// Whether `parts` names each partition once (their member `partition`, below limits::partitions_max).
template <class Part>
bool names_each_once(const std::vector<Part>& parts) {
    std::bitset<limits::partitions_max> seen;
    for (const auto& part : parts) {
        std::size_t number = 0;
        if constexpr (std::is_same_v<Part, PartitionId>)
            number = part.value;
        else
            number = part.partition.value;
        if (seen.test(number)) return false;
        seen.set(number);
    }
    return true;
}

// The part before the first error of a decoding: JSON that is not an object, and so on.
Result<JsonTape> parse_message(std::string_view json);
// The error of a decoding as the receiver of a request, or of a reply, tells it.
Error request_error(Method method, const Error& error);
Error reply_error(Method method, const Error& error);

template <class M>
std::string encode(const M& message) {
    std::string json;
    MessageWriter(json).message(message);
    return json;
}

template <class M>
Result<M> decode_message(std::string_view json) {
    DL_TRY_ASSIGN(const auto tape, parse_message(json));
    MessageText source{tape, json};
    M message;
    MessageReader::read_message(source, JsonTape::kRoot, nullptr, message);
    if (source.error) return std::move(*source.error);
    return message;
}

// INVALID_REQUEST or LIMIT_EXCEEDED "append: 'partitions[2].crc' must be ...".
template <class M>
Result<M> decode_request(std::string_view json) {
    auto message = decode_message<M>(json);
    if (message.has_error()) return request_error(M::kMethod, message.error());
    return message;
}
// INTERNAL "the reply to append is not understood: 'partitions' is missing; ...".
template <class M>
Result<M> decode_reply(std::string_view json) {
    auto message = decode_message<M>(json);
    if (message.has_error()) return reply_error(M::kMethod, message.error());
    return message;
}

}  // namespace dl::rpc
