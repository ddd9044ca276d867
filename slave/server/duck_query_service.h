// QueryService over slave/query: pinned cuts with leases, fragments run by DuckDB.
#pragma once

#include <memory>

#include "slave/handlers/query_service.h"
#include "slave/query/query_executor.h"
#include "slave/query/query_views.h"

namespace dl::slave {

class DuckQueryService final : public QueryService {
  public:
    explicit DuckQueryService(std::shared_ptr<DuckDatabase> database) : executor_(std::move(database)) {}

    Result<rpc::PinReply> pin(const std::vector<TableToPin>& tables,
                              std::chrono::milliseconds lease) override;
    void unpin(std::uint64_t view) override { views_.remove(view); }
    Result<std::unique_ptr<QueryRun>> start(std::uint64_t view, const QueryStatement& statement,
                                            std::chrono::steady_clock::time_point deadline,
                                            const std::shared_ptr<QueryCancel>& cancel) override;
    Result<PinnedRun> start_pinned(const std::vector<TableToPin>& tables, const QueryStatement& statement,
                                   std::chrono::steady_clock::time_point deadline,
                                   const std::shared_ptr<QueryCancel>& cancel) override;
    // Lets go of cuts whose lease is over; may delete files, so on the background pool.
    std::size_t expire() { return views_.expire(); }

  private:
    QueryViews views_;
    QueryExecutor executor_;
};

}  // namespace dl::slave
