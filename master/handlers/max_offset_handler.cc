// max_offset of sql: the offset of the last record of each partition, -1 for an empty one.
#include <utility>

#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {

HandlerResult max_offset(Services& services, Statement& statement, ClientReply& reply,
                         MaxOffsetStatement sql) {
    auto table = services.catalog.find(sql.table);
    if (table.has_error()) co_return std::move(table).error();
    auto offsets = co_await services.reads.offsets(*table, statement.deadline);
    if (offsets.has_error()) co_return std::move(offsets).error();
    for (auto& entry : offsets->end)
        --entry.second;
    std::string json;
    append_offsets_json(json, offsets->end);
    std::string out;
    append_coded_text(out, kReplyMaxOffset, json);
    co_return co_await reply.write_one(std::move(out));
}

}  // namespace dl::master
