#include "master/protocol/native/row_frames.h"

#include "common/base/byte_io.h"
#include "common/json/json_writer.h"
#include "common/record/row_json.h"

namespace dl::master {
namespace {

constexpr std::size_t kPieceBytes = 128u << 10;

}  // namespace

RowFrames::RowFrames(const std::vector<ResultColumn>& columns) {
    for (const auto& column : columns) {
        std::string key;
        append_json_string(key, column.name);
        keys_.push_back(std::move(key));
    }
}

std::uint32_t RowFrames::take(const ColumnBatch& batch, std::uint32_t row) {
    do {
        const auto begin = bytes_.size();
        bytes_.append(4, '\0');
        append_row_json(bytes_, keys_, batch, row++);
        store_be32(bytes_.data() + begin, static_cast<std::uint32_t>(bytes_.size() - begin - 4));
    } while (row < batch.rows() && !full());
    return row;
}

bool RowFrames::full() const {
    return bytes_.size() >= kPieceBytes;
}

}  // namespace dl::master
