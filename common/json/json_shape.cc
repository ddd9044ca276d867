#include "common/json/json_shape.h"

#include <algorithm>

#include "common/base/nearest_name.h"
#include "common/base/quoted_value.h"
#include "common/base/scan_integer.h"

namespace dl {
namespace {

constexpr std::int64_t kExponentMax = 64;  // far beyond what 64 bits hold

Error invalid_request(std::string message) {
    return make_error(ErrorCode::invalid_request, std::move(message));
}

// A JSON number that is whole, in any of its forms: 7, 7.0, 1e3, 70e-1.
bool whole_number(std::string_view raw, std::int64_t& number) {
    if (scan_int64(raw, number)) return true;
    const auto exponent_at = raw.find_first_of("eE");
    std::int64_t shift = 0;
    if (exponent_at != std::string_view::npos && !scan_int64(raw.substr(exponent_at + 1), shift))
        return false;
    if (shift < -kExponentMax || shift > kExponentMax) return false;
    std::string digits(raw.substr(0, exponent_at));
    if (const auto point = digits.find('.'); point != std::string::npos) {
        shift -= static_cast<std::int64_t>(digits.size() - point - 1);
        digits.erase(point, 1);
    }
    if (digits.find_first_not_of("-0") == std::string::npos) {
        number = 0;
        return true;
    }
    for (; shift < 0; ++shift) {
        if (digits.size() < 2 || digits.back() != '0') return false;
        digits.pop_back();
    }
    digits.append(static_cast<std::size_t>(shift), '0');
    return scan_int64(digits, number);
}

}  // namespace

std::string list_of(std::initializer_list<std::string_view> words) {
    std::string list;
    std::size_t left = words.size();
    for (const auto word : words) {
        list += word;
        --left;
        if (left != 0) list += left == 1 ? " or " : ", ";
    }
    return list;
}

Result<JsonShape> JsonShape::of(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                                std::initializer_list<std::string_view> known) {
    JsonShape shape(tape, what);
    if (tape.kind(value) != JsonTape::Kind::object)
        return invalid_request(shape.what_ + " must be a JSON object with the keys " + list_of(known));
    for (auto i = tape.first_member(value); i < tape.members_end(value); i = tape.next(i + 1)) {
        std::string key = tape.string(i);
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            const auto near = nearest_name(key, known);
            return invalid_request(
                shape.what_ + " has the unknown key " + quoted_value(key) + "; " +
                (near.empty() ? "known are " + list_of(known) : "did you mean \"" + near + "\"?"));
        }
        // Only known keys come here, so this stays short whatever was sent.
        if (shape.find(key)) return invalid_request(shape.what_ + " has the key \"" + key + "\" twice");
        shape.members_.push_back({std::move(key), i + 1});
    }
    return shape;
}

std::optional<JsonTape::Index> JsonShape::find(std::string_view key) const {
    for (const auto& member : members_)
        if (member.key == key) return member.value;
    return std::nullopt;
}

Result<JsonTape::Index> JsonShape::need(std::string_view key) const {
    if (const auto value = find(key)) return *value;
    return invalid_request(what_ + " lacks the key \"" + std::string(key) + "\"; add it");
}

Error JsonShape::wrong(std::string_view key, std::string_view expected) const {
    return invalid_request(what_ + ": \"" + std::string(key) + "\" must be " + std::string(expected));
}

Result<std::string> JsonShape::string(std::string_view key) const {
    DL_TRY_ASSIGN(const auto value, need(key));
    if (tape_->kind(value) != JsonTape::Kind::string) return wrong(key, "a string");
    return tape_->string(value);
}

Result<std::int64_t> JsonShape::integer(std::string_view key, std::int64_t min, std::int64_t max,
                                        std::optional<std::int64_t> fallback) const {
    const auto value = find(key);
    if (!value && fallback) return *fallback;
    DL_TRY_ASSIGN(const auto index, need(key));
    std::int64_t number = 0;
    if (tape_->kind(index) != JsonTape::Kind::number || !whole_number(tape_->raw(index), number) ||
        number < min || number > max)
        return wrong(key, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    return number;
}

Result<bool> JsonShape::boolean(std::string_view key, bool fallback) const {
    const auto value = find(key);
    if (!value) return fallback;
    if (tape_->kind(*value) != JsonTape::Kind::boolean) return wrong(key, "true or false");
    return tape_->boolean(*value);
}

}  // namespace dl
