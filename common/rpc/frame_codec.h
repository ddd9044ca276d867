// Frames of messages.h as bytes (docs/formats/rpc.md). Pure: no socket, no allocation sized by the peer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/messages.h"

namespace dl::rpc {

inline constexpr std::size_t kRequestJsonBytesMax = 16u << 20;
inline constexpr std::size_t kErrorBytesMax = 1u << 20;

struct FrameHeader {
    std::uint8_t type = 0;  // Method or ReplyType
    std::uint32_t payload_bytes = 0;
};

using FrameHeaderBytes = std::array<char, kFrameHeaderBytes>;

// `payload_bytes` fits into the length (checked).
FrameHeaderBytes encode_frame_header(std::uint8_t type, std::size_t payload_bytes);
// INVALID_REQUEST for a wrong version or filler or a length that cannot be, LIMIT_EXCEEDED above
// `payload_bytes_max`.
Result<FrameHeader> decode_frame_header(const FrameHeaderBytes& bytes, std::size_t payload_bytes_max);

// Frame header and the length of the JSON: everything of a request in front of its JSON.
std::array<char, kFrameHeaderBytes + 4> encode_request_prefix(Method method, std::size_t json_bytes,
                                                              std::size_t attachment_bytes);
struct RequestPayload {
    SharedBytes json;
    SharedBytes attachment;
};
Result<RequestPayload> split_request(const SharedBytes& payload);

// "append", "query", ...; "method 77" for unknown ones.
std::string method_name(Method method);
// True when a lost connection leaves open whether it was done.
bool changes_state(Method method);

// A whole error frame.
std::string error_frame(const Error& error);

}  // namespace dl::rpc
