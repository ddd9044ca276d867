// Statements that were read and planned lately: the same text over the same tables is not parsed and planned
// again. Views and tables of the system are read anew each time. Blocking: query pool only. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/recent_texts.h"
#include "master/sql/fragment_planner.h"
#include "master/sql/statement_reader.h"

namespace dl::master {

class KnownStatement {
  public:
    explicit KnownStatement(ReadStatement asked) : asked_(std::move(asked)) {}
    const ReadStatement& asked() const { return asked_; }
    // The plan of asked().ast, which it has; `rows` as FragmentPlanner::plan() takes them.
    FragmentPlan plan(FragmentPlanner& planner, const TableRows& rows,
                      const std::shared_ptr<QueryCancel>& cancel) const;

  private:
    struct Planned {
        FragmentPlan plan;
        TableRows rows;
    };
    const ReadStatement asked_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const Planned> planned_;
};

class KnownStatements {
  public:
    static constexpr std::size_t kStatementsMax = 64;
    static constexpr std::size_t kTextBytesMax = 2048;  // trees take many times their text

    // Errors of StatementReader::read().
    Result<std::shared_ptr<const KnownStatement>> read(const StatementReader& reader, std::string_view sql,
                                                       const TableLookup& lookup);

  private:
    RecentTexts<KnownStatement> statements_{kStatementsMax, kTextBytesMax};
};

}  // namespace dl::master
