#include "master/sql/forwarded_slaves.h"

#include <utility>

#include "common/base/byte_io.h"

namespace dl::master {
namespace {

constexpr std::size_t kKnownTablesMax = 256;

std::vector<rpc::NamedTable> named(const std::map<std::string, TableId>& names) {
    std::vector<rpc::NamedTable> list;
    for (const auto& [name, id] : names)
        list.push_back({name, id});
    return list;
}

NodePin node_pin(const FragmentPin& pin) {
    NodePin asked{pin.node, {}};
    for (const auto& table : pin.tables) {
        asked.tables.push_back(table.asked);
        // Whoever sends it to the slave sets the epochs.
        for (auto& partition : asked.tables.back().partitions)
            partition.leader_epoch = LeaderEpoch{1};
    }
    return asked;
}

std::unique_ptr<ForwardedStream> stream_of(DaemonCalls& calls, const FragmentCall& call, StreamTold told) {
    std::vector<ResultColumn> columns;
    for (auto& column : told.columns)
        columns.push_back({std::move(column.name), column.type});
    return std::make_unique<ForwardedStream>(calls, call.cancel, told.stream, std::move(columns));
}

}  // namespace

ForwardedStream::~ForwardedStream() {
    calls_.tell(WorkerCall::close, rpc::encode(Numbered{number_}));
}

std::shared_ptr<DaemonCalls::Waiting> ForwardedStream::ask() const {
    return calls_.begin(WorkerCall::next, rpc::encode(Numbered{number_}));
}

Result<std::optional<ColumnBatch>> ForwardedStream::next() {
    auto asked = ahead_ ? std::exchange(ahead_, nullptr) : ask();
    DL_TRY_ASSIGN(const auto answer, asked->wait(*cancel_));
    ByteReader in(answer.attached.view());
    if (in.at_end()) return std::optional<ColumnBatch>{};
    const auto rows = in.read<std::uint32_t>();
    ahead_ = ask();
    // The master has checked it.
    DL_TRY_ASSIGN(
        auto batch,
        ColumnBatch::decode(answer.attached.slice(sizeof rows, answer.attached.size() - sizeof rows), rows));
    return std::optional<ColumnBatch>(std::move(batch));
}

void ForwardedSlaves::begin(std::shared_ptr<QueryCancel> cancel, std::vector<ForeseenTable> foreseen) {
    const std::lock_guard lock(mutex_);
    cancel_ = std::move(cancel);
    foreseen_ = std::move(foreseen);
    leaders_.clear();
    broadcasts_.clear();
    if (known_.size() > kKnownTablesMax) known_.clear();
}

Result<std::shared_ptr<const TableMeta>> ForwardedSlaves::find(const std::string& name) {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& table : foreseen_) {
            DL_TRY_ASSIGN(auto meta, read_table(table.json));
            if (meta->name != name) continue;
            leaders_.try_emplace(meta->id, table.told);
            return meta;
        }
    }
    DL_TRY_ASSIGN(const auto answer, calls_.call(*cancel_, WorkerCall::table, rpc::encode(TableAsked{name})));
    DL_TRY_ASSIGN(auto told, read_worker_message<TableTold>(answer.json));
    const std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto meta, read_table(answer.attached.view()));
    leaders_[meta->id] = std::move(told);
    return meta;
}

// With mutex_ held.
Result<std::shared_ptr<const TableMeta>> ForwardedSlaves::read_table(std::string_view json) {
    if (const auto known = known_.find(json); known != known_.end()) return known->second;
    DL_TRY_ASSIGN(auto meta, table_meta_from_json(json));
    auto shared = std::make_shared<const TableMeta>(std::move(meta));
    known_.emplace(std::string(json), shared);
    return std::shared_ptr<const TableMeta>(std::move(shared));
}

Result<SystemTable> ForwardedSlaves::read(const std::string& schema, const std::string& table) const {
    DL_TRY_ASSIGN(const auto answer,
                  calls_.call(*cancel_, WorkerCall::system, rpc::encode(SystemAsked{schema, table})));
    DL_TRY_ASSIGN(auto told, read_worker_message<SystemTold>(answer.json));
    SystemTable rows;
    for (auto& column : told.columns)
        rows.columns.emplace_back(std::move(column.name), std::move(column.type));
    rows.rows = answer.attached.view();
    return rows;
}

Result<std::string> ForwardedSlaves::leader_of(const TableMeta& table, PartitionId partition) const {
    {
        const std::lock_guard lock(mutex_);
        const auto told = leaders_.find(table.id);
        if (told != leaders_.end() && partition.value < told->second.leaders.size()) {
            const auto at = told->second.leaders[partition.value];
            if (at < told->second.nodes.size()) return told->second.nodes[at];
        }
    }
    DL_TRY_ASSIGN(const auto answer,
                  calls_.call(*cancel_, WorkerCall::leader, rpc::encode(LeaderAsked{table.name, partition})));
    DL_TRY_ASSIGN(auto told, read_worker_message<LeaderTold>(answer.json));
    return std::move(told.node);
}

Result<std::vector<PinnedFragment>> ForwardedSlaves::pin(const std::vector<FragmentPin>& pins,
                                                         std::chrono::milliseconds lease,
                                                         const FragmentCall& call) {
    PinAsked asked;
    asked.lease_ms = lease.count();
    for (const auto& pin : pins)
        asked.pins.push_back(node_pin(pin));
    DL_TRY_ASSIGN(const auto answer, calls_.call(*call.cancel, WorkerCall::pin, rpc::encode(asked)));
    DL_TRY_ASSIGN(auto told, read_worker_message<PinTold>(answer.json));
    if (told.cuts.size() != pins.size())
        return make_error(ErrorCode::internal, "not every slave answered with a cut");
    std::vector<PinnedFragment> pinned;
    for (std::size_t i = 0; i < pins.size(); ++i)
        pinned.push_back({pins[i].node, told.first + i, std::move(told.cuts[i].cut)});
    return pinned;
}

// Each goes to the master once.
Result<std::uint32_t> ForwardedSlaves::broadcast(const std::shared_ptr<const BroadcastTable>& table,
                                                 QueryCancel& cancel) {
    const std::lock_guard lock(mutex_);
    if (const auto sent = broadcasts_.find(table); sent != broadcasts_.end()) return sent->second;
    std::string bodies;
    for (const auto& batch : table->batches)
        bodies += batch.body().view();
    DL_TRY_ASSIGN(const auto answer, calls_.call(cancel, WorkerCall::broadcast,
                                                 rpc::encode(rpc::broadcast_header(*table)), {bodies}));
    DL_TRY_ASSIGN(const auto told, read_worker_message<Numbered>(answer.json));
    broadcasts_[table] = told.number;
    return told.number;
}

Result<std::unique_ptr<FragmentStream>> ForwardedSlaves::query(const PinnedFragment& pinned,
                                                               const FragmentStatement& statement,
                                                               const FragmentCall& call) {
    OpenAsked asked;
    asked.pinned = static_cast<std::uint32_t>(pinned.view);
    asked.names = named(statement.names);
    for (const auto& table : statement.broadcasts) {
        DL_TRY_ASSIGN(const auto number, broadcast(table, *call.cancel));
        asked.broadcasts.push_back(number);
    }
    DL_TRY_ASSIGN(const auto answer,
                  calls_.call(*call.cancel, WorkerCall::open, rpc::encode(asked), {statement.sql}));
    DL_TRY_ASSIGN(auto told, read_worker_message<StreamTold>(answer.json));
    return std::unique_ptr<FragmentStream>(stream_of(calls_, call, std::move(told)));
}

Result<PinnedStream> ForwardedSlaves::pin_and_query(const FragmentPin& pin, const std::string& sql,
                                                    const std::map<std::string, TableId>& names,
                                                    const FragmentCall& call) {
    WholeAsked asked;
    asked.pin = node_pin(pin);
    asked.names = named(names);
    PinnedStream started;
    started.cut.node = pin.node;
    // The plan is told before its rows, so that it is run from here.
    if (!sql.starts_with("EXPLAIN ")) {
        started.stream = std::make_unique<LeftToMaster>(std::move(asked), sql);
        return started;
    }
    DL_TRY_ASSIGN(const auto answer, calls_.call(*call.cancel, WorkerCall::whole, rpc::encode(asked), {sql}));
    DL_TRY_ASSIGN(auto told, read_worker_message<StreamTold>(answer.json));
    started.stream = stream_of(calls_, call, std::move(told));
    return started;
}

}  // namespace dl::master
