#include "slave/server/duck_query_service.h"

namespace dl::slave {
namespace {

class Run final : public QueryRun {
  public:
    explicit Run(std::unique_ptr<QueryRows> rows) : rows_(std::move(rows)) {
        for (const auto& column : rows_->columns())
            columns_.push_back({column.name, column.type});
    }
    const std::vector<Column>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override { return rows_->next(); }

  private:
    std::unique_ptr<QueryRows> rows_;
    std::vector<Column> columns_;
};

}  // namespace

Result<PinResult> DuckQueryService::pin(const std::vector<PinTable>& tables,
                                        std::chrono::milliseconds lease) {
    QueryView view;
    PinResult result;
    for (const auto& table : tables) {
        auto& pinned = view.tables[table.table->id];
        pinned.table = table.table;
        auto& offsets = result.offsets[table.table->id];
        for (const auto& [id, partition] : table.partitions) {
            auto cut = partition->pin();
            offsets[id] = cut->end_offset();
            pinned.partitions[id] = std::move(cut);
        }
    }
    DL_TRY_ASSIGN(result.view, views_.add(std::move(view), lease));
    return result;
}

Result<std::unique_ptr<QueryRun>> DuckQueryService::start(std::uint64_t view, const std::string& sql,
                                                          const std::map<std::string, TableId>& names,
                                                          std::chrono::steady_clock::time_point deadline,
                                                          const std::shared_ptr<QueryCancel>& cancel) {
    FragmentQuery query;
    DL_TRY_ASSIGN(query.view, views_.use(view));
    query.sql = sql;
    query.names = names;
    query.deadline = deadline;
    query.cancel = cancel;
    DL_TRY_ASSIGN(auto rows, executor_.start(std::move(query)));
    return std::unique_ptr<QueryRun>(std::make_unique<Run>(std::move(rows)));
}

}  // namespace dl::slave
