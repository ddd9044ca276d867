// desc and show_table of sql: answered from the catalog alone.
#include <utility>

#include "common/types/value_text.h"
#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"
#include "master/handlers/table_text.h"

namespace dl::master {

HandlerResult desc_table(Services& services, Statement&, ClientReply& reply, DescStatement sql) {
    auto table = services.catalog.find(sql.table);
    if (table.has_error()) co_return std::move(table).error();
    std::string out;
    append_coded_text(out, kReplyDesc, desc_json(**table, services.routes.of(**table)));
    co_return co_await reply.write_one(std::move(out));
}

HandlerResult show_tables(Services& services, Statement&, ClientReply& reply) {
    std::string json = "[";
    for (const auto& name : services.catalog.tables().names()) {
        if (json.size() > 1) json += ',';
        append_json_string(json, name);
    }
    json += ']';
    std::string out;
    append_frame(out, json);  // and no -1: existing clients read one frame
    co_return co_await reply.write_one(std::move(out));
}

}  // namespace dl::master
