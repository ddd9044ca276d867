// What the log of a copy is compared by with those of others.
#include <algorithm>
#include <atomic>

#include "common/async/run_on.h"
#include "common/base/byte_io.h"
#include "common/base/hash.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kReadBytes = 4u << 20;

// Batches that lie within the range: what every copy that has them has alike, bytes of their headers, with
// the checksums of the bodies, which the read has compared. How far a log was synced by then each says for
// itself.
Result<rpc::LogDigestReply> digest_of(const Partition& partition, const SharedLog& log,
                                      const rpc::LogDigestRequest& request,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::atomic<bool>& gone) {
    rpc::LogDigestReply reply;
    reply.first = log.first_offset();
    reply.end = partition.end_offset();
    const auto end = std::min(request.end, reply.end);
    auto at = std::max(request.from, reply.first);
    std::string text;
    while (at < end) {
        if (gone) return make_error(ErrorCode::cancelled, "the peer has gone");
        if (std::chrono::steady_clock::now() >= deadline)
            return make_error(ErrorCode::timeout, "the log could not be read in time");
        DL_TRY_ASSIGN(const auto batches, log.read(at, end, kReadBytes));
        if (batches.empty()) break;
        for (auto batch : batches) {
            batch.header.synced_end = 0;
            at = batch.header.end_offset();
            if (batch.header.base_offset < request.from || at > end) continue;
            text.resize(sizeof reply.digest + RecordBatchHeader::kHeaderBytes);
            store_le(text.data(), reply.digest);
            encode_record_batch_header(batch.header, text.data() + sizeof reply.digest);
            reply.digest = partition_hash(text);
            ++reply.batches;
        }
    }
    return reply;
}

}  // namespace

rpc::RpcHandler make_log_digest_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::LogDigestRequest>(call.json()));
        DL_CO_TRY_ASSIGN(auto partition, find_partition(*context.tables, request.table, request.partition));
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
        DL_CO_TRY_ASSIGN(const auto slot, co_await context.query_slots->acquire(1, deadline));
        const auto gone = std::make_shared<std::atomic<bool>>(false);
        call.on_cancel([gone] { gone->store(true); });
        auto work = [partition = std::move(partition), request, deadline,
                     gone]() -> Result<rpc::LogDigestReply> {
            const auto* copy = partition->copy();
            if (copy == nullptr) return make_error(ErrorCode::internal, "the partition has no log");
            return digest_of(*partition, copy->log(), request, deadline, *gone);
        };
        DL_CO_TRY_ASSIGN(const auto reply, co_await run_on(*context.query_pool, work));
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
