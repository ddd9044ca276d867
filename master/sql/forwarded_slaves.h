// Tables and slaves as a process sees them that runs a SELECT: all of it is asked of the master
// (daemon_calls.h), which alone speaks to the network. Thread-safe but for begin(); one for all statements of
// the process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "master/sql/daemon_calls.h"
#include "master/sql/fragment_runner.h"
#include "master/sql/query_planner.h"
#include "master/sql/system_tables.h"

namespace dl::master {

// Its rows are with the master, which reads them of a slave; one batch is asked for ahead.
class ForwardedStream final : public FragmentStream {
  public:
    ForwardedStream(DaemonCalls& calls, std::shared_ptr<QueryCancel> cancel, std::uint32_t number,
                    std::vector<ResultColumn> columns)
        : calls_(calls), cancel_(std::move(cancel)), number_(number), columns_(std::move(columns)) {}
    ~ForwardedStream() override;
    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override;

  private:
    std::shared_ptr<DaemonCalls::Waiting> ask() const;

    DaemonCalls& calls_;
    const std::shared_ptr<QueryCancel> cancel_;
    const std::uint32_t number_;
    const std::vector<ResultColumn> columns_;
    std::shared_ptr<DaemonCalls::Waiting> ahead_;
};

// A statement that one slave runs as it is. The master sends it when it has been planned, and has its rows.
class LeftToMaster final : public FragmentStream {
  public:
    LeftToMaster(WholeAsked asked, std::string sql) : asked_(std::move(asked)), sql_(std::move(sql)) {}
    const WholeAsked& asked() const { return asked_; }
    const std::string& sql() const { return sql_; }
    // There are none here.
    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override {
        return make_error(ErrorCode::internal, "the rows of this statement are with the master");
    }

  private:
    const WholeAsked asked_;
    const std::string sql_;
    const std::vector<ResultColumn> columns_;
};

class ForwardedSlaves final : public FragmentRunner, public SystemTables {
  public:
    explicit ForwardedSlaves(DaemonCalls& calls) : calls_(calls) {}
    // Another statement, or none (null): what was asked for the last one means nothing any more.
    void begin(std::shared_ptr<QueryCancel> cancel, std::vector<ForeseenTable> foreseen);

    Result<std::shared_ptr<const TableMeta>> find(const std::string& name);
    Result<SystemTable> read(const std::string& schema, const std::string& table) const override;

    Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const override;
    Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins,
                                            std::chrono::milliseconds lease,
                                            const FragmentCall& call) override;
    Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                  const FragmentStatement& statement,
                                                  const FragmentCall& call) override;
    Result<PinnedStream> pin_and_query(const FragmentPin& pin, const std::string& sql,
                                       const std::map<std::string, TableId>& names,
                                       const FragmentCall& call) override;
    // The master does, when the statement has ended.
    void unpin(const std::vector<PinnedFragment>&) override {}

  private:
    Result<std::shared_ptr<const TableMeta>> read_table(std::string_view json);
    Result<std::uint32_t> broadcast(const std::shared_ptr<const BroadcastTable>& table, QueryCancel& cancel);

    DaemonCalls& calls_;
    std::shared_ptr<QueryCancel> cancel_;
    mutable std::mutex mutex_;
    // What was read once, by its bytes: most statements name the same tables.
    std::map<std::string, std::shared_ptr<const TableMeta>, std::less<>> known_;
    std::vector<ForeseenTable> foreseen_;
    std::map<TableId, TableTold> leaders_;
    std::map<std::shared_ptr<const BroadcastTable>, std::uint32_t> broadcasts_;
};

}  // namespace dl::master
