#include "slave/index/tail_segment.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"
#include "common/record/batch_concat.h"

namespace dl::slave {
namespace {

// Eight or more chunks at the end that are no larger than the last one's size class are merged, so that a row
// is copied a few times only and a segment holds few chunks however small its appends are.
constexpr std::size_t kMergeWidth = 8;
constexpr std::uint64_t kMergedRowsMax = 32768;
constexpr std::size_t kPrefetchGroup = 32;

unsigned size_class(std::uint32_t rows) {
    return (static_cast<unsigned>(std::bit_width(rows)) - 1) / 3;
}

}  // namespace

void SupersededBlock::superseded_below(Offset cut, std::uint32_t first_word,
                                       std::span<std::uint64_t> words) const {
    for (std::size_t w = 0; w < words.size(); ++w)
        words[w] = marked_[first_word + w].load(std::memory_order_acquire);
    // Read after the bits: every mark among them was made by a record at or below it.
    if (newest_.load(std::memory_order_relaxed) < cut) return;
    for (std::size_t w = 0; w < words.size(); ++w)
        for (std::uint64_t left = words[w]; left != 0; left &= left - 1) {
            const auto bit = static_cast<std::uint32_t>(std::countr_zero(left));
            const auto row = (first_word + static_cast<std::uint32_t>(w)) * 64 + bit;
            if (at(row) >= cut) words[w] &= ~(std::uint64_t{1} << bit);
        }
}

template <class Found>
void TailChunk::each_64_rows(std::uint32_t begin, std::uint32_t end, Offset cut, Found found) const {
    std::array<std::uint64_t, SupersededBlock::kRows / 64> words;
    for (std::uint32_t row = begin; row < end;) {
        const std::uint32_t at = first_in_block + row;
        const std::uint32_t in_block = at % SupersededBlock::kRows;
        const std::uint32_t count = std::min(end - row, SupersededBlock::kRows - in_block);
        const std::uint32_t first_word = in_block / 64;
        const std::uint32_t word_count = (in_block + count + 63) / 64 - first_word;
        blocks[at / SupersededBlock::kRows]->superseded_below(cut, first_word,
                                                              std::span(words).first(word_count));
        for (std::uint32_t w = 0; w < word_count; ++w) {
            std::uint64_t live = ~words[w];
            if (w == 0) live &= ~std::uint64_t{0} << (in_block % 64);
            if (const auto past = (in_block + count) % 64; w + 1 == word_count && past != 0)
                live &= ~(~std::uint64_t{0} << past);
            found(row + (first_word + w) * 64 - in_block, live);
        }
        row += count;
    }
}

void TailChunk::append_live(std::uint32_t begin, std::uint32_t end, Offset cut,
                            std::vector<std::uint32_t>* rows) const {
    const std::size_t before = rows->size();
    rows->resize(before + (end - begin));
    std::uint32_t* to = rows->data() + before;
    const bool deletes = batch.has_deletes();
    each_64_rows(begin, end, cut, [&](std::uint32_t row, std::uint64_t live) {
        if (live == ~std::uint64_t{0} && !deletes) {
            for (std::uint32_t i = 0; i < 64; ++i)
                *to++ = row + i;
            return;
        }
        for (; live != 0; live &= live - 1) {
            const auto found = row + static_cast<std::uint32_t>(std::countr_zero(live));
            *to = found;
            to += deletes && batch.is_delete(found) ? 0 : 1;
        }
    });
    rows->resize(static_cast<std::size_t>(to - rows->data()));
}

std::uint64_t TailChunk::count_live(std::uint32_t begin, std::uint32_t end, Offset cut) const {
    std::uint64_t count = 0;
    const bool deletes = batch.has_deletes();
    each_64_rows(begin, end, cut, [&](std::uint32_t row, std::uint64_t live) {
        count += static_cast<std::uint64_t>(std::popcount(live));
        for (; deletes && live != 0; live &= live - 1)
            count -= batch.is_delete(row + static_cast<std::uint32_t>(std::countr_zero(live))) ? 1 : 0;
    });
    return count;
}

std::uint64_t TailSegment::resident_bytes() const {
    return body_bytes_ + keys_.bytes() + blocks_.size() * sizeof(SupersededBlock);
}

Result<void> TailSegment::append(const ColumnBatch& batch, std::int64_t append_time_us,
                                 std::span<const Hash128> hashes, std::vector<FreshKey>* fresh) {
    DL_CHECK(!closed_ && hashes.size() == batch.rows() && batch.rows() > 0,
             "INV-2 a tail segment grows by whole batches");
    const std::uint32_t first = keys_.rows();
    const std::uint32_t end = first + batch.rows();
    const std::uint32_t keys_before = keys_.keys();
    const std::size_t fresh_before = fresh->size();
    while (blocks_.size() * std::uint64_t{SupersededBlock::kRows} < end)
        blocks_.push_back(std::make_shared<SupersededBlock>());
    {
        const std::unique_lock lock(keys_mutex_);
        keys_.reserve(batch.rows());
    }
    for (std::size_t start = 0; start < hashes.size(); start += kPrefetchGroup) {
        const std::size_t stop = std::min(start + kPrefetchGroup, hashes.size());
        for (std::size_t i = stop; i < std::min(stop + kPrefetchGroup, hashes.size()); ++i)
            keys_.prefetch(hashes[i]);
        const std::unique_lock lock(keys_mutex_);
        for (std::size_t i = start; i < stop; ++i) {
            const Offset offset = first_offset_ + keys_.rows();
            const std::uint32_t older = keys_.put(hashes[i]);
            if (older == KeyTable::kNone)
                fresh->push_back({hashes[i], offset});
            else
                mark(older, offset);
        }
    }
    DL_CHECK(keys_.rows() == end, "INV-2 every record has its row");
    DL_CHECK(fresh->size() - fresh_before == keys_.keys() - keys_before,
             "INV-5 a record brings a new key or replaces a row");
    auto chunk = std::make_shared<TailChunk>();
    chunk->batch = batch;
    chunk->base_offset = first_offset_ + first;
    chunk->times = {{0, append_time_us}};
    chunk->first_in_block = first % SupersededBlock::kRows;
    chunk->blocks.assign(blocks_.begin() + first / SupersededBlock::kRows, blocks_.end());
    chunks_.push_back(std::move(chunk));
    body_bytes_ += batch.body().size();
    return merge_small_chunks();
}

bool TailSegment::supersede(const Hash128& hash, Offset by) {
    const auto row = keys_.find(hash);
    if (row == KeyTable::kNone) return false;
    mark(row, by);
    return true;
}

std::optional<Offset> TailSegment::find_below(const Hash128& hash, Offset cut) const {
    if (cut <= first_offset_) return std::nullopt;
    const auto end = static_cast<std::uint32_t>(
        std::min<Offset>(cut - first_offset_, std::numeric_limits<std::uint32_t>::max()));
    const std::shared_lock lock(keys_mutex_);
    const auto row = keys_.find_below(hash, end);
    if (row == KeyTable::kNone) return std::nullopt;
    DL_CHECK(row < end, "INV-7 a view sees what is below its cut");
    return first_offset_ + row;
}

void TailSegment::collect_keys(Offset from, std::vector<Hash128>* keys) const {
    const std::shared_lock lock(keys_mutex_);
    const auto& hashes = keys_.hashes();
    const auto first = static_cast<std::size_t>(std::max<Offset>(from - first_offset_, 0));
    if (first >= hashes.size()) return;
    keys->insert(keys->end(), hashes.begin() + static_cast<std::ptrdiff_t>(first), hashes.end());
}

Result<void> TailSegment::merge_small_chunks() {
    for (;;) {
        const auto& last = chunks_.back()->batch;
        std::size_t first = chunks_.size();
        std::uint64_t rows = 0;
        while (first > 0 && size_class(chunks_[first - 1]->batch.rows()) <= size_class(last.rows()) &&
               same_columns(chunks_[first - 1]->batch, last))
            rows += chunks_[--first]->batch.rows();
        if (chunks_.size() - first < kMergeWidth || rows > kMergedRowsMax) return {};
        std::vector<ColumnBatch> batches;
        for (std::size_t i = first; i < chunks_.size(); ++i)
            batches.push_back(chunks_[i]->batch);
        DL_TRY_ASSIGN(auto joined, concat_batches(batches));
        auto merged = std::make_shared<TailChunk>();
        const auto& head = *chunks_[first];
        merged->base_offset = head.base_offset;
        merged->first_in_block = head.first_in_block;
        const auto from = static_cast<std::size_t>(head.base_offset - first_offset_) / SupersededBlock::kRows;
        merged->blocks.assign(blocks_.begin() + static_cast<std::ptrdiff_t>(from), blocks_.end());
        std::uint32_t done = 0;
        for (std::size_t i = first; i < chunks_.size(); ++i) {
            for (const auto& run : chunks_[i]->times)
                if (merged->times.empty() || merged->times.back().append_time_us != run.append_time_us)
                    merged->times.push_back({done + run.first_row, run.append_time_us});
            body_bytes_ -= chunks_[i]->batch.body().size();
            done += chunks_[i]->batch.rows();
        }
        DL_CHECK(done == joined.rows() && merged->base_offset + static_cast<Offset>(done) == end_offset(),
                 "INV-2 merged chunks hold the rows of their parts");
        body_bytes_ += joined.body().size();
        merged->batch = std::move(joined);
        chunks_.resize(first);
        chunks_.push_back(std::move(merged));
    }
    return {};
}

}  // namespace dl::slave
