#include "slave/columnar/parquet_column_encoder.h"

#include <snappy.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "common/base/check.h"
#include "slave/columnar/hybrid_writer.h"
#include "slave/columnar/thrift_writer.h"

namespace dl::slave {
namespace {

// Encodings and page kinds, numbered as in the Parquet format.
constexpr std::int32_t kPlain = 0;
constexpr std::int32_t kRle = 3;
constexpr std::int32_t kDeltaBinaryPacked = 5;
constexpr std::int32_t kRleDictionary = 8;
constexpr std::int32_t kDataPage = 0;
constexpr std::int32_t kDictionaryPage = 2;

// A dictionary is given up when it gets longer than a fifth of a row group, when more than half of the first
// values were new to it, or when its values meet in one place (which somebody may have chosen them to do).
constexpr std::size_t kEntriesMax = 3276;
constexpr std::size_t kTrialValues = 1024;
constexpr std::size_t kProbesMax = 256;
// Statistics of longer texts cost more than they prune.
constexpr std::size_t kRangeTextMax = 256;
// A chunk is stored compressed when that takes away a tenth at least.
constexpr double kCompressedMax = 0.9;

// --- NULLs ---

// Which rows of the row group are there: nothing is kept as long as all are.
class Levels {
  public:
    std::uint64_t rows() const { return rows_; }
    std::uint64_t nulls() const { return nulls_; }
    void add_values(std::uint32_t count) {
        if (nulls_ != 0) set_bits(count);
        rows_ += count;
    }
    void add_nulls(std::uint32_t count) {
        if (nulls_ == 0) {
            const auto before = static_cast<std::uint32_t>(rows_);
            rows_ = 0;
            set_bits(before);
            rows_ = before;
        }
        nulls_ += count;
        rows_ += count;
        bits_.resize((rows_ + 7) / 8);
    }
    void append_to(std::string& page) const {
        const auto begin = page.size();
        append_le(page, std::uint32_t{0});
        if (nulls_ == 0)
            append_hybrid_run(page, true, rows_);
        else
            append_hybrid_bits(page, bits_, rows_);
        store_le(page.data() + begin, static_cast<std::uint32_t>(page.size() - begin - 4));
    }
    void clear() {
        rows_ = nulls_ = 0;
        bits_.clear();
    }

  private:
    void set_bits(std::uint32_t count) {
        bits_.resize((rows_ + count + 7) / 8);
        for (std::uint64_t row = rows_; row < rows_ + count;) {
            if (row % 8 == 0 && rows_ + count - row >= 8) {
                bits_[row / 8] = 0xff;
                row += 8;
            } else {
                bits_[row / 8] = static_cast<std::uint8_t>(bits_[row / 8] | 1u << (row % 8));
                ++row;
            }
        }
    }
    std::uint64_t rows_ = 0;
    std::uint64_t nulls_ = 0;
    std::vector<std::uint8_t> bits_;
};

// --- dictionary ---

// Different values in the order of their coming. `Value` is a trivial type or std::string_view.
template <class Value>
class Dictionary {
  public:
    static constexpr std::uint16_t kFull = 0xffff;

    const std::vector<Value>& entries() const { return entries_; }
    // Number of the value, which is added when it is new; kFull when there is no room for it.
    std::uint16_t number_of(const Value& value) {
        if (!entries_.empty() && value == entries_[last_]) return last_;
        const auto home = hash(value);
        for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
            auto& slot = slots_[(home + probe) % kSlots];
            if (slot == 0) {
                if (entries_.size() == kEntriesMax) return kFull;
                entries_.push_back(value);
                slot = static_cast<std::uint16_t>(entries_.size());
                return last_ = static_cast<std::uint16_t>(entries_.size() - 1);
            }
            if (entries_[slot - std::size_t{1}] == value) return last_ = static_cast<std::uint16_t>(slot - 1);
        }
        return kFull;
    }
    void clear() {
        if (!entries_.empty()) slots_.fill(0);
        entries_.clear();
        last_ = 0;
    }

  private:
    static constexpr std::size_t kSlots = 8192;
    static_assert(kSlots >= 2 * kEntriesMax);

    static std::size_t hash(const Value& value) {
        if constexpr (std::is_same_v<Value, std::string_view>)
            return XXH3_64bits(value.data(), value.size());
        else
            return XXH3_64bits(&value, sizeof value);
    }
    std::array<std::uint16_t, kSlots> slots_{};  // 0: free, else number + 1
    std::vector<Value> entries_;
    std::uint16_t last_ = 0;
};

// --- pages ---

std::string page_header(std::int32_t kind, std::size_t plain_bytes, std::size_t stored_bytes,
                        std::size_t values, std::int32_t encoding) {
    std::string bytes;
    ThriftWriter header(bytes);
    header.i32(1, kind);
    header.i32(2, static_cast<std::int32_t>(plain_bytes));
    header.i32(3, static_cast<std::int32_t>(stored_bytes));
    header.begin_structure(kind == kDataPage ? 5 : 7);
    header.i32(1, static_cast<std::int32_t>(values));
    header.i32(2, encoding);
    if (kind == kDataPage) {
        header.i32(3, kRle);  // definition levels
        header.i32(4, kRle);  // repetition levels, which flat columns do not have
    }
    header.end_structure();
    header.end_structure();
    return bytes;
}

struct Page {
    std::int32_t kind = kDataPage;
    std::int32_t encoding = kPlain;
    std::size_t values = 0;
    std::string content;
    std::string packed;  // the content, compressed
};

void append_pages(std::string& out, std::span<Page> pages, ParquetChunkInfo& info) {
    const auto begin = out.size();
    std::size_t plain_bytes = 0, packed_bytes = 0;
    for (auto& page : pages) {
        DL_CHECK(page.content.size() <= std::size_t{std::numeric_limits<std::int32_t>::max()},
                 "row groups end long before a page has 2 GiB");
        snappy::Compress(page.content.data(), page.content.size(), &page.packed);
        plain_bytes += page.content.size();
        packed_bytes += page.packed.size();
    }
    const bool compressed =
        static_cast<double>(packed_bytes) < kCompressedMax * static_cast<double>(plain_bytes);
    info.codec = compressed ? ParquetCodec::snappy : ParquetCodec::plain;
    for (const auto& page : pages) {
        const auto& stored = compressed ? page.packed : page.content;
        if (page.kind == kDataPage) info.data_page = out.size() - begin;
        const auto header =
            page_header(page.kind, page.content.size(), stored.size(), page.values, page.encoding);
        out += header;
        out += stored;
        info.plain_bytes += header.size() + page.content.size();
    }
    info.stored_bytes = out.size() - begin;
}

// --- values ---

// `Stored`: the type of a value in the file; `Loaded`: in a batch.
template <class Stored, class Loaded>
struct FixedCodec {
    using Value = Stored;
    static Value load(const ColumnView& view, std::uint32_t row) {
        return static_cast<Value>(view.fixed<Loaded>(row));
    }
    static void append_plain(std::string& page, const Value& value) { append_le(page, value); }
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
    static void append_plain(std::string& page, const std::vector<Value>& values) {
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
    static void append_plain(std::string& page, const Value& value) {
        append_le(page, __builtin_bswap64(static_cast<std::uint64_t>(value >> 64)));
        append_le(page, __builtin_bswap64(static_cast<std::uint64_t>(value)));
    }
    static void append_plain(std::string& page, const std::vector<Value>& values) {
        for (const auto& value : values)
            append_plain(page, value);
    }
    static std::optional<ParquetChunkInfo::Range> range(const std::vector<Value>& values) {
        if (values.empty()) return std::nullopt;
        const auto [min, max] = std::minmax_element(values.begin(), values.end());
        ParquetChunkInfo::Range range;
        append_plain(range.min, *min);
        append_plain(range.max, *max);
        return range;
    }
};

struct BinaryCodec {
    using Value = std::string_view;
    static Value load(const ColumnView& view, std::uint32_t row) { return view.bytes(row); }
    static void append_plain(std::string& page, const Value& value) { append_string(page, value); }
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
    static void append_plain(std::string& page, const std::vector<Value>& values) {
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

// --- encoders ---

template <class Codec>
class DictionaryEncoder final : public ParquetColumnEncoder {
  public:
    explicit DictionaryEncoder(bool optional) : optional_(optional) {}

    void append(const ColumnView& view, std::uint32_t begin, std::uint32_t count) override {
        if (view.validity == nullptr) return append_values(view, begin, count);
        const auto end = begin + count;
        for (auto row = begin; row < end;) {
            const bool null = view.is_null(row);
            auto next = row + 1;
            while (next < end && view.is_null(next) == null)
                ++next;
            if (null)
                append_nulls(next - row);
            else
                append_values(view, row, next - row);
            row = next;
        }
    }
    void append_repeated(const ColumnView& view, std::uint32_t row, std::uint32_t count) override {
        if (count == 0) return;
        if (view.is_null(row)) return append_nulls(count);
        levels_.add_values(count);
        const auto value = Codec::load(view, row);
        const auto number = in_dictionary_ ? dictionary_.number_of(value) : kFull;
        if (number == kFull) give_up_dictionary();
        if (in_dictionary_)
            numbers_.insert(numbers_.end(), count, number);
        else
            plain_.insert(plain_.end(), count, value);
    }
    void append_nulls(std::uint32_t count) override {
        DL_CHECK(optional_, "a column that is not optional has no NULLs");
        levels_.add_nulls(count);
    }
    std::uint64_t rows() const override { return levels_.rows(); }

    ParquetChunkInfo encode(std::string& out) override {
        // It holds fewer values than there are, or is of no use.
        if (in_dictionary_ && dictionary_.entries().size() > numbers_.size() / 2) give_up_dictionary();
        ParquetChunkInfo info;
        info.values = levels_.rows();
        info.nulls = levels_.nulls();
        info.dictionary = in_dictionary_ && !numbers_.empty();
        if (info.dictionary) info.encoding = kRleDictionary;
        info.range = Codec::range(info.dictionary ? dictionary_.entries() : plain_);
        auto& entries = pages_[0];
        auto& data = pages_[1];
        data.content.clear();
        if (optional_) levels_.append_to(data.content);
        data.values = levels_.rows();
        if (info.dictionary) {
            entries.kind = kDictionaryPage;
            entries.values = dictionary_.entries().size();
            entries.content.clear();
            Codec::append_plain(entries.content, dictionary_.entries());
            data.encoding = kRleDictionary;
            const auto width = std::bit_width((entries.values - 1) | 1);  // 1 at least
            data.content.push_back(static_cast<char>(width));
            append_hybrid(data.content, numbers_, static_cast<unsigned>(width));
        } else {
            data.encoding = kPlain;
            Codec::append_plain(data.content, plain_);
        }
        append_pages(out, std::span(pages_).subspan(info.dictionary ? 0 : 1), info);
        clear();
        return info;
    }

  private:
    using Value = typename Codec::Value;
    static constexpr auto kFull = Dictionary<Value>::kFull;

    void append_values(const ColumnView& view, std::uint32_t begin, std::uint32_t count) {
        levels_.add_values(count);
        const auto end = begin + count;
        while (begin < end && in_dictionary_)
            begin = number_values(view, begin, end);
        if (begin < end) Codec::append_many(plain_, view, begin, end - begin);
    }
    // Looks up rows from `begin` on in the dictionary, and returns the first it did not: at the end, at a
    // value it has no room for, or when the trial is over.
    std::uint32_t number_values(const ColumnView& view, std::uint32_t begin, std::uint32_t end) {
        const auto before = numbers_.size();
        if (before < kTrialValues)
            end = static_cast<std::uint32_t>(std::min<std::size_t>(end, begin + kTrialValues - before));
        numbers_.resize(before + (end - begin));
        auto* at = numbers_.data() + before;
        for (; begin < end; ++begin, ++at) {
            const auto number = dictionary_.number_of(Codec::load(view, begin));
            if (number == kFull) break;
            *at = number;
        }
        numbers_.resize(static_cast<std::size_t>(at - numbers_.data()));
        const bool failed_trial =
            numbers_.size() == kTrialValues && dictionary_.entries().size() > kTrialValues / 2;
        if (begin < end || failed_trial) give_up_dictionary();
        return begin;
    }
    void give_up_dictionary() {
        if (!in_dictionary_) return;
        in_dictionary_ = false;
        plain_.reserve(numbers_.size());
        for (const auto number : numbers_)
            plain_.push_back(dictionary_.entries()[number]);
    }
    void clear() {
        levels_.clear();
        dictionary_.clear();
        numbers_.clear();
        plain_.clear();
        in_dictionary_ = true;
    }

    const bool optional_;
    Levels levels_;
    bool in_dictionary_ = true;
    Dictionary<Value> dictionary_;
    std::vector<std::uint16_t> numbers_;  // of the values, in the dictionary
    std::vector<Value> plain_;            // once the dictionary is given up
    std::array<Page, 2> pages_;           // of encode(), kept for their memory
};

// DELTA_BINARY_PACKED: differences, of each block less the smallest one, so that ascending numbers without
// gaps take next to nothing.
class DeltaEncoder final : public ParquetColumnEncoder {
  public:
    void append(const ColumnView& view, std::uint32_t begin, std::uint32_t count) override {
        Int64Codec::append_many(values_, view, begin, count);
    }
    void append_repeated(const ColumnView& view, std::uint32_t row, std::uint32_t count) override {
        values_.insert(values_.end(), count, view.fixed<std::int64_t>(row));
    }
    void append_nulls(std::uint32_t) override { DL_CHECK(false, "differences need values"); }
    std::uint64_t rows() const override { return values_.size(); }

    ParquetChunkInfo encode(std::string& out) override {
        ParquetChunkInfo info;
        info.values = values_.size();
        info.encoding = kDeltaBinaryPacked;
        info.range = Int64Codec::range(values_);
        page_.values = values_.size();
        page_.encoding = kDeltaBinaryPacked;
        page_.content.clear();
        append_varint(page_.content, kBlock);
        append_varint(page_.content, kBlock / kMiniblock);
        append_varint(page_.content, values_.size());
        append_zigzag(page_.content, values_.empty() ? 0 : values_.front());
        for (std::size_t at = 1; at < values_.size(); at += kBlock)
            append_block(at, std::min(at + kBlock, values_.size()));
        append_pages(out, std::span(&page_, 1), info);
        values_.clear();
        return info;
    }

  private:
    static constexpr std::size_t kBlock = 128;
    static constexpr std::size_t kMiniblock = 32;

    void append_block(std::size_t begin, std::size_t end) {
        std::array<std::uint64_t, kBlock> deltas{};
        auto smallest = std::numeric_limits<std::int64_t>::max();
        for (auto at = begin; at < end; ++at) {
            // May wrap round, as the reader's sum does.
            deltas[at - begin] =
                static_cast<std::uint64_t>(values_[at]) - static_cast<std::uint64_t>(values_[at - 1]);
            smallest = std::min(smallest, static_cast<std::int64_t>(deltas[at - begin]));
        }
        append_zigzag(page_.content, smallest);
        const auto widths_at = page_.content.size();
        page_.content.append(kBlock / kMiniblock, '\0');
        for (std::size_t first = 0; first < end - begin; first += kMiniblock) {
            const auto count = std::min(kMiniblock, end - begin - first);
            std::uint64_t all = 0;
            for (std::size_t i = 0; i < count; ++i)
                all |= deltas[first + i] -= static_cast<std::uint64_t>(smallest);
            const auto width = std::bit_width(all);
            page_.content[widths_at + first / kMiniblock] = static_cast<char>(width);
            append_packed(std::span(deltas).subspan(first, kMiniblock), static_cast<unsigned>(width));
        }
    }
    // What is missing of the last miniblock is packed as 0.
    void append_packed(std::span<const std::uint64_t> values, unsigned width) {
        std::uint64_t pending = 0;
        unsigned bits = 0;
        for (const auto value : values) {
            pending |= value << bits;
            bits += width;
            if (bits < 64) continue;
            append_le(page_.content, pending);
            bits -= 64;
            pending = bits == 0 ? 0 : value >> (width - bits);
        }
        DL_CHECK(bits % 32 == 0, "32 values end at a multiple of 32 bits");
        if (bits != 0) append_le(page_.content, static_cast<std::uint32_t>(pending));
    }
    static void append_zigzag(std::string& out, std::int64_t value) {
        append_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
    }

    std::vector<std::int64_t> values_;
    Page page_;
};

class BooleanEncoder final : public ParquetColumnEncoder {
  public:
    explicit BooleanEncoder(bool optional) : optional_(optional) {}

    void append(const ColumnView& view, std::uint32_t begin, std::uint32_t count) override {
        for (auto row = begin; row < begin + count; ++row)
            append_repeated(view, row, 1);
    }
    void append_repeated(const ColumnView& view, std::uint32_t row, std::uint32_t count) override {
        if (view.is_null(row)) return append_nulls(count);
        levels_.add_values(count);
        const bool value = view.fixed<std::uint8_t>(row) != 0;
        (value ? some_true_ : some_false_) = true;
        while (count != 0) {
            if (values_ % 8 == 0 && count >= 8) {
                bits_.append(count / 8, value ? '\xff' : '\0');
                values_ += count / 8 * 8;
                count %= 8;
                continue;
            }
            if (values_ % 8 == 0) bits_.push_back(0);
            if (value) bits_.back() = static_cast<char>(bits_.back() | 1 << (values_ % 8));
            ++values_;
            --count;
        }
    }
    void append_nulls(std::uint32_t count) override {
        DL_CHECK(optional_, "a column that is not optional has no NULLs");
        levels_.add_nulls(count);
    }
    std::uint64_t rows() const override { return levels_.rows(); }

    ParquetChunkInfo encode(std::string& out) override {
        ParquetChunkInfo info;
        info.values = levels_.rows();
        info.nulls = levels_.nulls();
        if (values_ != 0)
            info.range = {std::string(1, some_false_ ? '\0' : '\1'),
                          std::string(1, some_true_ ? '\1' : '\0')};
        Page page;
        if (optional_) levels_.append_to(page.content);
        page.values = levels_.rows();
        page.content += bits_;
        append_pages(out, std::span(&page, 1), info);
        levels_.clear();
        bits_.clear();
        values_ = 0;
        some_true_ = some_false_ = false;
        return info;
    }

  private:
    const bool optional_;
    Levels levels_;
    std::string bits_;
    std::uint64_t values_ = 0;
    bool some_true_ = false, some_false_ = false;
};

}  // namespace

ParquetStorage parquet_storage(DataType type) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return {ParquetType::int32, 0};
        case TypeKind::int64:
        case TypeKind::timestamp:
            return {ParquetType::int64, 0};
        case TypeKind::float32:
            return {ParquetType::real32, 0};
        case TypeKind::float64:
            return {ParquetType::real64, 0};
        case TypeKind::boolean:
            return {ParquetType::boolean, 0};
        case TypeKind::decimal:
            if (type.precision <= 9) return {ParquetType::int32, 0};
            if (type.precision <= 18) return {ParquetType::int64, 0};
            return {ParquetType::fixed_bytes, 16};
        case TypeKind::string:
        case TypeKind::binary:
        case TypeKind::json:
            break;
    }
    return {ParquetType::byte_array, 0};
}

std::unique_ptr<ParquetColumnEncoder> ParquetColumnEncoder::create_delta() {
    return std::make_unique<DeltaEncoder>();
}

std::unique_ptr<ParquetColumnEncoder> ParquetColumnEncoder::create(DataType type, bool optional) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return std::make_unique<DictionaryEncoder<Int32Codec>>(optional);
        case TypeKind::int64:
        case TypeKind::timestamp:
            return std::make_unique<DictionaryEncoder<Int64Codec>>(optional);
        case TypeKind::float32:
            return std::make_unique<DictionaryEncoder<Float32Codec>>(optional);
        case TypeKind::float64:
            return std::make_unique<DictionaryEncoder<Float64Codec>>(optional);
        case TypeKind::boolean:
            return std::make_unique<BooleanEncoder>(optional);
        case TypeKind::decimal:
            if (type.precision <= 9) return std::make_unique<DictionaryEncoder<SmallDecimalCodec>>(optional);
            if (type.precision <= 18) return std::make_unique<DictionaryEncoder<Int64Codec>>(optional);
            return std::make_unique<DictionaryEncoder<LargeDecimalCodec>>(optional);
        case TypeKind::string:
            return std::make_unique<DictionaryEncoder<TextCodec>>(optional);
        case TypeKind::binary:
        case TypeKind::json:
            break;
    }
    return std::make_unique<DictionaryEncoder<BinaryCodec>>(optional);
}

}  // namespace dl::slave
