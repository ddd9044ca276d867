// Creates, alters and drops tables: catalog and slaves together. A table exists from the moment its catalog
// entry is committed, which happens after every slave has its partitions; it is gone from the moment the
// entry is, and what slaves still hold is dropped in the background, whenever they are back. Coroutines run
// on the caller's executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/async/worker_pool.h"
#include "common/base/error.h"
#include "common/base/synchronized.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog.h"
#include "master/catalog/schema_change.h"
#include "master/control/copy_control.h"
#include "master/control/held_tables.h"
#include "master/control/node_registrar.h"
#include "master/routing/slave_call.h"

namespace dl::master {

class TableManager {
  public:
    // `work` runs what blocks on the catalog.
    TableManager(Catalog& catalog, const RouteTable& routes, NodeRegistrar& nodes, WorkerPool& work,
                 RetryOptions retries = {})
        : catalog_(catalog), routes_(routes), nodes_(nodes), work_(work), retries_(retries) {}

    // Who keeps copies; outlives it. Without it every table is made with one copy.
    void keep_copies(CopyControl& copies) { copies_ = &copies; }

    // How many copies the partitions of a table are to have; what is needed for it is done in the background.
    // UNAVAILABLE when there are fewer slaves.
    boost::asio::awaitable<Result<CatalogTablePtr>> set_copies(std::string name, std::uint32_t copies,
                                                               rpc::Deadline deadline);

    // On slaves that are there; those known to be away are left out as long as others are there. With as many
    // of the copies asked for as there are slaves, unless a min_in_sync was given. TABLE_EXISTS; UNAVAILABLE
    // names the slave that is needed and cannot be reached, and nothing is visible then.
    // `replace`: the table of that name, if there is one, goes in the moment in which the new one comes.
    boost::asio::awaitable<Result<CatalogTablePtr>> create(TableDefinition definition, rpc::Deadline deadline,
                                                           bool replace = false);
    // The rows of a table made with TableDefinition::being_filled are all there: it stays. TABLE_NOT_FOUND
    // when it was dropped meanwhile.
    boost::asio::awaitable<Result<void>> finish_filling(TableId table);
    // `only`: when the table of that name is this one; else TABLE_NOT_FOUND.
    boost::asio::awaitable<Result<void>> drop(std::string name, rpc::Deadline deadline,
                                              std::optional<TableId> only = {});
    using Change = std::function<Result<CatalogTable>(const CatalogTable&)>;
    // Changes the table of that name; `change` is pure and may be called again when another change came
    // first. The slaves are told once the catalog has it. UNAVAILABLE: a slave of the table is away.
    boost::asio::awaitable<Result<CatalogTablePtr>> alter(std::string name, Change change,
                                                          rpc::Deadline deadline);

    // A table on a slave that the catalog does not know.
    struct Orphan {
        std::string name;  // 16 hex digits: of the table, on whichever slaves it is
        std::string slave;
        HeldTable table;
    };
    // UNAVAILABLE names a slave that cannot be asked.
    boost::asio::awaitable<Result<std::vector<Orphan>>> orphans(rpc::Deadline deadline);
    struct HeldBytes {
        std::optional<std::uint64_t> bytes;  // on all its slaves; nullopt when one of them is away
        bool is_led = false;                 // the leaders of all its partitions answer
    };
    // Of each table. All slaves are asked at once; one that does not answer within seconds is away.
    boost::asio::awaitable<std::map<TableId, HeldBytes>> bytes_held(rpc::Deadline deadline);
    // Removes an orphan from all slaves. NOT_FOUND when there is none of that name.
    boost::asio::awaitable<Result<void>> drop_orphan(std::string name, rpc::Deadline deadline);

    // Tells one slave what it missed while it was away: newer schemas, leader epochs and drops. For a slave
    // that came back.
    boost::asio::awaitable<void> catch_up(NodeId node, rpc::Deadline deadline);
    // Carries out the drops that are still open on one slave.
    boost::asio::awaitable<void> retry_drops(NodeId node, rpc::Deadline deadline);

    // Slaves that have told this master, since it started, that they know no newer schema of the table: from
    // then on no schema is newer than the catalog's, whether they are there or not.
    using AgreedSchemas = Synchronized<std::set<std::pair<TableId, NodeId>>>;

  private:
    struct Planned {
        CatalogTable table;
        TablePlacement placement;
    };
    boost::asio::awaitable<Result<void>> create_on_slaves(const Planned& planned, rpc::Deadline deadline);
    boost::asio::awaitable<bool> carry_out(PendingDrop drop, rpc::Deadline deadline);
    // `tried`: where it was to be.
    boost::asio::awaitable<Result<CatalogTablePtr>> create_once(const TableDefinition& definition,
                                                                rpc::Deadline deadline, bool replace,
                                                                TablePlacement& tried);
    Result<Planned> plan(const TableDefinition& definition, bool replace) const;
    // The slaves a new table can be on: those that are there, or all when none is.
    Result<std::vector<NodeId>> usable_nodes(const std::string& table) const;
    bool is_on_lost(const TablePlacement& placement) const;
    boost::asio::awaitable<void> remove_from_slaves(Catalog::Removed removed, rpc::Deadline deadline);

    Catalog& catalog_;
    const RouteTable& routes_;
    NodeRegistrar& nodes_;
    WorkerPool& work_;
    const RetryOptions retries_;
    const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    CopyControl* copies_ = nullptr;
    AgreedSchemas agreed_;
    std::mutex mutex_;
    std::set<TableId> in_creation_;  // not to be cleaned up: their drops are queued in case this process dies
};

}  // namespace dl::master
