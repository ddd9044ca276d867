// Reply bytes of the client protocol (docs/protocol.md): big-endian i32 codes and lengths. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "master/routing/offsets.h"

namespace dl::master {

inline constexpr std::int32_t kReplySuccess = -1;
inline constexpr std::int32_t kReplyError = -2;
inline constexpr std::int32_t kReplyDesc = -3;
inline constexpr std::int32_t kReplyMaxOffset = -4;

void append_code(std::string& out, std::int32_t code);
// i32 length, then the bytes: a data frame.
void append_frame(std::string& out, std::string_view bytes);
// A code that is followed by a text: -2, -3, -4.
void append_coded_text(std::string& out, std::int32_t code, std::string_view text);
// The -2 reply. Schema mismatches are internal and leave as UNAVAILABLE.
std::string error_reply(const Error& error);

// {"0":N,...} and {"0":[first,last],...}
void append_offsets_json(std::string& out, const OffsetMap& offsets);
void append_ranges_json(std::string& out, const OffsetRangeMap& ranges);

}  // namespace dl::master
