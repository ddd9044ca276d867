#include "slave/partition/record_census.h"

#include <algorithm>

#include "slave/index/bloom_filter.h"

namespace dl::slave {

void RowSum::add(const Hash128& key, Offset offset) {
    // The parts are independent bits already; one multiplication each ties them together.
    std::uint64_t mixed =
        (key.high ^ (static_cast<std::uint64_t>(offset) * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    mixed ^= mixed >> 29;
    mixed = (mixed + key.low) * 0x94d049bb133111ebu;
    hash += mixed ^ (mixed >> 32);
    ++rows;
}

std::uint64_t RecordCensus::parts_for(std::uint64_t records, std::uint64_t keys_at_once) {
    return std::max<std::uint64_t>(1, (records + keys_at_once - 1) / keys_at_once);
}

bool RecordCensus::concerns(const Hash128& key) const {
    return scale_to(key.high, parts_) == part_;
}

void RecordCensus::add(const Hash128& key, Offset offset, bool is_delete) {
    if (!concerns(key)) return;
    entries_.push_back({key, static_cast<std::uint64_t>(offset) << 1 | (is_delete ? 1 : 0)});
    // At least as many new ones as were left, so that the work stays n log n.
    if (entries_.size() >= records_held_max_ && entries_.size() >= 2 * reduced_) keep_newest();
}

void RecordCensus::keep_newest() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return a.key != b.key ? a.key < b.key : a.offset_and_delete > b.offset_and_delete;
    });
    entries_.erase(std::unique(entries_.begin(), entries_.end(),
                               [](const Entry& a, const Entry& b) { return a.key == b.key; }),
                   entries_.end());
    reduced_ = entries_.size();
}

RowSum RecordCensus::live() {
    keep_newest();
    RowSum sum;
    for (const auto& entry : entries_)
        if ((entry.offset_and_delete & 1) == 0)
            sum.add(entry.key, static_cast<Offset>(entry.offset_and_delete >> 1));
    return sum;
}

}  // namespace dl::slave
