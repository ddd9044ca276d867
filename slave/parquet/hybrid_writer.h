// The hybrid of runs and bit-packed groups that Parquet keeps levels and dictionary indexes in
// (https://parquet.apache.org/docs/file-format/data-pages/encodings/, RLE = 3). hybrid_reader.h is the other
// direction. Appends to `out`.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace dl::slave {

// Seven bits a byte, the lowest first; the highest bit says that more follow (ULEB128).
inline void append_varint(std::string& out, std::uint64_t value) {
    for (; value >= 128; value >>= 7)
        out.push_back(static_cast<char>(value | 128));
    out.push_back(static_cast<char>(value));
}

// Each below 2^width; `width`: 1 to 16.
void append_hybrid(std::string& out, std::span<const std::uint16_t> values, unsigned width);
// Values of one bit out of a bitmap: bit i is (bits[i / 8] >> (i % 8)) & 1.
void append_hybrid_bits(std::string& out, std::span<const std::uint8_t> bits, std::uint64_t count);
// One bit, `count` times.
void append_hybrid_run(std::string& out, bool bit, std::uint64_t count);

}  // namespace dl::slave
