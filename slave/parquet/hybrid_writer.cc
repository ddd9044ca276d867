#include "slave/parquet/hybrid_writer.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {
namespace {

constexpr std::size_t kGroup = 8;
// A run ends the bit-packed groups before it, which costs up to three bytes.
constexpr std::size_t kRunMin = 16;

std::size_t run_length(std::span<const std::uint16_t> values) {
    std::size_t length = 1;
    while (length < values.size() && values[length] == values[0])
        ++length;
    return length;
}

void append_packed(std::string& out, std::span<const std::uint16_t> values, unsigned width) {
    if (values.empty()) return;
    const std::size_t groups = (values.size() + kGroup - 1) / kGroup;
    append_varint(out, groups << 1 | 1);
    const auto begin = out.size();
    out.resize(begin + groups * width);
    auto* at = out.data() + begin;
    std::uint64_t pending = 0;
    unsigned bits = 0;
    for (const auto value : values) {
        pending |= std::uint64_t{value} << bits;
        bits += width;
        for (; bits >= 8; bits -= 8, pending >>= 8)
            *at++ = static_cast<char>(pending);
    }
    DL_CHECK(at <= out.data() + out.size() - (bits != 0 ? 1 : 0), "packed values fill their groups at most");
    if (bits != 0) *at = static_cast<char>(pending);  // what is missing of the last group stays 0
}

}  // namespace

void append_hybrid(std::string& out, std::span<const std::uint16_t> values, unsigned width) {
    DL_CHECK(width > 0 && width <= 16, "numbers of a dictionary have 1 to 16 bits");
    std::size_t packed_from = 0;
    for (std::size_t at = 0; at < values.size();) {
        const auto length = run_length(values.subspan(at));
        if (length < kRunMin) {
            at += kGroup;
            continue;
        }
        append_packed(out, values.subspan(packed_from, at - packed_from), width);
        append_varint(out, length << 1);
        out.push_back(static_cast<char>(values[at]));
        if (width > 8) out.push_back(static_cast<char>(values[at] >> 8));
        at += length;
        packed_from = at;
    }
    append_packed(out, values.subspan(packed_from), width);
}

void append_hybrid_bits(std::string& out, std::span<const std::uint8_t> bits, std::uint64_t count) {
    const auto groups = (count + kGroup - 1) / kGroup;
    DL_CHECK(bits.size() >= groups, "there are as many bits as rows");
    append_varint(out, groups << 1 | 1);
    out.append(reinterpret_cast<const char*>(bits.data()), groups);
}

void append_hybrid_run(std::string& out, bool bit, std::uint64_t count) {
    append_varint(out, count << 1);
    out.push_back(bit ? 1 : 0);
}

}  // namespace dl::slave
