#include "slave/index/key_table.h"

#include <algorithm>
#include <bit>

#include "common/base/check.h"

namespace dl::slave {
namespace {
constexpr std::size_t kFirstSlots = 64;
constexpr std::size_t kLoadPercent = 60;
constexpr std::size_t kSortAhead = 24;  // slots whose hashes are asked for beforehand
}  // namespace

KeyTable::KeyTable() {
    grow(0);
}

void KeyTable::grow(std::size_t keys) {
    const std::size_t wanted = std::max(kFirstSlots, std::bit_ceil(keys * 100 / kLoadPercent + 1));
    if (wanted <= slots_.size()) return;
    DL_CHECK(wanted <= (std::size_t{1} << 31), "a tail segment holds fewer than 2^30 keys");
    std::vector<std::uint64_t> old(wanted, 0);
    old.swap(slots_);
    shift_ = 32 - static_cast<unsigned>(std::countr_zero(wanted));
    keys_max_ = wanted * kLoadPercent / 100;
    const std::size_t mask = wanted - 1;
    DL_CHECK(keys_ <= keys_max_, "a key table has room for its keys");
    for (const auto slot : old) {
        if (slot == 0) continue;
        std::size_t at = static_cast<std::uint32_t>(slot >> 32) >> shift_;
        while (slots_[at] != 0)
            at = (at + 1) & mask;
        slots_[at] = slot;
    }
}

void KeyTable::reserve(std::size_t more) {
    if (keys_ + more > keys_max_) grow(std::max<std::size_t>(keys_ + more, keys_ * std::size_t{2}));
    if (hashes_.size() + more > hashes_.capacity())
        hashes_.reserve(std::max(hashes_.size() + more, hashes_.capacity() * 2));
}

std::uint32_t KeyTable::put(const Hash128& hash) {
    if (keys_ >= keys_max_) grow(keys_ * std::size_t{2});
    const auto row = static_cast<std::uint32_t>(hashes_.size());
    DL_CHECK(row < kNone - 1, "a tail segment holds fewer than 2^32 - 2 rows");
    hashes_.push_back(hash);
    const std::uint64_t tag = std::uint64_t{fingerprint(hash)} << 32;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = home(hash);; at = (at + 1) & mask) {
        const std::uint64_t slot = slots_[at];
        if (slot == 0) {
            slots_[at] = tag | (row + 1);
            ++keys_;
            return kNone;
        }
        if ((slot ^ tag) >> 32 != 0) continue;
        const auto older = static_cast<std::uint32_t>(slot) - 1;
        if (hashes_[older] != hash) continue;
        slots_[at] = tag | (row + 1);
        return older;
    }
}

std::uint32_t KeyTable::find(const Hash128& hash) const {
    const std::uint64_t tag = std::uint64_t{fingerprint(hash)} << 32;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = home(hash);; at = (at + 1) & mask) {
        const std::uint64_t slot = slots_[at];
        if (slot == 0) return kNone;
        if ((slot ^ tag) >> 32 != 0) continue;
        const auto row = static_cast<std::uint32_t>(slot) - 1;
        if (hashes_[row] == hash) return row;
    }
}

std::uint32_t KeyTable::find_below(const Hash128& hash, std::uint32_t end) const {
    const auto newest = find(hash);
    if (newest == kNone || newest < end) return newest;
    for (std::uint32_t row = std::min(end, rows()); row-- > 0;)
        if (hashes_[row] == hash) return row;
    return kNone;
}

std::vector<KeyRow> KeyTable::sorted() const {
    std::vector<KeyRow> entries;
    std::vector<KeyRow> wrapped;  // pushed over the end of the table to its beginning
    entries.reserve(keys_);
    for (std::size_t at = 0; at < slots_.size(); ++at) {
        // Hashes lie by row, anywhere.
        if (const auto ahead = at + kSortAhead; ahead < slots_.size() && slots_[ahead] != 0)
            __builtin_prefetch(&hashes_[static_cast<std::uint32_t>(slots_[ahead]) - std::size_t{1}]);
        if (slots_[at] == 0) continue;
        const auto row = static_cast<std::uint32_t>(slots_[at]) - 1;
        const std::size_t home_at = static_cast<std::uint32_t>(slots_[at] >> 32) >> shift_;
        (home_at > at ? wrapped : entries).push_back({hashes_[row], row});
    }
    entries.insert(entries.end(), wrapped.begin(), wrapped.end());
    // Slots follow the hash, so every entry is at most one cluster away from its place: insertion sort is
    // linear here.
    for (std::size_t i = 1; i < entries.size(); ++i) {
        const KeyRow entry = entries[i];
        std::size_t j = i;
        for (; j > 0 && entry.hash < entries[j - 1].hash; --j)
            entries[j] = entries[j - 1];
        entries[j] = entry;
    }
    DL_CHECK(entries.size() == keys_, "INV-5 every key is there once");
    return entries;
}

}  // namespace dl::slave
