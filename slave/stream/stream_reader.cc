#include "slave/stream/stream_reader.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/limits.h"
#include "common/record/columnar_frame.h"
#include "common/record/widened_batch.h"
#include "slave/stream/stream_json.h"
#include "slave/stream/stream_rows.h"

namespace dl::slave {

static_assert(StreamReader::kFramePlainBytes <= limits::stream_frame_plain_bytes_max);

Result<StreamFormat> parse_stream_format(std::string_view name) {
    if (name == "rows") return StreamFormat::rows;
    if (name == "json") return StreamFormat::json;
    if (name == "columnar") return StreamFormat::columnar;
    return make_error(ErrorCode::invalid_value,
                      "stream format '" + std::string(name) + "' is not one of rows, json, columnar");
}

StreamReader::StreamReader(std::shared_ptr<Partition> partition, std::shared_ptr<const TableMeta> table,
                           PartitionId id, Offset from, std::uint64_t rows_max, StreamFormat format)
    : partition_(std::move(partition)),
      table_(std::move(table)),
      id_(id),
      format_(format),
      next_offset_(std::max<Offset>(from, 0)),
      rows_left_(rows_max) {}

Result<StreamChunk> StreamReader::next(std::size_t bytes_max) {
    bytes_max = std::clamp<std::size_t>(bytes_max, 1, kFramePlainBytes);
    StreamChunk chunk;
    if (rows_left_ == 0) return chunk;
    if (position_ == slices_.size()) {
        DL_TRY_ASSIGN(slices_, partition_->read(next_offset_, rows_left_, bytes_max));
        for (auto& slice : slices_)
            DL_TRY(widen(slice));
        position_ = 0;
    }
    switch (format_) {
        case StreamFormat::rows:
            encode_rows(chunk, bytes_max);
            break;
        case StreamFormat::json:
            encode_json(chunk, bytes_max);
            break;
        case StreamFormat::columnar:
            encode_columnar(chunk, bytes_max);
            break;
    }
    return chunk;
}

// Records of before a column got a wider type come as those of now.
Result<void> StreamReader::widen(ReadSlice& slice) const {
    const auto* const before = slice.batch.body().data();
    DL_TRY_ASSIGN(slice.batch, widened_batch(slice.batch, table_->schema.fields));
    const auto& body = slice.batch.body();
    if (body.data() == before) return {};
    auto& header = slice.header;
    header.codec = BodyCodec::none;
    header.schema = table_->schema.id;
    header.body_bytes = header.body_plain_bytes = static_cast<std::uint32_t>(body.size());
    header.body_crc = crc32c(0, body.data(), body.size());
    slice.stored_body = body;
    return {};
}

// Stored bytes of one record of the slice, about.
std::size_t StreamReader::row_bytes(const ReadSlice& slice) const {
    return std::max<std::size_t>(slice.batch.body().size() / std::max<std::uint32_t>(slice.batch.rows(), 1),
                                 1);
}

// Offsets are dense where every record is stored, so that each one left out was compacted away.
void StreamReader::note_dropped(const ReadSlice& slice, std::uint32_t end_row) {
    const auto note = [this](Offset first, Offset last) {
        dropped_ = {dropped_ ? dropped_->first : first, last};
    };
    const Offset begin = slice.offset_of(slice.first_row);
    if (begin > next_offset_) note(next_offset_, begin - 1);
    const Offset last = slice.offset_of(end_row - 1);
    if (last - begin == static_cast<Offset>(end_row - 1 - slice.first_row)) return;
    auto low = slice.first_row;
    while (slice.offset_of(low + 1) == slice.offset_of(low) + 1)
        ++low;
    auto high = end_row - 1;
    while (slice.offset_of(high - 1) == slice.offset_of(high) - 1)
        --high;
    note(slice.offset_of(low) + 1, slice.offset_of(high) - 1);
}

void StreamReader::took(const ReadSlice& slice, std::uint32_t end_row, StreamChunk& chunk) {
    DL_CHECK(end_row > slice.first_row && end_row <= slice.end_row,
             "a stream comes forward within its slice");
    const auto rows = end_row - slice.first_row;
    DL_CHECK(rows <= rows_left_, "a stream gives no more than was asked for");
    DL_CHECK(slice.offset_of(slice.first_row) >= next_offset_, "INV-3 a stream gives no record twice");
    note_dropped(slice, end_row);
    chunk.rows += rows;
    rows_left_ -= rows;
    next_offset_ = slice.offset_of(end_row - 1) + 1;
}

void StreamReader::encode_rows(StreamChunk& chunk, std::size_t bytes_max) {
    StreamRowsEncoder encoder(*table_, id_);
    while (position_ < slices_.size() && rows_left_ > 0 &&
           (encoder.rows() == 0 || encoder.plain_bytes() < bytes_max)) {
        auto& slice = slices_[position_];
        // As many rows as fit by their stored size; the text form is larger, so look again after a part of
        // them.
        const auto room = bytes_max - std::min(bytes_max, encoder.plain_bytes());
        const auto fit = std::clamp<std::size_t>(room / (2 * row_bytes(slice)), 1, 4096);
        const auto left = std::min<std::uint64_t>(slice.end_row - slice.first_row, rows_left_);
        const auto end = slice.first_row + static_cast<std::uint32_t>(std::min<std::uint64_t>(fit, left));
        encoder.add(slice.batch, slice.first_row, end, RowOffsets{slice.header.base_offset, slice.offsets});
        took(slice, end, chunk);
        slice.first_row = end;
        if (end == slice.end_row) ++position_;
    }
    if (encoder.rows() == 0) return;
    chunk.bytes = encoder.plain_bytes();
    StreamFrame frame;
    frame.push_back(SharedBytes::from_string(encoder.finish()));
    chunk.frames.push_back(std::move(frame));
}

void StreamReader::encode_json(StreamChunk& chunk, std::size_t bytes_max) {
    // All texts in one buffer, cut into frames at the end.
    std::string text;
    std::vector<std::size_t> ends;
    while (position_ < slices_.size() && rows_left_ > 0 && text.size() < bytes_max) {
        auto& slice = slices_[position_];
        const auto row = slice.first_row;
        append_stream_json(text, *table_, id_, slice.batch, row, slice.offset_of(row),
                           slice.append_time_us_of(row));
        ends.push_back(text.size());
        took(slice, row + 1, chunk);
        slice.first_row = row + 1;
        if (slice.first_row == slice.end_row) ++position_;
    }
    DL_CHECK(ends.empty() || ends.back() == text.size(), "every text is in a frame");
    chunk.bytes = text.size();
    const auto all = SharedBytes::from_string(std::move(text));
    std::size_t begin = 0;
    for (const auto end : ends) {
        StreamFrame frame;
        frame.push_back(all.slice(begin, end - begin));
        chunk.frames.push_back(std::move(frame));
        begin = end;
    }
}

void StreamReader::encode_columnar(StreamChunk& chunk, std::size_t bytes_max) {
    while (position_ < slices_.size() && rows_left_ > 0 && chunk.bytes < bytes_max) {
        const auto& slice = slices_[position_++];
        const auto left = std::min<std::uint64_t>(slice.end_row - slice.first_row, rows_left_);
        const auto end = slice.first_row + static_cast<std::uint32_t>(left);
        std::span<const Offset> offsets(slice.offsets);
        DL_CHECK(offsets.empty() || offsets.size() >= end, "every row of compacted history has its offset");
        if (!offsets.empty()) offsets = offsets.subspan(slice.first_row, left);
        // Whose batch it was is the slave's to know; readers of the first format version get its header.
        auto header = slice.header;
        if (header.producer_sequence != 0) {
            header.batch_id = {};
            header.producer_sequence = 0;
        }
        StreamFrame frame;
        frame.push_back(
            SharedBytes::from_string(columnar_batch_prefix(header, slice.first_row, end, offsets)));
        frame.push_back(slice.stored_body);
        chunk.bytes += frame[0].size() + frame[1].size();
        chunk.frames.push_back(std::move(frame));
        took(slice, end, chunk);
    }
    // What lies behind the last record wanted is not kept for later.
    if (rows_left_ == 0) {
        slices_.clear();
        position_ = 0;
    }
}

}  // namespace dl::slave
