#include "common/record/columnar_frame.h"

#include "common/base/byte_io.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

Error corrupt(std::string_view what) {
    return make_error(ErrorCode::corrupt_data, "columnar frame: " + std::string(what));
}

}  // namespace

std::string columnar_schema_frame(const TableMeta& table) {
    std::string out = "{\"table_name\":";
    append_json_string(out, table.name);
    out += ",\"major_key\":";
    append_json_string(out, table.schema.key().name);
    out += ",\"columns\":[";
    bool first = true;
    for (const auto& field : table.schema.fields) {
        out += first ? "{\"id\":" : ",{\"id\":";
        first = false;
        append_int64(out, field.id.value);
        out += ",\"name\":";
        append_json_string(out, field.name);
        out += ",\"type\":";
        append_json_string(out, type_name(field.type));
        if (field.default_text) {
            out += ",\"default\":";
            append_json_string(out, *field.default_text);
        }
        out += '}';
    }
    out += "]}";
    return out;
}

std::string columnar_batch_prefix(const RecordBatchHeader& header, std::uint32_t first_row,
                                  std::uint32_t end_row, std::span<const Offset> offsets) {
    std::string out;
    out.reserve(16 + offsets.size() * sizeof(Offset) + RecordBatchHeader::kHeaderBytes);
    append_le(out, first_row);
    append_le(out, end_row);
    append_le(out, static_cast<std::uint32_t>(offsets.size()));
    append_le(out, std::uint32_t{0});
    out.append(reinterpret_cast<const char*>(offsets.data()), offsets.size() * sizeof(Offset));
    const std::size_t start = out.size();
    out.resize(start + RecordBatchHeader::kHeaderBytes);
    encode_record_batch_header(header, out.data() + start);
    return out;
}

Result<ColumnarFrame> decode_columnar_frame(SharedBytes bytes) {
    ByteReader in(bytes.view());
    ColumnarFrame frame;
    frame.first_row = in.read<std::uint32_t>();
    frame.end_row = in.read<std::uint32_t>();
    const auto offset_count = in.read<std::uint32_t>();
    const auto reserved = in.read<std::uint32_t>();
    if (!in.ok()) return corrupt("shorter than its head");
    if (reserved != 0) return corrupt("unknown flags");
    if (frame.first_row > frame.end_row) return corrupt("its rows end before they begin");
    if (offset_count != 0 && offset_count != frame.end_row - frame.first_row)
        return corrupt("it has " + std::to_string(offset_count) + " offsets for " +
                       std::to_string(frame.end_row - frame.first_row) + " rows");
    const std::string_view offsets = in.read_bytes(std::size_t{offset_count} * sizeof(Offset));
    const std::string_view head = in.read_bytes(RecordBatchHeader::kHeaderBytes);
    if (!in.ok()) return corrupt("it ends before its record batch");
    DL_TRY_ASSIGN(frame.header, decode_record_batch_header(head));
    if (frame.end_row > frame.header.count) return corrupt("more rows than its record batch has");
    if (in.remaining() != frame.header.body_bytes)
        return corrupt("its body has another size than its header says");
    const std::size_t body_at = bytes.size() - frame.header.body_bytes;
    DL_TRY_ASSIGN(frame.batch, decode_record_batch_body(frame.header,
                                                        bytes.slice(body_at, frame.header.body_bytes), true));
    frame.offsets.resize(offset_count);
    if (offset_count != 0) std::memcpy(frame.offsets.data(), offsets.data(), offsets.size());
    for (std::size_t i = 1; i < frame.offsets.size(); ++i)
        if (frame.offsets[i - 1] >= frame.offsets[i]) return corrupt("its offsets do not ascend");
    return frame;
}

}  // namespace dl
