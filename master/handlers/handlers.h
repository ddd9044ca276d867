// One handler per statement (PROTOCOL 2), each in the file of its name. A handler writes its reply only when
// it succeeds; its error becomes the -2 reply. Handlers of `sql` take their parsed statement.
#pragma once

#include "master/handlers/statement.h"
#include "master/sql/ddl_statement.h"

namespace dl::master {

using HandlerResult = boost::asio::awaitable<Result<void>>;

HandlerResult handle_create(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_json_rows(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_binary_batch(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_query(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_stream_read(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_compress_table(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_check_table(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_metadata(Services& services, Statement& statement, ClientReply& reply);
HandlerResult handle_sql(Services& services, Statement& statement, ClientReply& reply);

HandlerResult create_table(Services& services, Statement& statement, ClientReply& reply,
                           CreateTableStatement sql);
HandlerResult drop_table(Services& services, Statement& statement, ClientReply& reply,
                         DropTableStatement sql);
HandlerResult alter_table_add(Services& services, Statement& statement, ClientReply& reply,
                              AlterAddStatement sql);
HandlerResult alter_table_drop(Services& services, Statement& statement, ClientReply& reply,
                               AlterDropStatement sql);
HandlerResult desc_table(Services& services, Statement& statement, ClientReply& reply, DescStatement sql);
HandlerResult show_tables(Services& services, Statement& statement, ClientReply& reply);
HandlerResult max_offset(Services& services, Statement& statement, ClientReply& reply,
                         MaxOffsetStatement sql);
HandlerResult insert_rows(Services& services, Statement& statement, ClientReply& reply, InsertStatement sql);
HandlerResult delete_rows(Services& services, Statement& statement, ClientReply& reply, DeleteStatement sql);
// Shared by the statement of its name and `sql`.
HandlerResult run_select(Services& services, Statement& statement, ClientReply& reply, std::string sql);
HandlerResult check_table(Services& services, Statement& statement, ClientReply& reply, std::string table,
                          bool repair);
HandlerResult compress_table(Services& services, Statement& statement, ClientReply& reply, std::string table);

}  // namespace dl::master
