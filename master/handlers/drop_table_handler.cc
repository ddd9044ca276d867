// drop of sql.
#include <utility>

#include "master/handlers/handlers.h"

namespace dl::master {

HandlerResult drop_table(Services& services, Statement& statement, ClientReply& reply,
                         DropTableStatement sql) {
    auto dropped = co_await services.tables.drop(std::move(sql.table), statement.deadline);
    const bool absent = dropped.has_error() && dropped.error().code == ErrorCode::table_not_found;
    if (dropped.has_error() && !(absent && sql.if_exists)) co_return std::move(dropped).error();
    co_return co_await reply_success(statement, reply, "");
}

}  // namespace dl::master
