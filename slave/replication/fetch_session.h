// The leader's side of one follower that fetches: where it is in each partition, and which have news for it.
// One request at a time; what was sent for a partition is in flight until the follower says where it is then.
// Thread-safe; news come from any thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/async/async_event.h"
#include "slave/replication/replica.h"

namespace dl::slave {

class FetchSession final : public ReplicaListener, public std::enable_shared_from_this<FetchSession> {
  public:
    FetchSession(std::uint64_t id, NodeId follower, std::string process)
        : id_(id), follower_(follower), process_(std::move(process)) {}
    std::uint64_t id() const { return id_; }
    NodeId follower() const { return follower_; }
    const std::string& process() const { return process_; }  // of the follower
    // Whether this is the number of the request that comes next; then it has come.
    bool begin(std::uint64_t number);

    // The follower is there: what the leader says to it. News of that partition come from now on.
    Result<Replica::Answer> place(const std::shared_ptr<Replica>& replica, const Replica::Position& position);
    void leave(const rpc::ReplicaRef& replica);

    // Until there are records for it, or a high watermark is news for `kQuietFor`, or the deadline.
    boost::asio::awaitable<void> wait(std::chrono::steady_clock::time_point deadline);

    struct News {
        std::shared_ptr<Replica> replica;
        LeaderEpoch epoch;
        Offset offset = 0;
        std::size_t slot = 0;
    };
    // The next partition with news, in flight from now on; those that have waited longest first. nullopt:
    // none.
    std::optional<News> take();
    // What went out for it.
    void sent(std::size_t slot, Offset high_watermark);

    void has_news(std::size_t slot, bool records) override;

  private:
    // High watermarks wait so long for records to go with.
    static constexpr std::chrono::milliseconds kQuietFor{5};
    struct Slot {
        std::shared_ptr<Replica> replica;
        LeaderEpoch epoch;
        Offset offset = 0;
        Offset high_watermark_sent = -1;
        bool placed = false;  // not in flight
        bool records = false;
        bool committed = false;
        bool queued = false;
        bool counted = false;  // in with_records_
    };
    void queue(std::size_t slot);

    const std::uint64_t id_;
    const NodeId follower_;
    const std::string process_;
    std::mutex mutex_;
    std::uint64_t next_number_ = 1;
    std::map<rpc::ReplicaRef, std::size_t> slots_by_ref_;
    std::deque<Slot> slots_;
    std::deque<std::size_t> queue_;
    std::size_t with_records_ = 0;  // of the queue
    std::shared_ptr<AsyncEvent> waiting_;
};

// The sessions of this node's followers, one for each of their lanes.
class FetchSessions {
  public:
    // NOT_FOUND: the session is not known here, or the number is not its next; the follower begins another.
    Result<std::shared_ptr<FetchSession>> of(const rpc::FetchRequest& request);

  private:
    std::mutex mutex_;
    struct OfFollower {
        NodeId follower;
        std::uint32_t lane = 0;
        friend auto operator<=>(const OfFollower&, const OfFollower&) = default;
    };
    std::map<OfFollower, std::shared_ptr<FetchSession>> sessions_;
};

}  // namespace dl::slave
