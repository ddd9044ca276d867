#include "common/rpc/frame_codec.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "common/base/byte_io.h"
#include "common/base/check.h"

namespace dl::rpc {
namespace {

// The length counts what follows it: version, type, filler.
constexpr std::size_t kCountedHeaderBytes = kFrameHeaderBytes - 4;

}  // namespace

FrameHeaderBytes encode_frame_header(std::uint8_t type, std::size_t payload_bytes) {
    DL_CHECK(payload_bytes <= std::numeric_limits<std::uint32_t>::max() - kCountedHeaderBytes,
             "a frame's length fits into 32 bits");
    FrameHeaderBytes bytes;
    store_le(bytes.data(), static_cast<std::uint32_t>(payload_bytes + kCountedHeaderBytes));
    store_le(bytes.data() + 4, kProtocolVersion);
    store_le(bytes.data() + 5, type);
    store_le(bytes.data() + 6, std::uint16_t{0});
    return bytes;
}

Result<FrameHeader> decode_frame_header(const FrameHeaderBytes& bytes, std::size_t payload_bytes_max) {
    const auto length = load_le<std::uint32_t>(bytes.data());
    const auto version = load_le<std::uint8_t>(bytes.data() + 4);
    if (version != kProtocolVersion || load_le<std::uint16_t>(bytes.data() + 6) != 0)
        return make_error(
            ErrorCode::invalid_request,
            "not a frame of rpc version " + std::to_string(kProtocolVersion) + " (version byte " +
                std::to_string(version) +
                "); master and slave must be of the same release, and clients connect to the master");
    if (length < kCountedHeaderBytes)
        return make_error(ErrorCode::invalid_request, "frame length " + std::to_string(length) +
                                                          " is below " + std::to_string(kCountedHeaderBytes));
    const auto payload = length - kCountedHeaderBytes;
    if (payload > payload_bytes_max)
        return make_error(ErrorCode::limit_exceeded, "frame of " + std::to_string(payload) +
                                                         " bytes is above the limit of " +
                                                         std::to_string(payload_bytes_max));
    return FrameHeader{load_le<std::uint8_t>(bytes.data() + 5), static_cast<std::uint32_t>(payload)};
}

std::array<char, kFrameHeaderBytes + 4> encode_request_prefix(Method method, std::size_t json_bytes,
                                                              std::size_t attachment_bytes) {
    const auto header =
        encode_frame_header(static_cast<std::uint8_t>(method), 4 + json_bytes + attachment_bytes);
    std::array<char, kFrameHeaderBytes + 4> bytes;
    std::copy(header.begin(), header.end(), bytes.begin());
    store_le(bytes.data() + kFrameHeaderBytes, static_cast<std::uint32_t>(json_bytes));
    return bytes;
}

Result<RequestPayload> split_request(const SharedBytes& payload) {
    ByteReader reader(payload.span());
    const auto json_bytes = reader.read<std::uint32_t>();
    if (!reader.ok() || json_bytes > reader.remaining())
        return make_error(ErrorCode::invalid_request, "the JSON of the request reaches beyond its frame of " +
                                                          std::to_string(payload.size()) + " bytes");
    if (json_bytes > kRequestJsonBytesMax)
        return make_error(ErrorCode::limit_exceeded, "request JSON of " + std::to_string(json_bytes) +
                                                         " bytes is above the limit of " +
                                                         std::to_string(kRequestJsonBytesMax));
    return RequestPayload{payload.slice(4, json_bytes),
                          payload.slice(4 + json_bytes, reader.remaining() - json_bytes)};
}

std::string method_name(Method method) {
    switch (method) {
        case Method::ping:
            return "ping";
        case Method::create_table:
            return "create_table";
        case Method::update_table:
            return "update_table";
        case Method::drop_table:
            return "drop_table";
        case Method::append:
            return "append";
        case Method::read:
            return "read";
        case Method::wait:
            return "wait";
        case Method::offsets:
            return "offsets";
        case Method::pin:
            return "pin";
        case Method::unpin:
            return "unpin";
        case Method::query:
            return "query";
        case Method::compress:
            return "compress";
        case Method::stats:
            return "stats";
        case Method::check:
            return "check";
        case Method::register_node:
            return "register_node";
        case Method::inventory:
            return "inventory";
        case Method::accept_loss:
            return "accept_loss";
        case Method::heartbeat:
            return "heartbeat";
        case Method::assign_replicas:
            return "assign_replicas";
        case Method::fetch:
            return "fetch";
        case Method::export_copy:
            return "export_copy";
        case Method::read_export:
            return "read_export";
        case Method::drop_copy:
            return "drop_copy";
        case Method::copy_progress:
            return "copy_progress";
        case Method::refill_copy:
            return "refill_copy";
        case Method::log_digest:
            return "log_digest";
    }
    return "method " + std::to_string(static_cast<unsigned>(method));
}

bool changes_state(Method method) {
    switch (method) {
        case Method::create_table:
        case Method::update_table:
        case Method::drop_table:
        case Method::append:
        case Method::compress:
        case Method::register_node:
        case Method::accept_loss:
        case Method::assign_replicas:
        case Method::drop_copy:
        case Method::refill_copy:
            return true;
        default:
            return false;
    }
}

std::string error_frame(const Error& error) {
    auto text = error.to_text();
    if (text.size() > kErrorBytesMax) text.resize(kErrorBytesMax);
    const auto header = encode_frame_header(static_cast<std::uint8_t>(ReplyType::error), text.size());
    return std::string(header.data(), header.size()) + text;
}

}  // namespace dl::rpc
