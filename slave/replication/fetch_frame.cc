#include "slave/replication/fetch_frame.h"

#include "common/base/byte_io.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;

std::size_t padding_of(std::size_t bytes) {
    return (8 - bytes % 8) % 8;
}

}  // namespace

std::vector<SharedBytes> encode_fetch_frame(const FetchFrame& frame) {
    const auto json = rpc::encode(frame.partition);
    // What lies between two bodies, collected: the padding of one and the header of the next.
    std::string between(4, '\0');
    store_le(between.data(), static_cast<std::uint32_t>(json.size()));
    between += json;
    std::vector<SharedBytes> parts;
    parts.reserve(2 * frame.batches.size() + 1);
    for (const auto& batch : frame.batches) {
        const auto at = between.size();
        between.resize(at + kHeaderBytes);
        encode_record_batch_header(batch.header, between.data() + at);
        parts.push_back(SharedBytes::from_string(std::move(between)));
        parts.push_back(batch.body);
        between.assign(padding_of(batch.body.size()), '\0');
    }
    if (!between.empty()) parts.push_back(SharedBytes::from_string(std::move(between)));
    return parts;
}

Result<FetchFrame> decode_fetch_frame(const SharedBytes& bytes) {
    const auto damaged = [](const std::string& why) {
        return make_error(ErrorCode::corrupt_data, "a fetched partition " + why);
    };
    if (bytes.size() < 4) return damaged("is cut off");
    const std::size_t json_bytes = load_le<std::uint32_t>(bytes.data());
    if (json_bytes > bytes.size() - 4) return damaged("is shorter than its JSON");
    FetchFrame frame;
    DL_TRY_ASSIGN(frame.partition,
                  rpc::decode_message<rpc::FetchedPartition>(bytes.view().substr(4, json_bytes)));
    for (auto at = 4 + json_bytes; at < bytes.size();) {
        if (bytes.size() - at < kHeaderBytes) return damaged("ends within the header of a record batch");
        auto& batch = frame.batches.emplace_back();
        DL_TRY_ASSIGN(batch.header, decode_record_batch_header(bytes.view().substr(at, kHeaderBytes)));
        const auto total = batch.header.total_bytes();
        if (bytes.size() - at < total) return damaged("ends within a record batch");
        batch.body = bytes.slice(at + kHeaderBytes, batch.header.body_bytes);
        at += total;
    }
    return frame;
}

}  // namespace dl::slave
