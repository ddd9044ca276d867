// How values of each column type leave a batch and lie in a Parquet page: PLAIN encoding, and the range for
// the statistics. For parquet_column_encoder.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/record/column_batch.h"
#include "slave/parquet/parquet_page_writer.h"

namespace dl::slave {

// Statistics of longer texts cost more than they prune.
inline constexpr std::size_t kRangeTextMax = 256;

// `Stored`: the type of a value in the file; `Loaded`: in a batch.
template <class Stored, class Loaded>
struct FixedCodec {
    using Value = Stored;
    static Value load(const ColumnView& view, std::uint32_t row) {
        return static_cast<Value>(view.fixed<Loaded>(row));
    }
    static void append_many(std::vector<Value>& values, const ColumnView& view, std::uint32_t begin,
                            std::uint32_t count) {
        const auto at = values.size();
        values.resize(at + count);
        if constexpr (std::is_same_v<Stored, Loaded>) {
            std::memcpy(values.data() + at, view.data + std::size_t{begin} * sizeof(Loaded),
                        std::size_t{count} * sizeof(Loaded));
        } else {
            for (std::uint32_t i = 0; i < count; ++i)
                values[at + i] = load(view, begin + i);
        }
    }
    static void append_plain(std::string& page, std::span<const Value> values) {
        page.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
    }
    // Values whose order is that of `Order`, which has the same bits.
    template <class Order>
    static std::optional<ParquetChunkInfo::Range> range_as(const std::vector<Value>& values) {
        if (values.empty()) return std::nullopt;
        auto min = std::bit_cast<Order>(values.front()), max = min;
        bool ordered = true;
        for (const auto& bits : values) {
            const auto value = std::bit_cast<Order>(bits);
            ordered &= value == value;
            min = value < min ? value : min;
            max = max < value ? value : max;
        }
        if (!ordered) return std::nullopt;  // NaN, which DuckDB takes for the largest, Parquet for none
        ParquetChunkInfo::Range range;
        append_le(range.min, min);
        append_le(range.max, max);
        return range;
    }
};

struct Int32Codec : FixedCodec<std::int32_t, std::int32_t> {
    static auto range(const std::vector<Value>& values) { return range_as<std::int32_t>(values); }
};
struct Int64Codec : FixedCodec<std::int64_t, std::int64_t> {
    static auto range(const std::vector<Value>& values) { return range_as<std::int64_t>(values); }
};
struct SmallDecimalCodec : FixedCodec<std::int32_t, std::int64_t> {
    static auto range(const std::vector<Value>& values) { return range_as<std::int32_t>(values); }
};
// Bits of floats, so that -0 and NaN stay what they are.
struct Float32Codec : FixedCodec<std::uint32_t, std::uint32_t> {
    static auto range(const std::vector<Value>& values) { return range_as<float>(values); }
};
struct Float64Codec : FixedCodec<std::uint64_t, std::uint64_t> {
    static auto range(const std::vector<Value>& values) { return range_as<double>(values); }
};

struct LargeDecimalCodec : FixedCodec<Int128, Int128> {
    static void append_value(std::string& page, const Value& value) {
        append_le(page, __builtin_bswap64(static_cast<std::uint64_t>(value >> 64)));
        append_le(page, __builtin_bswap64(static_cast<std::uint64_t>(value)));
    }
    static void append_plain(std::string& page, std::span<const Value> values) {
        for (const auto& value : values)
            append_value(page, value);
    }
    static std::optional<ParquetChunkInfo::Range> range(const std::vector<Value>& values) {
        if (values.empty()) return std::nullopt;
        const auto [min, max] = std::minmax_element(values.begin(), values.end());
        ParquetChunkInfo::Range range;
        append_value(range.min, *min);
        append_value(range.max, *max);
        return range;
    }
};

struct BinaryCodec {
    using Value = std::string_view;
    static Value load(const ColumnView& view, std::uint32_t row) { return view.bytes(row); }
    static void append_many(std::vector<Value>& values, const ColumnView& view, std::uint32_t begin,
                            std::uint32_t count) {
        const auto at = values.size();
        values.resize(at + count);
        auto from = load_le<std::uint32_t>(view.data + std::size_t{begin} * 4);
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto to = load_le<std::uint32_t>(view.data + (std::size_t{begin} + i) * 4 + 4);
            values[at + i] = {view.heap + from, to - from};
            from = to;
        }
    }
    static void append_plain(std::string& page, std::span<const Value> values) {
        std::size_t bytes = 0;
        for (const auto& value : values)
            bytes += 4 + value.size();
        const auto begin = page.size();
        page.resize(begin + bytes);
        auto* at = page.data() + begin;
        for (const auto& value : values) {
            store_le(at, static_cast<std::uint32_t>(value.size()));
            if (!value.empty()) std::memcpy(at + 4, value.data(), value.size());
            at += 4 + value.size();
        }
    }
    static std::optional<ParquetChunkInfo::Range> range(const std::vector<Value>&) { return std::nullopt; }
};
struct TextCodec : BinaryCodec {
    static std::optional<ParquetChunkInfo::Range> range(const std::vector<Value>& values) {
        if (values.empty()) return std::nullopt;
        Value min = values.front(), max = min;
        for (const auto& value : values) {
            if (value < min) min = value;
            if (max < value) max = value;
        }
        if (std::max(min.size(), max.size()) > kRangeTextMax) return std::nullopt;
        return ParquetChunkInfo::Range{std::string(min), std::string(max)};
    }
};

}  // namespace dl::slave
