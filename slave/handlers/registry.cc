#include "slave/handlers/handlers.h"

namespace dl::slave {

std::map<rpc::Method, rpc::RpcHandler> make_handlers(HandlerContext& context) {
    using rpc::Method;
    std::map<Method, rpc::RpcHandler> all;
    all[Method::ping] = make_ping_handler(context);
    all[Method::create_table] = make_create_table_handler(context);
    all[Method::update_table] = make_update_table_handler(context);
    all[Method::drop_table] = make_drop_table_handler(context);
    all[Method::append] = make_append_handler(context);
    all[Method::read] = make_read_handler(context);
    all[Method::wait] = make_wait_handler(context);
    all[Method::offsets] = make_offsets_handler(context);
    all[Method::pin] = make_pin_handler(context);
    all[Method::unpin] = make_unpin_handler(context);
    all[Method::query] = make_query_handler(context);
    all[Method::compress] = make_compress_handler(context);
    all[Method::stats] = make_stats_handler(context);
    all[Method::check] = make_check_handler(context);
    all[Method::log_digest] = make_log_digest_handler(context);
    all[Method::accept_loss] = make_accept_loss_handler(context);
    all[Method::inventory] = make_inventory_handler(context);
    if (context.membership != nullptr) all[Method::register_node] = make_register_handler(context);
    if (context.replicas != nullptr) {
        all[Method::heartbeat] = make_heartbeat_handler(context);
        all[Method::assign_replicas] = make_assign_replicas_handler(context);
        all[Method::fetch] = make_fetch_handler(context);
        all[Method::export_copy] = make_export_copy_handler(context);
        all[Method::read_export] = make_read_export_handler(context);
        all[Method::drop_copy] = make_drop_copy_handler(context);
        all[Method::copy_progress] = make_copy_progress_handler(context);
        all[Method::refill_copy] = make_refill_copy_handler(context);
    }
    return all;
}

}  // namespace dl::slave
