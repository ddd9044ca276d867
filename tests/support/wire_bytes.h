// The byte formats of the client protocol as a stranger would write them from docs/protocol.md: independent
// of the product's own codecs, so that a mistake there is not repeated here. Pure functions; malformed input
// throws std::runtime_error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl::test {

using Text = std::optional<std::string>;  // nullopt: NULL

std::string hex_to_bytes(std::string_view hex);  // blanks and '|' are skipped
std::string bytes_to_hex(std::string_view bytes);

// Frame: big-endian i32 length, then the bytes.
std::string frame(std::string_view content);

// The plain form of a binary batch; `columns` should hold "_crud_type".
std::string plain_batch(std::string_view table, const std::vector<std::string>& columns,
                        const std::vector<std::vector<Text>>& rows);
std::string snappy_compress(std::string_view plain);
std::string snappy_uncompress(std::string_view compressed);
// Both frames of a binary batch_insert: "batch_insert" and the compressed batch.
std::string binary_batch_request(std::string_view table, const std::vector<std::string>& columns,
                                 const std::vector<std::vector<Text>>& rows);

struct StreamRecord {
    std::string table;
    std::string key;
    std::map<std::string, Text> values;
    std::string crud;
    std::int32_t partition = 0;
    std::int64_t offset = 0;
};
// A data frame of stream_read in the default format.
std::vector<StreamRecord> decode_stream_frame(std::string_view compressed);
std::vector<StreamRecord> decode_plain_stream(std::string_view plain);

}  // namespace dl::test
