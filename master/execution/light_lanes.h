// A way of their own for statements that are short by nature, for when all query slots are taken: who wants
// to see what a busy master does must not wait behind it. Each lane has few slots, and a statement holds one
// for kTime at most: what takes longer, or gives more than kRowsBytesMax, was no light one. It is stopped,
// and waits for a slot like any other. Nothing of a SELECT is done twice by that: no row of it was told.
//
// Threads: members as their types say; the rest any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/async/query_cancel.h"
#include "common/async/worker_pool.h"
#include "common/net/byte_budget.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

enum class LightKind : std::uint8_t {
    look,  // over tables of the system, EXPLAIN, DESCRIBE
    free,  // over no table. It may compute for long, and takes nothing from those who look.
};

class LightLanes {
  public:
    static constexpr std::size_t kSlots = 2;  // of each lane
    static constexpr std::size_t kStatements = 2 * kSlots;
    static constexpr std::chrono::milliseconds kTime{1000};
    static constexpr std::size_t kRowsBytesMax = 1u << 20;

    net::ByteBudget& slots(LightKind kind) { return kind == LightKind::look ? look_ : free_; }
    WorkerPool& pool() { return pool_; }
    // After the sessions.
    void stop() { pool_.stop(); }

  private:
    WorkerPool pool_{"light", static_cast<unsigned>(kStatements)};
    net::ByteBudget look_{kSlots};
    net::ByteBudget free_{kSlots};
};

struct LightStatement {
    LightKind kind = LightKind::free;
    bool explains = false;  // may see tables, whose rows it does not read
};
// none: it reads a table or view that `names_table` knows, or it is long. Cheap; what it takes for light is
// looked at again when it runs (LightTables).
std::optional<LightStatement> light_statement(
    std::string_view sql, const std::function<bool(const std::string& name)>& names_table);

// One statement's time in a lane: a cancel of its own that follows that of the command.
class LightTime {
  public:
    LightTime(std::shared_ptr<QueryCancel> command, std::chrono::steady_clock::time_point deadline);
    std::chrono::steady_clock::time_point end() const { return end_; }
    const std::shared_ptr<QueryCancel>& cancel() const { return own_; }
    // It ended with this for being no light statement: it is to run as any other.
    bool was_heavy(const Error& error) const;

  private:
    const std::shared_ptr<QueryCancel> command_;
    const std::shared_ptr<QueryCancel> own_ = std::make_shared<QueryCancel>();
    const std::chrono::steady_clock::time_point end_;
    const bool cut_short_;  // the command's own deadline is later
    QueryCancel::Registration follows_;
};

// Tables as a light statement sees them: those of the catalog are told to none but EXPLAIN.
class LightTables {
  public:
    LightTables(TableLookup all, bool tells) : all_(std::move(all)), tells_(tells) {}
    TableLookup lookup() const;
    bool refused() const { return *refused_; }

  private:
    TableLookup all_;
    bool tells_;
    std::shared_ptr<std::atomic<bool>> refused_ = std::make_shared<std::atomic<bool>>(false);
};

// All rows of a result, and where it stood, when they are few: nullopt for more than kRowsBytesMax.
Result<std::optional<std::unique_ptr<QueryStream>>> all_rows_of(std::unique_ptr<QueryStream> rows);

}  // namespace dl::master
