// How the copies in sync of each partition compare, when a table is checked. Each is checked with itself
// where it lies (files, key indexes and the like are each copy's own); then they are compared at one offset:
//   - The batches of the logs that all of them have and know to be committed have to be the same bytes. A
//   digest
//     over their headers says so, which hold the checksums of the bodies: a copy reads its log for it once
//     more and sends eight bytes.
//   - Live rows, by key and offset, have to be the same when the checks of all ended at the same offset, as
//   they
//     do while nobody writes. That takes in what the logs no longer have.
// Of copies that differ while their checksums hold the majority is right; without one nobody is. Lives on one
// coroutine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/rpc/messages/upkeep_messages.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/copy_shares.h"

namespace dl::master {

enum class CopyRepair : std::uint8_t { none, make_anew, lead };

// A copy of one partition.
struct ComparedCopy {
    std::string address;
    rpc::CheckRow row;
    bool leads = false;
    bool is_known = true;  // false: it could not be asked
    // Of its log, over the range that all have; nullopt: it is not compared.
    std::optional<rpc::LogDigestReply> log;
    // make_anew: it is damaged, or differs from what is right, and the one that leads is right. lead: it is
    // right, and the one that leads is not; the first such copy.
    CopyRepair repair = CopyRepair::none;
};
// Of problems that a check found: those that it has not put right.
bool has_open_problems(const rpc::CheckRow& row);
// Adds to the rows of one partition's copies where they differ, and says what would repair them. Pure.
void judge_copies(std::vector<ComparedCopy>& copies);

class CopyComparison {
  public:
    CopyComparison(const RouteTable& routes, TablePtr table, bool repair, rpc::Deadline deadline)
        : routes_(routes),
          table_(std::move(table)),
          repair_(repair),
          deadline_(deadline),
          shares_(follower_shares(routes, *table_)) {}

    // There are copies that do not lead.
    bool has_followers() const { return !shares_.empty(); }
    void leader_row(std::string address, rpc::CheckRow row);
    // Checks the others and compares: by partition, the copy that leads first. What cannot be asked is a row
    // that says so.
    boost::asio::awaitable<std::vector<ComparedCopy>> run();

  private:
    boost::asio::awaitable<void> check_share(const CopyShare& share);
    boost::asio::awaitable<void> read_logs(PartitionId partition, std::vector<ComparedCopy>& copies) const;
    boost::asio::awaitable<Result<rpc::LogDigestReply>> digest(const std::string& address,
                                                               PartitionId partition, Offset from,
                                                               Offset end) const;

    const RouteTable& routes_;
    const TablePtr table_;
    const bool repair_;
    const rpc::Deadline deadline_;
    const std::vector<CopyShare> shares_;
    std::map<PartitionId, std::vector<ComparedCopy>> copies_;
};

}  // namespace dl::master
