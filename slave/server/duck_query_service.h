// QueryService over slave/query: pinned cuts with leases, fragments run by an engine.
#pragma once

#include <memory>

#include "slave/handlers/query_service.h"
#include "slave/query/fragment_engine.h"
#include "slave/query/query_views.h"

namespace dl::slave {

class DuckQueryService final : public QueryService {
  public:
    explicit DuckQueryService(std::unique_ptr<FragmentEngine> engine) : engine_(std::move(engine)) {}

    Result<rpc::PinReply> pin(const std::vector<TableToPin>& tables,
                              std::chrono::milliseconds lease) override;
    void unpin(std::uint64_t view) override { views_.remove(view); }
    Result<std::unique_ptr<QueryRun>> start(std::uint64_t view, const QueryStatement& statement,
                                            std::chrono::steady_clock::time_point deadline,
                                            const std::shared_ptr<QueryCancel>& cancel) override;
    Result<PinnedRun> start_pinned(const std::vector<TableToPin>& tables, const QueryStatement& statement,
                                   std::chrono::steady_clock::time_point deadline,
                                   const std::shared_ptr<QueryCancel>& cancel) override;
    std::uint64_t crashes() const override { return engine_->crashes(); }
    std::map<std::uint64_t, std::uint64_t> memory() const override { return engine_->memory(); }
    // Lets go of cuts whose lease is over; may delete files, so on the background pool.
    std::size_t expire() {
        engine_->expire();
        return views_.expire();
    }

  private:
    QueryViews views_;
    std::unique_ptr<FragmentEngine> engine_;
};

}  // namespace dl::slave
