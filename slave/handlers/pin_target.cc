#include "slave/handlers/pin_target.h"

#include "common/base/limits.h"
#include "slave/handlers/request_target.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

Result<PinTarget> find_pin_target(HandlerContext& context, const std::vector<rpc::PinTable>& tables) {
    const auto& registry = *context.tables;
    PinTarget target;
    target.tables.reserve(tables.size());
    for (const auto& asked : tables) {
        const auto awaited_before = target.awaited.size();
        auto& table = target.tables.emplace_back();
        DL_TRY_ASSIGN(table.table, find_table(registry, asked.table));
        DL_TRY(check_schema(*table.table, asked.schema, "query"));
        if (!asked.keys.empty()) table.keys = asked.keys;
        for (const auto& part : asked.partitions) {
            std::shared_ptr<Partition> partition;
            if (asked.any) {
                DL_TRY_ASSIGN(auto found, find_readable_partition(registry, context.replicas, asked.table,
                                                                  part.partition, part.leader_epoch));
                partition = std::move(found.partition);
                if (found.follows) context.replicas->count_follower_read();
                target.follows = target.follows || found.follows;
            } else {
                DL_TRY_ASSIGN(partition,
                              find_led_partition(registry, asked.table, part.partition, part.leader_epoch));
            }
            for (const auto& least : {part.min_offset, part.as_of})
                if (least) target.awaited.push_back({partition, *least});
            if (part.as_of) table.as_of[part.partition] = *part.as_of;
            table.partitions.emplace_back(part.partition, std::move(partition));
        }
        target.past = target.past || !table.as_of.empty();
        if (target.awaited.size() == awaited_before) continue;
        target.drops.emplace_back(asked.table, context.drops->of(asked.table.id));
        DL_TRY(find_table(registry, asked.table));  // not dropped before the line above
    }
    return target;
}

boost::asio::awaitable<Result<void>> wait_for_pin(PinTarget& target) {
    if (target.awaited.empty()) co_return Result<void>();
    const auto patience =
        target.follows ? kCopyPatience : std::chrono::milliseconds(limits::long_poll_wait_ms_max);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::vector<std::shared_ptr<WaitList>> ends;
    for (const auto& drop : target.drops)
        ends.push_back(drop.second);
    const bool reached = co_await wait_for_offsets(std::move(target.awaited), deadline, std::move(ends));
    if (reached) co_return Result<void>();
    for (const auto& [table, list] : target.drops)
        if (list->end() > 0)
            co_return make_error(ErrorCode::table_not_found,
                                 "table '" + table.name + "' was dropped meanwhile");
    if (target.follows)
        co_return make_error(ErrorCode::not_leader, "this copy has not come to the offsets asked for yet");
    co_return make_error(ErrorCode::timeout, "the offsets asked for did not become visible");
}

}  // namespace dl::slave
