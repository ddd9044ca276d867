#include "common/rpc/messages/upkeep_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

void add(rpc::StatsReply& sum, const PartitionStats& stats) {
    sum.rows += stats.end_offset - stats.first_offset;
    sum.flushed += stats.flushed_end;
    sum.segments += stats.segments;
    sum.log_bytes += stats.log_bytes;
    sum.files += stats.files;
    sum.file_rows += stats.file_rows;
    sum.file_dead_rows += stats.file_dead_rows;
    sum.file_bytes += stats.file_bytes;
    sum.tail_rows += stats.tail_rows;
    sum.tail_bytes += stats.tail_bytes;
    sum.index_bytes_resident += stats.index_bytes_resident;
    sum.index_bytes_mapped += stats.index_bytes_mapped;
    sum.batch_ids += stats.batch_ids;
    sum.batch_id_tail_bytes += stats.batch_id_tail_bytes;
    sum.batch_id_bytes_resident += stats.batch_id_bytes_resident;
    sum.batch_id_file_bytes += stats.batch_id_file_bytes;
    sum.appends += stats.appends;
    sum.appended_rows += stats.appended_rows;
    sum.syncs += stats.syncs;
    sum.flushes += stats.flushes;
    sum.compactions += stats.compactions;
    sum.joins += stats.joins;
    sum.scrubbed_bytes += stats.scrubbed_bytes;
    sum.scrub_findings += stats.scrub_findings;
}

Result<std::string> answer(const HandlerContext& context, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::StatsRequest>(json));
    DL_TRY_ASSIGN(const auto partitions, find_partitions(*context.tables, request.table, request.partitions));
    rpc::StatsReply reply;
    for (const auto& [id, partition] : partitions) {
        const auto stats = partition->stats();
        add(reply, stats);
        reply.partitions.push_back({id, stats.first_offset, stats.end_offset});
    }
    reply.query_crashes = context.queries->crashes();
    return rpc::encode(reply);
}

}  // namespace

rpc::RpcHandler make_stats_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        co_return answer(context, call.json());
    };
}

}  // namespace dl::slave
