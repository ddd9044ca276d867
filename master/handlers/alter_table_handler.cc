// alter table of sql: add and drop a column.
#include <utility>

#include "master/handlers/handlers.h"

namespace dl::master {

HandlerResult alter_table_add(Services& services, Statement& statement, ClientReply& reply,
                              AlterAddStatement sql) {
    ColumnDefinition column{std::move(sql.column.name), std::move(sql.column.type), sql.column.not_null,
                            std::move(sql.column.default_text)};
    auto altered =
        co_await services.tables.add_column(std::move(sql.table), std::move(column), statement.deadline);
    if (altered.has_error()) co_return std::move(altered).error();
    co_return co_await reply_success(statement, reply, "");
}

HandlerResult alter_table_drop(Services& services, Statement& statement, ClientReply& reply,
                               AlterDropStatement sql) {
    auto altered =
        co_await services.tables.drop_column(std::move(sql.table), std::move(sql.column), statement.deadline);
    if (altered.has_error()) co_return std::move(altered).error();
    co_return co_await reply_success(statement, reply, "");
}

}  // namespace dl::master
