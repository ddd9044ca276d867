// batch_insert with its rows in JSON.
#include <utility>

#include "common/wire/batch_json.h"
#include "master/handlers/append_rows.h"
#include "master/handlers/handlers.h"

namespace dl::master {

HandlerResult handle_batch_insert(Services& services, Statement& statement, ClientReply& reply) {
    auto table = services.catalog.find(statement.request.table_name());
    if (table.has_error()) co_return std::move(table).error();
    RowParser parse = [&request = statement.request](const TableMeta& meta) {
        return parse_json_rows(request, meta);
    };
    co_return co_await append_rows(services, statement, reply, *table, statement.request_bytes,
                                   std::move(parse));
}

}  // namespace dl::master
