// Counts live rows by the rule itself: of each key the record with the highest offset counts, and it is a row
// when it is an insert. Keeps the keys of one part of the hash range at a time, so that memory is bounded
// however many records there are. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ids.h"

namespace dl::slave {

// Number and order-independent hash of some rows.
struct RowSum {
    std::uint64_t rows = 0;
    std::uint64_t hash = 0;
    void add(const Hash128& key, Offset offset);
    void add(const RowSum& other) {
        rows += other.rows;
        hash += other.hash;
    }
    friend bool operator==(const RowSum&, const RowSum&) = default;
};

class RecordCensus {
  public:
    // Keys expected in one part, and records held before they are reduced to the newest of each key: 24 bytes
    // each.
    static constexpr std::uint64_t kKeysAtOnce = 4'000'000;
    static constexpr std::uint64_t kRecordsHeldMax = 2 * kKeysAtOnce;
    // Into how many parts this many records are divided.
    static std::uint64_t parts_for(std::uint64_t records, std::uint64_t keys_at_once = kKeysAtOnce);

    RecordCensus(std::uint64_t part, std::uint64_t parts, std::uint64_t records_held_max = kRecordsHeldMax)
        : part_(part), parts_(parts), records_held_max_(records_held_max) {}
    bool concerns(const Hash128& key) const;
    // In any order; a key of another part is left out.
    void add(const Hash128& key, Offset offset, bool is_delete);
    // The live rows among the keys of this part.
    RowSum live();

  private:
    struct Entry {
        Hash128 key;
        std::uint64_t offset_and_delete = 0;
    };
    void keep_newest();

    std::uint64_t part_;
    std::uint64_t parts_;
    std::uint64_t records_held_max_;
    std::vector<Entry> entries_;
    std::size_t reduced_ = 0;  // entries after the last keep_newest()
};

}  // namespace dl::slave
