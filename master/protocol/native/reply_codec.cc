#include "master/protocol/native/reply_codec.h"

#include "common/base/byte_io.h"

namespace dl::master {

void append_code(std::string& out, std::int32_t code) {
    char bytes[4];
    store_be32(bytes, static_cast<std::uint32_t>(code));
    out.append(bytes, sizeof bytes);
}

void append_frame(std::string& out, std::string_view bytes) {
    append_code(out, static_cast<std::int32_t>(bytes.size()));
    out.append(bytes);
}

void append_coded_text(std::string& out, std::int32_t code, std::string_view text) {
    append_code(out, code);
    append_frame(out, text);
}

std::string error_reply(const Error& error) {
    std::string out;
    const bool internal_code = error.code == ErrorCode::schema_mismatch ||
                               error.code == ErrorCode::stale_epoch || error.code == ErrorCode::not_leader;
    append_coded_text(out, kReplyError,
                      internal_code
                          ? make_error(ErrorCode::unavailable, error.message + "; try again").to_text()
                          : error.to_text());
    return out;
}

void append_offsets_json(std::string& out, const OffsetMap& offsets) {
    out += '{';
    bool first = true;
    for (const auto& [partition, offset] : offsets) {
        if (!first) out += ',';
        first = false;
        out += '"' + std::to_string(partition) + "\":" + std::to_string(offset);
    }
    out += '}';
}

void append_ranges_json(std::string& out, const OffsetRangeMap& ranges) {
    out += '{';
    bool first = true;
    for (const auto& [partition, range] : ranges) {
        if (!first) out += ',';
        first = false;
        out += '"' + std::to_string(partition) + "\":[" + std::to_string(range.first) + ',' +
               std::to_string(range.second) + ']';
    }
    out += '}';
}

}  // namespace dl::master
