// Runs SQL over a pinned cut: gate, a DuckDB session with a view per table, a stream of batches. Every query
// has a deadline and can be cancelled; how many run at a time is up to the caller. Plain lookups by key are
// answered from the key index instead. Blocking: query pool only. Thread-safe; outlives its streams.
#pragma once

#include <memory>

#include "common/async/deadline_watch.h"
#include "common/base/recent_texts.h"
#include "common/duck/select_ast.h"
#include "slave/query/fragment_engine.h"

namespace dl::slave {

class QueryExecutor final : public FragmentEngine {
  public:
    // `database` may read the folders of the partitions.
    explicit QueryExecutor(std::shared_ptr<DuckDatabase> database) : database_(std::move(database)) {}

    Result<std::unique_ptr<QueryRows>> start(FragmentQuery query) override;

  private:
    struct Parsed {
        SelectAst ast;
        GateReport report;
        bool one_row = false;  // gives_one_row()
    };
    static constexpr std::size_t kParsedMax = 64;
    static constexpr std::size_t kParsedTextBytesMax = 2048;  // trees take many times their text
    Result<std::shared_ptr<const Parsed>> parse(const FragmentQuery& asked);

    RecentTexts<Parsed> parsed_{kParsedMax, kParsedTextBytesMax};
    std::shared_ptr<DuckDatabase> database_;
    DeadlineWatch deadlines_;
};

}  // namespace dl::slave
