// What a follower fetches: records that it lacks, and what is committed.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "common/async/run_on.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/fetch_frame.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {
namespace {

// Of one partition in one answer, so that others get their turn.
constexpr std::uint64_t kPartitionBytesMax = 4u << 20;
// The same from the log for a copy that is not in sync: what it writes and applies at once, others wait for,
// who share its disk and its processors.
constexpr std::uint64_t kCatchUpBytesMax = 256u << 10;

FetchFrame refusal(const rpc::FetchPosition& position, Error error) {
    FetchFrame frame;
    frame.partition.replica = position.replica;
    frame.partition.leader_epoch = position.leader_epoch;
    frame.partition.error = std::move(error);
    return frame;
}

// What is to be said at once; the others have news, or wait for them.
std::vector<FetchFrame> place_all(ReplicaSet& replicas, FetchSession& session,
                                  const rpc::FetchRequest& request) {
    std::vector<FetchFrame> at_once;
    for (const auto& ref : request.left)
        session.leave(ref);
    for (const auto& position : request.positions) {
        const auto replica = replicas.find(position.replica);
        if (replica == nullptr) {
            at_once.push_back(refusal(
                position, make_error(ErrorCode::not_leader, "the partition is not known here as a copy")));
            continue;
        }
        Replica::Position at;
        at.epoch = position.leader_epoch;
        at.offset = position.offset;
        at.synced_end = position.synced_end;
        at.high_watermark = position.high_watermark;
        at.last_epoch = LeaderEpoch{position.last_epoch};
        at.losses = position.losses;
        auto answer = session.place(replica, at);
        if (answer.has_error()) {
            at_once.push_back(refusal(position, std::move(answer).error()));
        } else if (answer->losses) {
            auto& frame = at_once.emplace_back(refusal(
                position, make_error(ErrorCode::not_found,
                                     "other records were given up here than in the follower's copy")));
            frame.partition.losses = answer->losses;
        } else if (answer->diverged) {
            auto& frame = at_once.emplace_back();
            frame.partition.replica = position.replica;
            frame.partition.leader_epoch = position.leader_epoch;
            frame.partition.diverged_epoch = answer->diverged->epoch.value;
            frame.partition.diverged_end = answer->diverged->end_offset;
        }
    }
    return at_once;
}

// What is new, partition by partition.
struct NewsReader {
    FetchSession& session;
    const std::uint64_t bytes_max;
    std::vector<FetchFrame> frames{};
    std::uint64_t used = 0;
    std::optional<FetchSession::News> from_log{};  // the next, which is in the log alone

    void add(const FetchSession::News& news, Result<std::vector<StoredBatch>> batches) {
        auto& frame = frames.emplace_back();
        frame.partition.replica = news.replica->ref();
        frame.partition.leader_epoch = news.epoch;
        if (batches.has_error()) {
            frame.partition.error = std::move(batches).error();
            return;
        }
        // Behind the read: what is committed may have been appended before it, never after; and what was read
        // is of this epoch's log.
        const auto committed = news.replica->high_watermark(news.epoch);
        if (committed.has_error()) {
            frame.partition.error = committed.error();
            return;
        }
        frame.batches = std::move(*batches);
        for (const auto& batch : frame.batches)
            used += batch.header.total_bytes();
        frame.partition.high_watermark = *committed;
        session.sent(news.slot, frame.partition.high_watermark);
    }
    std::uint64_t room() const { return std::min(kPartitionBytesMax, bytes_max - used); }

    // At once, up to the first that is not in memory.
    void read_recent() {
        while (used < bytes_max && !from_log) {
            auto news = session.take();
            if (!news) return;
            if (auto batches = news->replica->read_recent(news->epoch, news->offset, room()))
                add(*news, std::move(*batches));
            else
                from_log = std::move(news);
        }
    }
    // Reads the logs as well; on the work pool.
    void read_all() {
        while (from_log) {
            const auto news = *std::exchange(from_log, std::nullopt);
            const bool in_sync = news.replica->has_in_sync(session.follower());
            const auto most = in_sync ? room() : std::min(room(), kCatchUpBytesMax);
            add(news, news.replica->read(news.offset, most));
            read_recent();
        }
    }
};

}  // namespace

rpc::RpcHandler make_fetch_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto decoded, rpc::decode_request<rpc::FetchRequest>(call.json()));
        const auto request = std::make_shared<const rpc::FetchRequest>(std::move(decoded));
        DL_CO_TRY(context.membership->check_cluster(request->cluster_id));
        auto found = context.replicas->sessions().of(*request);
        if (found.has_error()) co_return rpc::encode(rpc::FetchReply{});
        const auto session = std::move(*found);
        for (const auto& ref : request->damaged)
            if (const auto replica = context.replicas->find(ref))
                replica->follower_damaged(request->follower);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request->wait_ms);
        std::vector<FetchFrame> frames;
        constexpr std::size_t kInlineMax = 64;
        if (request->positions.size() <= kInlineMax) {
            frames = place_all(*context.replicas, *session, *request);
        } else {
            auto work = [&context, session, request] {
                return place_all(*context.replicas, *session, *request);
            };
            frames = co_await run_on(*context.work_pool, work);
        }
        if (frames.empty()) co_await session->wait(deadline);
        if (call.cancelled()) co_return make_error(ErrorCode::cancelled, "the follower has gone");
        const std::shared_ptr<NewsReader> news(new NewsReader{*session, request->bytes_max});
        news->read_recent();
        if (news->from_log) {
            auto work = [session, news] { news->read_all(); };
            co_await run_on(*context.work_pool, work);
        }
        std::move(news->frames.begin(), news->frames.end(), std::back_inserter(frames));
        std::vector<std::vector<SharedBytes>> answer;
        answer.reserve(frames.size());
        for (const auto& frame : frames)
            answer.push_back(encode_fetch_frame(frame));
        call.send_with_end(std::move(answer));
        rpc::FetchReply reply;
        reply.session = session->id();
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
