#include "slave/parquet/delta_reader.h"

#include <algorithm>

#include "common/base/byte_io.h"

namespace dl::slave {
namespace {

class Bytes {
  public:
    explicit Bytes(std::string_view bytes) : rest_(bytes) {}
    bool failed() const { return failed_; }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto part = take(1);
            if (part.empty()) return 0;
            const auto b = static_cast<std::uint8_t>(part.front());
            value |= std::uint64_t{b & 127u} << shift;
            if ((b & 128) == 0) return value;
        }
        failed_ = true;
        return 0;
    }
    std::uint64_t zigzag() {
        const auto value = varint();
        return (value >> 1) ^ (~(value & 1) + 1);
    }
    std::string_view take(std::size_t count) {
        if (count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const auto part = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return part;
    }

  private:
    std::string_view rest_;
    bool failed_ = false;
};

std::uint64_t packed_number(std::string_view packed, std::size_t index, unsigned width) {
    std::uint64_t value = 0;
    const auto first = std::uint64_t{index} * width;
    for (unsigned got = 0; got < width;) {
        const auto bit = first + got;
        const auto byte = static_cast<std::uint8_t>(packed[bit / 8]);
        const auto shift = static_cast<unsigned>(bit % 8);
        const auto count = std::min(8 - shift, width - got);
        value |= std::uint64_t{(byte >> shift) & ((1u << count) - 1)} << got;
        got += count;
    }
    return value;
}

}  // namespace

bool read_delta_numbers(std::string_view bytes, std::uint64_t count, std::vector<std::int64_t>& out) {
    Bytes in(bytes);
    const auto block = in.varint(), miniblocks = in.varint(), total = in.varint();
    auto value = in.zigzag();
    // Blocks are multiples of 128, miniblocks of 32.
    if (in.failed() || total < count || miniblocks == 0 || block == 0 || block % 128 != 0 ||
        block % miniblocks != 0 || block / miniblocks % 32 != 0)
        return false;
    if (count == 0) return true;
    out.push_back(static_cast<std::int64_t>(value));
    const auto per_miniblock = block / miniblocks;
    for (std::uint64_t left = count - 1; left != 0;) {
        const auto smallest = in.zigzag();
        const auto widths = in.take(miniblocks);
        if (in.failed()) return false;
        for (const char raw : widths) {
            if (left == 0) break;
            const auto width = static_cast<std::uint8_t>(raw);
            if (width > 64) return false;
            const auto packed = in.take(per_miniblock / 8 * width);
            if (in.failed()) return false;
            const auto here = std::min(left, per_miniblock);
            for (std::uint64_t i = 0; i < here; ++i) {
                value += smallest + (width == 0 ? 0 : packed_number(packed, i, width));
                out.push_back(static_cast<std::int64_t>(value));
            }
            left -= here;
        }
    }
    return true;
}

}  // namespace dl::slave
