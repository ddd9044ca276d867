// insert and batch_insert: rows in JSON. An insert is a batch of one row; the parser knows both shapes.
#include <utility>

#include "master/handlers/append_rows.h"
#include "master/handlers/handlers.h"
#include "master/protocol/native/batch_json.h"

namespace dl::master {

HandlerResult handle_json_rows(Services& services, Statement& statement, ClientReply& reply) {
    auto table = services.catalog.find(statement.request.table_name());
    if (table.has_error()) co_return std::move(table).error();
    RowParser parse = [&request = statement.request](const TableMeta& meta) {
        return parse_json_rows(request, meta);
    };
    co_return co_await append_rows(services, statement, reply, *table, statement.request_bytes,
                                   std::move(parse));
}

}  // namespace dl::master
