// The result of a statement that one slave runs as it is.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/deadline_watch.h"
#include "master/sql/fragment.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

// What a result reflects.
struct ResultCut {
    std::map<std::string, std::map<std::uint32_t, Offset>> offsets;
    std::map<std::string, std::uint64_t> behind;
    void note(const QueryTables& tables, const PinnedFragment& fragment);
};

// What a call that was cut off reports is only its own view of why: the reason of the cancel is told instead,
// and any other error in terms of the statement that was sent, whose tables `fragments` stand for.
Error told_error(const Error& error, const QueryCancel& cancel, const std::string& sent,
                 const std::vector<Fragment>& fragments = {});

class RemoteStream final : public QueryStream {
  public:
    RemoteStream(std::string sent, std::shared_ptr<QueryCancel> cancel, ResultCut cut,
                 std::unique_ptr<FragmentStream> rows, DeadlineWatch::Entry deadline)
        : sent_(std::move(sent)),
          cancel_(std::move(cancel)),
          cut_(std::move(cut)),
          rows_(std::move(rows)),
          deadline_(std::move(deadline)) {}

    const std::vector<ResultColumn>& columns() const override { return rows_->columns(); }
    Result<std::optional<ColumnBatch>> next() override;
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return cut_.offsets;
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return cut_.behind; }

  private:
    const std::string sent_;
    const std::shared_ptr<QueryCancel> cancel_;
    const ResultCut cut_;
    const std::unique_ptr<FragmentStream> rows_;
    DeadlineWatch::Entry deadline_;
    std::optional<Error> error_;
    bool ended_ = false;
};

}  // namespace dl::master
