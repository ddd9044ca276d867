// One handler per method of common/rpc/messages.h, each in its own file, and the table of all of them.
// `context` outlives the handlers.
#pragma once

#include <map>

#include "common/rpc/rpc_server.h"
#include "slave/handlers/handler_context.h"

namespace dl::slave {

rpc::RpcHandler make_ping_handler(HandlerContext& context);
rpc::RpcHandler make_create_table_handler(HandlerContext& context);
rpc::RpcHandler make_update_table_handler(HandlerContext& context);
rpc::RpcHandler make_drop_table_handler(HandlerContext& context);
rpc::RpcHandler make_append_handler(HandlerContext& context);
rpc::RpcHandler make_read_handler(HandlerContext& context);
rpc::RpcHandler make_wait_handler(HandlerContext& context);
rpc::RpcHandler make_offsets_handler(HandlerContext& context);
rpc::RpcHandler make_pin_handler(HandlerContext& context);
rpc::RpcHandler make_unpin_handler(HandlerContext& context);
rpc::RpcHandler make_query_handler(HandlerContext& context);
rpc::RpcHandler make_compress_handler(HandlerContext& context);
rpc::RpcHandler make_stats_handler(HandlerContext& context);
rpc::RpcHandler make_check_handler(HandlerContext& context);
rpc::RpcHandler make_accept_loss_handler(HandlerContext& context);
rpc::RpcHandler make_register_handler(HandlerContext& context);
rpc::RpcHandler make_inventory_handler(HandlerContext& context);
rpc::RpcHandler make_heartbeat_handler(HandlerContext& context);
rpc::RpcHandler make_assign_replicas_handler(HandlerContext& context);
rpc::RpcHandler make_fetch_handler(HandlerContext& context);
rpc::RpcHandler make_export_copy_handler(HandlerContext& context);
rpc::RpcHandler make_read_export_handler(HandlerContext& context);
rpc::RpcHandler make_drop_copy_handler(HandlerContext& context);
rpc::RpcHandler make_copy_progress_handler(HandlerContext& context);
rpc::RpcHandler make_refill_copy_handler(HandlerContext& context);
rpc::RpcHandler make_log_digest_handler(HandlerContext& context);

std::map<rpc::Method, rpc::RpcHandler> make_handlers(HandlerContext& context);

}  // namespace dl::slave
