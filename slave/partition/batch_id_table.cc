#include "slave/partition/batch_id_table.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {
namespace {

RememberedBatch remembered(const BatchIdEntry& entry, std::int64_t time_us) {
    DL_CHECK(entry.last >= entry.first, "INV-2 a batch has records");
    return {entry.sequence, entry.first,  static_cast<std::uint32_t>(entry.last - entry.first + 1),
            time_us,        entry.schema, entry.digest};
}

std::uint64_t bytes_of(const BatchGroup& group) {
    constexpr std::uint64_t kSpareBytes = 64;  // slots of the map that are free, the allocator
    return sizeof group + kSpareBytes + group.batches.capacity() * sizeof(RememberedBatch);
}

}  // namespace

std::int64_t BatchGroup::newest_us() const {
    std::int64_t newest = 0;
    for (const auto& batch : batches)
        newest = std::max(newest, batch.time_us);
    return newest;
}

const RememberedBatch* BatchGroup::find(std::uint64_t sequence) const {
    const auto at = std::lower_bound(batches.begin(), batches.end(), sequence,
                                     [](const auto& batch, auto wanted) { return batch.sequence < wanted; });
    return at != batches.end() && at->sequence == sequence ? &*at : nullptr;
}

void BatchGroup::add(const RememberedBatch& batch) {
    if (batch.sequence <= forgotten && batch.sequence != 0) return;
    const auto at = std::lower_bound(batches.begin(), batches.end(), batch.sequence,
                                     [](const auto& other, auto wanted) { return other.sequence < wanted; });
    if (at != batches.end() && at->sequence == batch.sequence) return;
    batches.insert(at, batch);
    if (batches.size() <= limits::producer_batches_max) return;
    forgotten = batches.front().sequence;
    batches.erase(batches.begin());
}

BatchIdEntry entry_of(const Hash128& id, const RememberedBatch& batch) {
    return {id, batch.first, batch.first + batch.count - 1, batch.sequence, batch.schema, batch.digest};
}

std::uint64_t BatchIdTable::entries() const {
    std::uint64_t entries = ids_.size();
    for (const auto& [id, group] : producers_)
        entries += group.batches.size() + (group.forgotten != 0 ? 1 : 0);
    return entries;
}

std::uint64_t BatchIdTable::resident_bytes() const {
    using Slot = decltype(ids_)::value_type;
    return ids_.bucket_count() * (sizeof(Slot) + 1) + producer_bytes_;
}

void BatchIdTable::note(const BatchIdEntry& entry) {
    DL_CHECK(entry.first >= first_, "INV-11 a batch is remembered in the table of its segment");
    end_ = std::max(end_, entry.last + 1);
}

void BatchIdTable::add_id(const BatchIdEntry& entry, std::int64_t time_us) {
    note(entry);
    ids_.emplace(entry.id, remembered(entry, time_us));
}

void BatchIdTable::add_of_producer(const BatchIdEntry& entry, std::int64_t time_us,
                                   std::optional<BatchGroup> known) {
    note(entry);
    auto [at, is_new] = producers_.try_emplace(entry.id);
    auto& group = at->second;
    if (is_new && known) group = std::move(*known);
    if (!is_new) producer_bytes_ -= bytes_of(group);
    group.id = entry.id;
    group.add(remembered(entry, time_us));
    producer_bytes_ += bytes_of(group);
}

const RememberedBatch* BatchIdTable::find_id(const Hash128& id) const {
    const auto found = ids_.find(id);
    return found == ids_.end() ? nullptr : &found->second;
}

const BatchGroup* BatchIdTable::find_producer(const Hash128& id) const {
    const auto found = producers_.find(id);
    return found == producers_.end() ? nullptr : &found->second;
}

std::vector<Hash128> BatchIdTable::sorted_ids() const {
    std::vector<Hash128> sorted;
    sorted.reserve(size());
    for (const auto& [id, batch] : ids_)
        sorted.push_back(id);
    for (const auto& [id, group] : producers_)
        sorted.push_back(id);
    std::sort(sorted.begin(), sorted.end());
    DL_CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
             "the hash of a batch id is none of a producer id");
    return sorted;
}

std::optional<BatchGroup> BatchIdTable::group(const Hash128& id) const {
    if (const auto* batch = find_id(id)) return BatchGroup{.id = id, .batches = {*batch}};
    if (const auto* producer = find_producer(id)) return *producer;
    return std::nullopt;
}

}  // namespace dl::slave
