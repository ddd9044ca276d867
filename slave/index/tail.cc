#include "slave/index/tail.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {
namespace {

// Marks the keys of `fresh` that an older segment holds and leaves the others.
void supersede_in(TailSegment& segment, std::vector<TailSegment::FreshKey>* fresh) {
    constexpr std::size_t kGroup = 32;
    auto& keys = *fresh;
    std::size_t kept = 0;
    for (std::size_t start = 0; start < keys.size(); start += kGroup) {
        const std::size_t stop = std::min(start + kGroup, keys.size());
        for (std::size_t i = start; i < stop; ++i)
            segment.prefetch(keys[i].hash);
        for (std::size_t i = start; i < stop; ++i)
            if (!segment.supersede(keys[i].hash, keys[i].offset)) keys[kept++] = keys[i];
    }
    DL_CHECK(kept <= keys.size(), "INV-5 a key is found once");
    keys.resize(kept);
}

}  // namespace

Result<std::vector<Hash128>> hash_keys(const ColumnBatch& batch, FieldId key, std::uint64_t seed) {
    const ColumnView* column = batch.find(key);
    if (column == nullptr)
        return make_error(ErrorCode::corrupt_data,
                          "a record batch has no key column f" + std::to_string(key.value));
    std::vector<Hash128> hashes(batch.rows());
    char scratch[16];
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
        if (column->is_null(row))
            return make_error(ErrorCode::corrupt_data,
                              "the key of row " + std::to_string(row) + " of a record batch is NULL");
        hashes[row] = index_hash(key_bytes(*column, row, scratch), seed);
    }
    return hashes;
}

void Tail::start_segment() {
    close_segment();
    DL_CHECK(segments_.empty() || segments_.back()->end_offset() == end_offset_, "INV-2 the tail is dense");
    segments_.push_back(std::make_shared<TailSegment>(end_offset_));
}

void Tail::close_segment() {
    if (!segments_.empty()) segments_.back()->close();
}

Result<void> Tail::append(const ColumnBatch& batch, std::int64_t append_time_us,
                          std::span<const Hash128> hashes, std::vector<TailSegment::FreshKey>* missing) {
    DL_CHECK(!segments_.empty() && segments_.back()->end_offset() == end_offset_, "INV-2 the tail is dense");
    std::vector<TailSegment::FreshKey> fresh;
    fresh.reserve(hashes.size());
    DL_TRY(segments_.back()->append(batch, append_time_us, hashes, &fresh));
    end_offset_ += batch.rows();
    DL_CHECK(segments_.back()->end_offset() == end_offset_,
             "INV-2 every record of a batch is in its segment");
    for (std::size_t i = segments_.size() - 1; i-- > 0 && !fresh.empty();)
        supersede_in(*segments_[i], &fresh);
    missing->insert(missing->end(), fresh.begin(), fresh.end());
    return {};
}

void Tail::drop_oldest(const TailSegment& segment) {
    DL_CHECK(!segments_.empty() && segments_.front().get() == &segment && segment.closed(),
             "segments leave the tail in order, once flushed");
    segments_.erase(segments_.begin());
    DL_CHECK((segments_.empty() ? end_offset_ : segments_.front()->first_offset()) == segment.end_offset(),
             "INV-2 the tail begins where the flushed segment ends");
}

std::shared_ptr<const TailSnapshot> Tail::snapshot() const {
    auto snapshot = std::make_shared<TailSnapshot>();
    for (const auto& segment : segments_) {
        snapshot->chunks.insert(snapshot->chunks.end(), segment->chunks().begin(), segment->chunks().end());
        snapshot->segments.push_back(segment);
        snapshot->rows += segment->rows();
        snapshot->bytes += segment->body_bytes();
    }
    DL_CHECK(segments_.empty() || snapshot->rows == static_cast<std::uint64_t>(
                                                        end_offset_ - segments_.front()->first_offset()),
             "INV-2 a view has every record of the tail");
    return snapshot;
}

std::uint64_t Tail::resident_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& segment : segments_)
        bytes += segment->resident_bytes();
    return bytes;
}

}  // namespace dl::slave
