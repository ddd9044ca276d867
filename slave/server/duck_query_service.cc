#include "slave/server/duck_query_service.h"

#include <algorithm>

#include "common/base/check.h"
#include "slave/query/found_rows.h"

namespace dl::slave {
namespace {

class Run final : public QueryRun {
  public:
    explicit Run(std::unique_ptr<QueryRows> rows) : rows_(std::move(rows)) {
        for (const auto& column : rows_->columns())
            columns_.push_back({column.name, column.type});
    }
    const std::vector<rpc::NamedType>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override { return rows_->next(); }
    bool is_whole() const override { return rows_->is_whole(); }

  private:
    std::unique_ptr<QueryRows> rows_;
    std::vector<rpc::NamedType> columns_;
};

// What is known of a cut of the past.
std::uint64_t live_rows(const ReadView& view) {
    std::uint64_t rows = view.tail_rows();
    for (const auto& file : view.files())
        rows += file.rows - std::min(file.rows, file.dead_rows);
    return rows;
}

// Takes one cut of each partition.
Result<QueryView> take_cut(const std::vector<TableToPin>& tables, rpc::Cut* cut) {
    QueryView view;
    for (const auto& table : tables) {
        auto& pinned = view.tables[table.table->id];
        pinned.table = table.table;
        if (table.keys) {
            DL_TRY_ASSIGN(pinned.keys, hash_key_texts(*table.table, *table.keys));
        }
        auto& told = cut->emplace_back();
        told.table = table.table->id;
        std::uint64_t rows = 0;
        for (const auto& [id, partition] : table.partitions) {
            std::shared_ptr<const ReadView> taken;
            if (const auto past = table.as_of.find(id); past != table.as_of.end()) {
                DL_TRY_ASSIGN(taken, partition->pin_at(past->second));
            } else {
                taken = partition->pin();
            }
            DL_CHECK(taken != nullptr, "INV-7 every partition of a cut is pinned");
            told.partitions.push_back({id, taken->end_offset()});
            // A lookup by key does not need the list of the files, which is made when it is asked for.
            if (!pinned.keys) {
                const auto counted = taken->count_rows();
                rows += counted ? *counted : live_rows(*taken);
            }
            told.behind += static_cast<std::uint64_t>(partition->end_offset() - taken->end_offset());
            pinned.partitions[id] = std::move(taken);
        }
        DL_CHECK(told.partitions.size() == table.partitions.size(),
                 "INV-7 a cut has every partition it was asked for");
        told.rows = pinned.keys ? pinned.keys->size() : rows;
    }
    return view;
}

FragmentQuery fragment_of(const QueryStatement& statement, std::shared_ptr<const QueryView> view) {
    FragmentQuery query;
    query.sql = statement.sql;
    query.names = statement.names;
    query.broadcasts = statement.broadcasts;
    query.number = statement.number;
    query.view = std::move(view);
    return query;
}

}  // namespace

Result<rpc::PinReply> DuckQueryService::pin(const std::vector<TableToPin>& tables,
                                            std::chrono::milliseconds lease) {
    rpc::PinReply result;
    DL_TRY_ASSIGN(auto view, take_cut(tables, &result.cut));
    DL_TRY_ASSIGN(result.view, views_.add(std::move(view), lease));
    return result;
}

Result<PinnedRun> DuckQueryService::start_pinned(const std::vector<TableToPin>& tables,
                                                 const QueryStatement& statement,
                                                 std::chrono::steady_clock::time_point deadline,
                                                 const std::shared_ptr<QueryCancel>& cancel) {
    PinnedRun started;
    DL_TRY_ASSIGN(auto view, take_cut(tables, &started.cut));
    auto query = fragment_of(statement, std::make_shared<const QueryView>(std::move(view)));
    query.deadline = deadline;
    query.cancel = cancel;
    DL_TRY_ASSIGN(auto rows, engine_->start(std::move(query)));
    started.run = std::make_unique<Run>(std::move(rows));
    return started;
}

Result<std::unique_ptr<QueryRun>> DuckQueryService::start(std::uint64_t view, const QueryStatement& statement,
                                                          std::chrono::steady_clock::time_point deadline,
                                                          const std::shared_ptr<QueryCancel>& cancel) {
    DL_TRY_ASSIGN(auto pinned, views_.use(view));
    auto query = fragment_of(statement, std::move(pinned));
    query.deadline = deadline;
    query.cancel = cancel;
    DL_TRY_ASSIGN(auto rows, engine_->start(std::move(query)));
    return std::unique_ptr<QueryRun>(std::make_unique<Run>(std::move(rows)));
}

}  // namespace dl::slave
