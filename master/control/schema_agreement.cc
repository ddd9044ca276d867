#include "master/control/schema_agreement.h"

#include <algorithm>
#include <utility>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/meta/schema_lineage.h"
#include "common/rpc/messages/replica_messages.h"
#include "common/rpc/messages/table_messages.h"
#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.tables";
constexpr auto kAnswerPatience = std::chrono::seconds(5);

// A slave knows a newer schema than the catalog: the catalog is a restored copy. It becomes the catalog's, if
// the catalog's may have become it.
Result<void> take_over_schema(Catalog& catalog, const TableMeta& held) {
    const auto found = catalog.find(held.name);
    if (found.has_error() || (*found)->id != held.id || (*found)->incarnation != held.incarnation) return {};
    const auto& known = **found;
    if (descends_from(known, held)) return {};
    auto adopted = known;
    adopted.schema = held.schema;
    adopted.next_field_id = held.next_field_id;
    adopted.history = held.history;
    adopted.former_names = held.former_names;
    const auto is_gone = [&](const auto& kept) { return !held.schema.find(kept.first); };
    std::erase_if(adopted.declared, [&](const auto& kept) {
        const auto at = held.schema.find(kept.first);
        return !at || held.schema.fields[*at].type != kept.second.type;
    });
    std::erase_if(adopted.new_defaults, is_gone);
    for (auto& [id, text] : adopted.new_defaults)
        if (text) {
            DL_TRY_ASSIGN(text, canonical_text(held.schema.fields[*held.schema.find(id)].type, *text));
        }
    auto changed = catalog.change_schema(std::move(adopted));
    if (changed.has_error() && changed.error().code != ErrorCode::schema_mismatch)
        return std::move(changed).error();
    if (changed.has_error()) {
        // Another slave has brought the same meanwhile, or an ALTER after it.
        const auto now = catalog.find(held.name);
        if (now.has_value() && descends_from(**now, held)) return {};
        return make_error(ErrorCode::corrupt_data,
                          "the slaves hold other columns of table '" + held.name +
                              "' than this master's catalog; start the master on the catalog that fits the "
                              "slaves (master.data.path), or drop the table and create it anew");
    }
    log_warn(kComponent, "a slave's schema is newer than the catalog's and was taken over",
             {{"table", held.name}, {"from", known.schema.id.value}, {"to", held.schema.id.value}});
    return {};
}

}  // namespace

asio::awaitable<Result<void>> tell_schema(SchemaTellers with, TablePtr table, NodeId node,
                                          LeaderEpochs epochs, rpc::Deadline deadline) {
    auto route = with.routes.node(node);
    if (route.has_error()) co_return std::move(route).error();
    const auto request = rpc::encode(rpc::UpdateTableRequest{*table, rpc::partition_epochs(epochs)});
    DL_CO_TRY_ASSIGN(auto reply,
                     co_await route->slave->call(rpc::Method::update_table, request, {}, deadline));
    DL_CO_TRY_ASSIGN(auto told, rpc::decode_reply<rpc::UpdateTableReply>(reply.end_json));
    if (told.newer) {
        auto adopt = [&catalog = with.catalog, held = std::move(*told.newer)] {
            return take_over_schema(catalog, held);
        };
        DL_CO_TRY(co_await run_on(with.work, adopt));
    }
    with.agreed.lock()->emplace(table->id, node);
    co_return Result<void>();
}

asio::awaitable<Result<void>> agree_on_schema(SchemaTellers with, std::string name, rpc::Deadline deadline) {
    DL_CO_TRY_ASSIGN(const auto table, with.catalog.find(name));
    const auto placement = with.catalog.tables().placement(table->id);
    auto nodes = placement == nullptr ? std::vector<NodeId>() : nodes_of(*placement);
    std::erase_if(nodes, [&](NodeId node) { return with.agreed.lock()->contains({table->id, node}); });
    const auto until = std::min(deadline, steady_clock::now() + kAnswerPatience);
    std::vector<Result<void>> agreed(nodes.size());
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < nodes.size(); ++i)
        tasks.emplace_back(
            [with, &table, node = nodes[i], result = &agreed[i], until]() -> asio::awaitable<void> {
                const LeaderEpochs none;
                *result = co_await tell_schema(with, table, node, none, until);
            });
    co_await run_all(std::move(tasks));
    for (auto& result : agreed) {
        if (result.has_value()) continue;
        auto error = std::move(result).error();
        const bool is_away = error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout;
        if (!is_away) co_return error;
        error.code = ErrorCode::unavailable;
        co_return error.in("table '" + table->name +
                           "' was not altered: all its slaves have to be there, because one may know columns "
                           "that a restored catalog has forgotten; start it and repeat the statement");
    }
    co_return Result<void>();
}

}  // namespace dl::master
