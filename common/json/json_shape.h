// Reading JSON objects of a known shape from a tape: members by name, with errors that say what was expected
// where. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json_tape.h"

namespace dl {

// One object whose keys must be among `known`, each at most once. `what` names it in messages ("create").
class JsonShape {
  public:
    static Result<JsonShape> of(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                                std::initializer_list<std::string_view> known);

    // nullopt when the member is not there.
    std::optional<JsonTape::Index> find(std::string_view key) const;
    // INVALID_REQUEST when it is not there.
    Result<JsonTape::Index> need(std::string_view key) const;

    // Members as values; INVALID_REQUEST when absent or of another kind.
    Result<std::string> string(std::string_view key) const;
    // A whole number in any form of JSON: 7, 7.0, 1e3. `fallback` when absent.
    Result<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max,
                                 std::optional<std::int64_t> fallback = std::nullopt) const;
    Result<bool> boolean(std::string_view key, bool fallback) const;

    Error wrong(std::string_view key, std::string_view expected) const;

  private:
    JsonShape(const JsonTape& tape, std::string_view what) : tape_(&tape), what_(what) {}
    const JsonTape* tape_;
    std::string what_;
    struct Member {
        std::string key;
        JsonTape::Index value;
    };
    std::vector<Member> members_;
};

// "a, b or c".
std::string list_of(std::initializer_list<std::string_view> words);

}  // namespace dl
