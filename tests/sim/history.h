// What a simulated run must keep, checked after every step by somebody who sees everything: what was
// committed, acknowledged, read, and what the copies and the catalog say of it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/meta/placement.h"
#include "slave/partition/partition.h"
#include "tests/sim/world.h"

namespace dl::sim {

// Thrown by what finds something wrong.
struct Violation {
    std::string text;
};

class History {
  public:
    History(World& world, std::vector<Host*> slaves, Host& master)
        : world_(world), slaves_(std::move(slaves)), master_(master) {}

    void set_table(TableId table, std::uint64_t incarnation, std::uint32_t partitions);
    // Looks at all copies and the catalog. Throws Violation.
    void look();

    [[noreturn]] void fail(const std::string& text) const;

    // Of clients. `names`: what identifies the rows, in the order of their offsets.
    void acknowledged(std::uint32_t partition, Offset first, Offset last,
                      const std::vector<std::string>& names);
    void refused(std::uint32_t partition, const std::vector<std::string>& names, const std::string& why);
    void answered_append(const Host& host, std::uint32_t partition, LeaderEpoch epoch);
    // A read begins: what its answer may not be below.
    std::map<std::uint32_t, Offset> floors() const { return seen_end_; }
    void read_end(std::uint32_t partition, Offset end, Offset floor);
    void read_record(std::uint32_t partition, Offset offset, const std::string& name);

    // After everything has healed: all copies are in sync and alike.
    bool is_settled(std::string* why) const;
    void check_end();
    std::size_t committed_records() const;
    std::uint64_t acknowledged_rows() const { return acknowledged_rows_; }
    std::uint64_t leaders_seen() const { return leaders_; }
    // The first thing that was wrong; coroutines swallow what is thrown.
    const std::string& violation() const { return violation_; }

  private:
    struct Batch {
        Offset end = 0;
        std::uint32_t epoch = 0;
        std::uint64_t hash = 0;
        std::vector<std::string> names;
    };
    struct Log {
        std::map<Offset, Batch> batches;  // by base offset
        Offset end = 0;
    };
    struct Copy {
        std::weak_ptr<slave::Partition> partition;
        Offset looked_up_to = 0;
        Offset high_watermark = 0;
    };
    void look_at(Host& host, std::uint32_t partition);
    void take(const Host& host, std::uint32_t partition, const slave::StoredBatch& batch);
    void look_at_catalog();
    const std::string* name_at(std::uint32_t partition, Offset offset) const;
    Host* host_of(NodeId node) const;
    std::shared_ptr<slave::Partition> partition_on(const Host& host, std::uint32_t partition) const;

    World& world_;
    std::vector<Host*> slaves_;
    Host& master_;
    TableId table_;
    std::uint64_t incarnation_ = 0;
    std::uint32_t partitions_ = 0;
    std::map<std::uint32_t, Log> logs_;
    std::map<std::pair<std::size_t, std::uint32_t>, Copy> copies_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t>
        accepted_by_;  // (partition, epoch) -> host
    std::map<std::uint32_t, PartitionPlacement> placements_;
    std::map<std::uint32_t, Offset> seen_end_;
    std::map<std::pair<std::uint32_t, Offset>, std::string> consumed_;
    std::map<std::string, std::pair<std::uint32_t, Offset>> acknowledged_;
    std::map<std::string, std::string> refused_;  // name, with which error
    std::uint64_t acknowledged_rows_ = 0;
    std::uint64_t leaders_ = 0;
    mutable std::string violation_;
};

}  // namespace dl::sim
