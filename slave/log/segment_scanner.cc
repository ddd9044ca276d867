#include "slave/log/segment_scanner.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;
constexpr std::uint64_t kReadBytes = 4u << 20;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, std::move(what));
}

std::string expected(std::string_view what, std::uint64_t found, std::uint64_t wanted) {
    return "batch of " + std::string(what) + " " + std::to_string(found) + " where " +
           std::to_string(wanted) + " is expected";
}

}  // namespace

Result<RecordBatchHeader> check_batch_header(std::string_view bytes, const BatchPlace& place) {
    auto header = decode_record_batch_header(bytes);
    if (header.has_error()) return header;
    if (header->table != place.table)
        return corrupt(expected("table", header->table.value, place.table.value));
    if (header->partition != place.partition)
        return corrupt(expected("partition", header->partition.value, place.partition.value));
    if (header->base_offset != place.offset)
        return corrupt(expected("offset", static_cast<std::uint64_t>(header->base_offset),
                                static_cast<std::uint64_t>(place.offset)));
    return header;
}

Result<void> check_batch_body(const RecordBatchHeader& header, std::string_view batch) {
    const auto body = batch.substr(kHeaderBytes, header.body_bytes);
    if (crc32c(0, body.data(), body.size()) != header.body_crc)
        return corrupt("body CRC of the batch at offset " + std::to_string(header.base_offset) +
                       " does not fit");
    for (const char c : batch.substr(kHeaderBytes + header.body_bytes))
        if (c != 0)
            return corrupt("padding of the batch at offset " + std::to_string(header.base_offset) +
                           " is not zero");
    return {};
}

SegmentScanner::SegmentScanner(std::shared_ptr<ReadableFile> file, std::string path, BatchPlace place,
                               std::uint64_t position, std::uint64_t end)
    : file_(std::move(file)), path_(std::move(path)), place_(place), position_(position), end_(end) {
    DL_CHECK(position <= end, "a scan begins within its file");
}

Result<std::string_view> SegmentScanner::bytes_at(std::uint64_t position, std::uint64_t length) {
    length = std::min(length, end_ - position);
    const bool held = position >= buffer_position_ && position + length <= buffer_position_ + buffer_.size();
    if (!held) {
        DL_TRY_ASSIGN(buffer_,
                      file_->read(position, std::min(std::max(length, kReadBytes), end_ - position)));
        buffer_position_ = position;
    }
    return buffer_.view().substr(position - buffer_position_);
}

Result<bool> SegmentScanner::bad(const Error& why) const {
    return why.in("\"" + path_ + "\" at byte " + std::to_string(position_));
}

Result<bool> SegmentScanner::next() {
    if (position_ >= end_) return false;
    DL_TRY_ASSIGN(auto bytes, bytes_at(position_, kHeaderBytes));
    if (bytes.size() < kHeaderBytes) return bad(corrupt("incomplete batch header"));
    const auto header = check_batch_header(bytes, place_);
    if (header.has_error()) return bad(header.error());
    const auto total = header->total_bytes();
    // Checked before anything of that size is read (INV-13).
    if (total > end_ - position_) return bad(corrupt("incomplete batch"));
    DL_TRY_ASSIGN(bytes, bytes_at(position_, total));
    if (bytes.size() < total) return bad(corrupt("incomplete batch"));
    if (const auto body = check_batch_body(*header, bytes.substr(0, total)); body.has_error())
        return bad(body.error());
    batch_ = {*header, buffer_.slice(position_ - buffer_position_ + kHeaderBytes, header->body_bytes)};
    batch_position_ = position_;
    DL_CHECK(header->base_offset == place_.offset && batch_.body.size() == header->body_bytes,
             "INV-4 a batch handed on is the one that was checked");
    position_ += total;
    place_.offset = header->end_offset();
    return true;
}

Result<bool> SegmentScanner::damage_is_proven() {
    auto at = position_;
    while (end_ - at >= kHeaderBytes) {
        DL_TRY_ASSIGN(const auto bytes, bytes_at(at, kHeaderBytes));
        if (bytes.size() < kHeaderBytes) return false;
        if (load_le<std::uint32_t>(bytes.data()) == RecordBatchHeader::kMagic) {
            const auto header = decode_record_batch_header(bytes.substr(0, kHeaderBytes));
            if (header.has_value() && header->table == place_.table &&
                header->partition == place_.partition) {
                if (header->base_offset > place_.offset && header->synced_end > place_.offset) return true;
                // The body of an intact batch is a client's data and proves nothing.
                if (header->base_offset >= place_.offset) {
                    if (header->total_bytes() > end_ - at) return false;
                    at += header->total_bytes();
                    continue;
                }
            }
        }
        at += 8;
    }
    return false;
}

}  // namespace dl::slave
