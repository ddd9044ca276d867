#include <memory>
#include <vector>

#include "common/async/run_on.h"
#include "common/rpc/messages/read_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

struct Asked {
    rpc::OffsetsRequest request;
    std::vector<std::shared_ptr<Partition>> partitions;  // in the order of the request
};

Result<Asked> parse(const TableRegistry& tables, std::string_view json) {
    Asked asked;
    DL_TRY_ASSIGN(asked.request, rpc::decode_request<rpc::OffsetsRequest>(json));
    DL_TRY(find_table(tables, asked.request.table));
    for (const auto& [id, epoch] : asked.request.partitions) {
        DL_TRY_ASSIGN(auto partition, find_led_partition(tables, asked.request.table, id, epoch));
        asked.partitions.push_back(std::move(partition));
    }
    return asked;
}

Result<rpc::OffsetsReply> answer(const Asked& asked) {
    rpc::OffsetsReply reply;
    for (std::size_t i = 0; i < asked.partitions.size(); ++i) {
        const auto& partition = *asked.partitions[i];
        rpc::PartitionOffsets offsets;
        offsets.partition = asked.request.partitions[i].partition;
        // Before the others, which may only grow meanwhile.
        if (asked.request.since_us) {
            DL_TRY_ASSIGN(offsets.since, partition.offset_for_time(*asked.request.since_us));
        }
        offsets.first = partition.first_offset();
        offsets.history = partition.history_start();
        offsets.end = partition.end_offset();
        reply.partitions.push_back(offsets);
    }
    return reply;
}

}  // namespace

rpc::RpcHandler make_offsets_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto asked, parse(*context.tables, call.json()));
        // Offsets are known; times are looked up on the disk.
        if (!asked.request.since_us) {
            DL_CO_TRY_ASSIGN(const auto reply, answer(asked));
            co_return rpc::encode(reply);
        }
        auto work = [asked = std::move(asked)] { return answer(asked); };
        auto found = co_await run_on(*context.work_pool, work);
        if (found.has_error()) co_return std::move(found).error();
        co_return rpc::encode(*found);
    };
}

}  // namespace dl::slave
