#include "master/protocol/native/json_counts.h"

#include <string>

#include "common/base/quoted_value.h"

namespace dl {

Result<void> check_member_count(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                                std::size_t max) {
    const bool is_object = tape.kind(value) == JsonTape::Kind::object;
    std::size_t count = 0;
    for (JsonTape::Index i = tape.first_member(value); i < tape.members_end(value);
         i = tape.next(is_object ? i + 1 : i))
        ++count;
    if (count <= max) return {};
    return make_error(ErrorCode::limit_exceeded, std::string(what) + " has " + std::to_string(count) +
                                                     " entries; the limit is " + std::to_string(max));
}

Result<void> check_object(const JsonTape& tape, JsonTape::Index value, std::string_view what,
                          std::size_t members_max) {
    if (tape.kind(value) != JsonTape::Kind::object)
        return make_error(ErrorCode::invalid_request, std::string(what) + " must be a JSON object");
    DL_TRY(check_member_count(tape, value, what, members_max));
    if (const auto twice = tape.duplicate_key(value))
        return make_error(ErrorCode::invalid_request,
                          std::string(what) + " has the key " + quoted_value(*twice) + " twice");
    return {};
}

}  // namespace dl
