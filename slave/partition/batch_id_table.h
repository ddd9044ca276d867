// Remembered batches in memory: those of one segment of the tail, until it is flushed. Written by one thread,
// read by others once it is sealed.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/limits.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

struct RememberedBatch {
    std::uint64_t sequence = 0;  // 0: of a batch with an id of its own
    Offset first = 0;
    std::uint32_t count = 0;   // records
    std::int64_t time_us = 0;  // when it was applied, on the clock of the window
    SchemaId schema{};         // of its rows
    std::uint64_t digest = 0;  // of its rows; 0: not known
};

// What is remembered under one id: the one batch it names, or the newest ones of the producer it names.
struct BatchGroup {
    Hash128 id;
    // Of a producer: no batch up to this number is remembered beside those in `batches`.
    std::uint64_t forgotten = 0;
    std::vector<RememberedBatch> batches;  // ascending sequence

    std::int64_t newest_us() const;
    const RememberedBatch* find(std::uint64_t sequence) const;
    // Keeps the newest limits::producer_batches_max. What is not newer than the forgotten ones is not kept.
    void add(const RememberedBatch& batch);
};

BatchIdEntry entry_of(const Hash128& id, const RememberedBatch& batch);

class BatchIdTable {
  public:
    // Of batches from `first` on.
    explicit BatchIdTable(Offset first) : first_(first), end_(first) {}

    Offset first_offset() const { return first_; }
    Offset end_offset() const { return end_; }  // behind the last record of a batch in it
    std::size_t size() const { return ids_.size() + producers_.size(); }
    // What a file of it takes: an entry for each batch, and one for what is forgotten of a producer.
    std::uint64_t entries() const;
    std::uint64_t resident_bytes() const;

    void add_id(const BatchIdEntry& entry, std::int64_t time_us);
    // `known`: what older tables and files remember of the producer, when this one does not know it.
    void add_of_producer(const BatchIdEntry& entry, std::int64_t time_us, std::optional<BatchGroup> known);

    const RememberedBatch* find_id(const Hash128& id) const;
    const BatchGroup* find_producer(const Hash128& id) const;

    // Every id, ascending.
    std::vector<Hash128> sorted_ids() const;
    // nullopt: it is not in here.
    std::optional<BatchGroup> group(const Hash128& id) const;

  private:
    void note(const BatchIdEntry& entry);

    Offset first_, end_;
    boost::unordered_flat_map<Hash128, RememberedBatch, Hash128Hasher> ids_;
    boost::unordered_flat_map<Hash128, BatchGroup, Hash128Hasher> producers_;
    std::uint64_t producer_bytes_ = 0;
};

}  // namespace dl::slave
