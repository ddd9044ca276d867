#include "slave/parquet/parquet_column_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "common/base/check.h"
#include "slave/parquet/hybrid_writer.h"
#include "slave/parquet/parquet_value_codec.h"
#include "slave/parquet/value_dictionary.h"

namespace dl::slave {
namespace {

// A dictionary is given up when it is full, no sooner: values that come in turns, as those of a fleet of
// devices do, repeat only after all of them came once. But where it was given up in the row group before, it
// is again when hardly one of the first values repeats.
constexpr std::size_t kTrialValues = 1024;
constexpr std::size_t kTrialNewMax = 1014;

// A dictionary of texts that take more pays when it spares so many times its size.
constexpr std::size_t kDictionaryBytes = 1u << 20;
constexpr std::size_t kLongDictionaryPays = 8;

// A page has so many rows, and fewer of long values: what a lookup of one row may have to unpack. Multiples
// of 8.
constexpr std::uint64_t kPageRows = 8192;
constexpr std::uint64_t kPageRowsMin = 8;
constexpr std::uint64_t kPageBytes = 64u << 10;

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
    void append_nulls(std::uint32_t count) override { levels_.add_nulls(count); }
    std::uint64_t rows() const override { return levels_.rows(); }

    ParquetChunkInfo encode(std::string& out, ParquetPageDrafts& pages) override {
        if (in_dictionary_ && !dictionary_pays()) give_up_dictionary();
        ParquetChunkInfo info;
        info.values = levels_.rows();
        info.nulls = levels_.nulls();
        const bool in_dictionary = in_dictionary_ && !numbers_.empty();
        if (in_dictionary) info.encoding = kRleDictionaryEncoding;
        DL_CHECK((in_dictionary_ ? numbers_.size() : plain_.size()) == info.values - info.nulls,
                 "every value that is not NULL is written");
        info.range = Codec::range(in_dictionary ? dictionary_.entries() : plain_);
        pages.begin();
        unsigned width = 0;
        if (in_dictionary) {
            auto& entries = pages.add(ParquetPageKind::dictionary, kPlainEncoding);
            entries.values = dictionary_.entries().size();
            Codec::append_plain(entries.content, dictionary_.entries());
            DL_CHECK(entries.values > 0 && entries.values <= dictionary_.kEntriesMax,
                     "a dictionary has the values of its chunk");
            width = static_cast<unsigned>(std::bit_width((entries.values - 1) | 1));  // 1 at least
        }
        std::uint64_t row = 0, value = 0;
        do {
            const auto end = page_end(row, value, in_dictionary);
            const auto count = levels_.values_in(row, end);
            auto& page = pages.add(ParquetPageKind::data, info.encoding);
            page.first_row = row;
            page.values = end - row;
            if (optional_) levels_.append_to(page.content, row, end);
            if (in_dictionary) {
                page.content.push_back(static_cast<char>(width));
                append_hybrid(page.content, std::span(numbers_).subspan(value, count), width);
            } else {
                Codec::append_plain(page.content, std::span<const Value>(plain_).subspan(value, count));
            }
            row = end;
            value += count;
        } while (row < levels_.rows());
        pages.append_to(out, info);
        clear();
        return info;
    }

  private:
    using Value = typename Codec::Value;
    static constexpr auto kFull = ValueDictionary<Value>::kFull;

    // It holds fewer values than there are. And who reads some rows reads all of a dictionary: it is not
    // large, or spares many times its size.
    bool dictionary_pays() const {
        if (dictionary_.entries().size() > numbers_.size() / 2) return false;
        if constexpr (std::is_same_v<Value, std::string_view>) {
            std::size_t entry_bytes = 0, all_bytes = 0;
            for (const auto& entry : dictionary_.entries())
                entry_bytes += entry.size();
            if (entry_bytes <= kDictionaryBytes) return true;
            for (const auto number : numbers_)
                all_bytes += dictionary_.entries()[number].size();
            return entry_bytes <= all_bytes / kLongDictionaryPays;
        }
        return true;
    }
    // Where a page that begins with this row and this value ends.
    std::uint64_t page_end(std::uint64_t row, std::uint64_t value, bool in_dictionary) const {
        const auto end = std::min(row + kPageRows, levels_.rows());
        if constexpr (std::is_same_v<Value, std::string_view>) {
            std::uint64_t bytes = 0;
            for (auto at = row; at < end && !in_dictionary; at += kPageRowsMin) {
                const auto count = levels_.values_in(at, std::min(at + kPageRowsMin, end));
                for (std::uint64_t i = 0; i < count; ++i)
                    bytes += plain_[value++].size();
                if (bytes >= kPageBytes) return std::min(at + kPageRowsMin, end);
            }
        }
        return end;
    }

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
        const bool on_trial = failed_before_ && before < kTrialValues;
        if (on_trial)
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
            on_trial && numbers_.size() == kTrialValues && dictionary_.entries().size() > kTrialNewMax;
        if (begin < end || failed_trial) give_up_dictionary();
        return begin;
    }
    void give_up_dictionary() {
        if (!in_dictionary_) return;
        in_dictionary_ = false;
        plain_.reserve(numbers_.size());
        DL_CHECK(plain_.empty(), "a dictionary is given up once");
        for (const auto number : numbers_)
            plain_.push_back(dictionary_.entries()[number]);
    }
    void clear() {
        levels_.clear();
        dictionary_.clear();
        numbers_.clear();
        plain_.clear();
        failed_before_ = !in_dictionary_;
        in_dictionary_ = true;
    }

    const bool optional_;
    DefinitionLevels levels_;
    bool in_dictionary_ = true;
    bool failed_before_ = false;  // it was given up in the row group before
    ValueDictionary<Value> dictionary_;
    std::vector<std::uint16_t> numbers_;  // of the values, in the dictionary
    std::vector<Value> plain_;            // once the dictionary is given up
};

// DELTA_BINARY_PACKED: differences, of each block less the smallest one, so that ascending numbers without
// gaps take next to nothing.
class DeltaEncoder final : public ParquetColumnEncoder {
  public:
    void append(const ColumnView& view, std::uint32_t begin, std::uint32_t count) override {
        Int64Codec::append_many(values_, view, begin, count);
        for (auto row = begin; view.validity != nullptr && row < begin + count; ++row)
            nulls_ += view.is_null(row) ? 1 : 0;
    }
    void append_repeated(const ColumnView& view, std::uint32_t row, std::uint32_t count) override {
        values_.insert(values_.end(), count, view.fixed<std::int64_t>(row));
        nulls_ += view.is_null(row) ? count : 0;
    }
    void append_nulls(std::uint32_t count) override {
        values_.resize(values_.size() + count);
        nulls_ += count;
    }
    std::uint64_t rows() const override { return values_.size(); }

    ParquetChunkInfo encode(std::string& out, ParquetPageDrafts& pages) override {
        ParquetChunkInfo info;
        info.values = values_.size();
        info.nulls = nulls_;
        info.encoding = kDeltaBinaryPackedEncoding;
        info.range = Int64Codec::range(values_);
        pages.begin();
        for (std::size_t first = 0; first == 0 || first < values_.size(); first += kPageRows) {
            auto& page = pages.add(ParquetPageKind::data, info.encoding);
            const auto end = std::min<std::size_t>(first + kPageRows, values_.size());
            page.first_row = first;
            page.values = end - first;
            append_varint(page.content, kBlock);
            append_varint(page.content, kBlock / kMiniblock);
            append_varint(page.content, end - first);
            append_zigzag(page.content, values_.empty() ? 0 : values_[first]);
            for (auto at = first + 1; at < end; at += kBlock)
                append_block(page.content, at, std::min(at + kBlock, end));
        }
        pages.append_to(out, info);
        values_.clear();
        nulls_ = 0;
        return info;
    }

  private:
    static constexpr std::size_t kBlock = 128;
    static constexpr std::size_t kMiniblock = 32;

    void append_block(std::string& content, std::size_t begin, std::size_t end) const {
        std::array<std::uint64_t, kBlock> deltas{};
        auto smallest = std::numeric_limits<std::int64_t>::max();
        for (auto at = begin; at < end; ++at) {
            // May wrap round, as the reader's sum does.
            deltas[at - begin] =
                static_cast<std::uint64_t>(values_[at]) - static_cast<std::uint64_t>(values_[at - 1]);
            smallest = std::min(smallest, static_cast<std::int64_t>(deltas[at - begin]));
        }
        DL_CHECK(begin > 0 && end - begin <= kBlock, "a block holds the differences to the value before");
        append_zigzag(content, smallest);
        const auto widths_at = content.size();
        content.append(kBlock / kMiniblock, '\0');
        for (std::size_t first = 0; first < end - begin; first += kMiniblock) {
            const auto count = std::min(kMiniblock, end - begin - first);
            std::uint64_t all = 0;
            for (std::size_t i = 0; i < count; ++i)
                all |= deltas[first + i] -= static_cast<std::uint64_t>(smallest);
            const auto width = std::bit_width(all);
            content[widths_at + first / kMiniblock] = static_cast<char>(width);
            append_packed(content, std::span(deltas).subspan(first, kMiniblock),
                          static_cast<unsigned>(width));
        }
    }
    // What is missing of the last miniblock is packed as 0.
    static void append_packed(std::string& content, std::span<const std::uint64_t> values, unsigned width) {
        std::uint64_t pending = 0;
        unsigned bits = 0;
        for (const auto value : values) {
            pending |= value << bits;
            bits += width;
            if (bits < 64) continue;
            append_le(content, pending);
            bits -= 64;
            pending = bits == 0 ? 0 : value >> (width - bits);
        }
        DL_CHECK(bits % 32 == 0, "32 values end at a multiple of 32 bits");
        if (bits != 0) append_le(content, static_cast<std::uint32_t>(pending));
    }
    static void append_zigzag(std::string& out, std::int64_t value) {
        append_varint(out, static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
    }

    std::vector<std::int64_t> values_;
    std::uint64_t nulls_ = 0;  // there must be none
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
    void append_nulls(std::uint32_t count) override { levels_.add_nulls(count); }
    std::uint64_t rows() const override { return levels_.rows(); }

    ParquetChunkInfo encode(std::string& out, ParquetPageDrafts& pages) override {
        ParquetChunkInfo info;
        info.values = levels_.rows();
        info.nulls = levels_.nulls();
        if (values_ != 0)
            info.range = {std::string(1, some_false_ ? '\0' : '\1'),
                          std::string(1, some_true_ ? '\1' : '\0')};
        DL_CHECK(values_ == info.values - info.nulls && bits_.size() == (values_ + 7) / 8,
                 "every value that is not NULL is written");
        pages.begin();
        auto& page = pages.add(ParquetPageKind::data, kPlainEncoding);
        if (optional_) levels_.append_to(page.content, 0, levels_.rows());
        page.values = levels_.rows();
        page.content += bits_;
        pages.append_to(out, info);
        levels_.clear();
        bits_.clear();
        values_ = 0;
        some_true_ = some_false_ = false;
        return info;
    }

  private:
    const bool optional_;
    DefinitionLevels levels_;
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
