// The follower's side of all partitions that it follows at one leader. They are spread over a few lanes; each
// is a coroutine with a session of its own, one fetch after the other: what one partition waits for its disk
// keeps those of other lanes from nothing. What comes is taken by the storage pools of the partitions' disks,
// side by side; the lane's next fetch says how far each has come. A copy that is not in sync catches up on
// the pool for copies that are made anew and within its budget, and no lane waits long for it. Thread-safe.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/async/async_event.h"
#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/rpc_client.h"
#include "slave/replication/fetch_frame.h"
#include "slave/replication/refill.h"
#include "slave/replication/replica.h"

namespace dl::slave {

struct FetchOptions {
    std::chrono::milliseconds wait{200};      // how long the leader holds a fetch that has no news
    std::chrono::milliseconds timeout{5000};  // beyond that
    std::uint64_t bytes_max = 8u << 20;
};

struct FetchIdentity {
    std::string cluster_id;
    NodeId self;
    std::string process;
};

class Fetcher : public std::enable_shared_from_this<Fetcher> {
  public:
    Fetcher(boost::asio::any_io_executor executor, FetchIdentity identity, std::string address,
            FetchOptions options, RefillTarget refills);
    const std::string& address() const { return address_; }

    // Exactly these are followed from now on. As start(), not from a thread of the executor.
    void follow(std::vector<std::shared_ptr<Replica>> replicas);
    void start();
    // Copies that get files of the leader, or do not come forward.
    void add_troubles(std::vector<rpc::CopyTrouble>& troubles) const;
    // No fetch begins any more; the one under way is given up. Returns at once.
    void stop();
    // Until it has ended; not from a thread of its executor.
    void wait_until_ended();

  private:
    struct Lane {
        std::uint32_t number = 0;
        std::set<rpc::ReplicaRef> followed;
        std::set<rpc::ReplicaRef> to_tell;  // of those: whose positions are to be told
        std::set<rpc::ReplicaRef> left;
        std::size_t catching_up = 0;  // takes under way that it does not wait for
        bool started = false;
        // Of its coroutine alone.
        std::uint64_t session = 0;
        std::uint64_t request_number = 0;
        boost::asio::cancellation_signal give_up;  // on the executor
    };
    struct Following {
        std::shared_ptr<Replica> replica;
        Lane* lane = nullptr;
        bool refilled = false;     // it is being made anew
        bool catching_up = false;  // what was sent last is being taken: where it is then is told later
        std::chrono::steady_clock::time_point not_before{};
        ErrorCode last_error = ErrorCode::internal;  // logged
        std::string trouble;                         // the last error; "": it comes forward
        std::shared_ptr<RefillMeter> meter;          // while it is made anew
        std::chrono::steady_clock::time_point logged{};
    };
    boost::asio::awaitable<void> run(Lane& lane);
    boost::asio::awaitable<Result<void>> fetch(Lane& lane);
    // Under the mutex.
    Lane& lane_for(const rpc::ReplicaRef& ref);
    void start_lanes();
    rpc::FetchRequest next_request(Lane& lane);
    boost::asio::awaitable<void> take(Lane& lane, std::vector<FetchFrame> frames);
    struct Part {
        std::shared_ptr<Replica> replica;
        std::shared_ptr<const FetchFrame> frame;
    };
    struct CatchingUp {  // on the executor
        std::size_t left = 0;
        AsyncEvent all;
    };
    boost::asio::awaitable<void> take_in_sync(std::vector<Part> parts);
    std::shared_ptr<CatchingUp> begin_catching_up(Lane& lane, std::vector<Part> parts);
    boost::asio::awaitable<Result<void>> catch_up(Part part);
    bool is_stopping() const;
    // Logged for the first lane that cannot fetch, and when all can again.
    void note_reachable(bool& reachable, const Result<void>& fetched);
    void took(const rpc::FetchedPartition& sent, const Result<void>& taken);
    // One at a time. Under the mutex.
    void post_refill(Following& one);
    void post_condemn(Following& one, LeaderEpoch epoch);
    void begin_condemn(std::shared_ptr<Replica> replica, LeaderEpoch epoch);
    void begin_refill(std::shared_ptr<Replica> replica, std::shared_ptr<RefillMeter> meter);
    void end_refill(const std::shared_ptr<Replica>& replica, const Result<void>& refilled);

    const boost::asio::any_io_executor executor_;
    const FetchIdentity identity_;
    const std::string address_;
    const FetchOptions options_;
    const RefillTarget refills_;
    const std::shared_ptr<rpc::RpcClient> leader_;

    mutable std::mutex mutex_;
    std::condition_variable ended_changed_;
    std::map<rpc::ReplicaRef, Following> following_;
    std::array<Lane, rpc::FetchRequest::kLanesMax> lanes_;
    std::size_t running_ = 0;      // lanes, and what catches up beside them
    std::size_t unreachable_ = 0;  // lanes
    bool started_ = false, stopping_ = false, refilling_ = false;
};

}  // namespace dl::slave
