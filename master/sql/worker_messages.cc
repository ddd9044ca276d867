#include "master/sql/worker_messages.h"

#include "common/base/byte_io.h"

namespace dl::master {

std::string sealed_json(const std::string& json) {
    std::string out;
    append_string(out, json);
    return out;
}

Result<Envelope> open_envelope(const SharedBytes& bytes) {
    ByteReader in(bytes.view());
    Envelope envelope;
    envelope.json = in.read_string();
    if (!in.ok()) return make_error(ErrorCode::corrupt_data, "a message between processes is cut short");
    envelope.attached = bytes.slice(bytes.size() - in.remaining(), in.remaining());
    return envelope;
}

std::string encode_error(const Error& error) {
    std::string out;
    append_le(out, static_cast<std::uint8_t>(error.code));
    append_string(out, error.message);
    return out;
}

Error decode_error(std::string_view bytes) {
    ByteReader in(bytes);
    const auto code = in.read<std::uint8_t>();
    std::string message(in.read_string());
    if (!in.at_end() || code > static_cast<std::uint8_t>(ErrorCode::internal))
        return make_error(ErrorCode::corrupt_data, "an error between processes is not as it should be");
    return make_error(static_cast<ErrorCode>(code), std::move(message));
}

}  // namespace dl::master
