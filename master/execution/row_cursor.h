// The rows of a running query, pulled by a protocol as its client takes them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/async/worker_pool.h"
#include "common/net/yielding_slot.h"
#include "master/execution/open_results.h"
#include "master/execution/query_list.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

// Turns rows into a protocol's form; runs on a pool thread, one at a time.
class RowSink {
  public:
    virtual ~RowSink() = default;
    // Takes rows of `batch` from `row` on, at least one; returns the first that it has not taken, because it
    // is full. LIMIT_EXCEEDED for a row that its form has no room for, of which nothing is taken.
    virtual Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t row) = 0;
    virtual bool full() const = 0;
};

class RowCursor {
  public:
    // Where a query runs, and its slot there. The slot is given back while the client is slow to take rows.
    struct Place {
        WorkerPool& pool;
        net::YieldingSlot slot;
        std::size_t bytes;               // of all its rows, as far as they are known to be few
        OpenResults* results = nullptr;  // that it counts among; may end it: OVERLOADED
        std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
        QueryList::Entry running = {};  // as which it is shown while it is open
    };
    // `query` does not block when Place::bytes is small. `cancel` is that of the command.
    RowCursor(std::unique_ptr<QueryStream> query, std::shared_ptr<QueryCancel> cancel, Place place);
    // Stops what still runs.
    ~RowCursor();
    RowCursor(const RowCursor&) = delete;
    RowCursor& operator=(const RowCursor&) = delete;

    // In select order. No name stands twice: of two columns `id` the second is `id_1`.
    const std::vector<ResultColumn>& columns() const;
    // Gives `sink` rows until it is full (true) or there are no more (false).
    boost::asio::awaitable<Result<bool>> fill(std::shared_ptr<RowSink> sink);

    std::uint64_t rows() const;  // given so far
    // The cut: table name -> partition -> next offset, and how many records were beyond it by table.
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const;
    const std::map<std::string, std::uint64_t>& behind() const;

  private:
    struct State;
    WorkerPool& pool_;
    std::shared_ptr<State> state_;
    const std::size_t bytes_;
    const std::chrono::steady_clock::time_point deadline_;
    net::YieldingSlot slot_;
    const QueryList::Entry running_;
    OpenResults::Entry open_;
    QueryCancel::Registration killed_;  // dies before what it ends
};

// Why a query that was cut short ended: what its parts report is only how.
Error query_stopped(const QueryCancel& cancel, Error error);
Error query_timed_out();
// Changes names that stand twice.
template <class Column>
void make_names_unique(std::vector<Column>& columns) {
    std::set<std::string> taken;
    for (const auto& column : columns)
        taken.insert(column.name);
    if (taken.size() == columns.size()) return;
    std::set<std::string> seen;
    for (auto& column : columns) {
        if (seen.insert(column.name).second) continue;
        std::string name;
        for (std::size_t n = 1; name.empty() || !taken.insert(name).second; ++n)
            name = column.name + '_' + std::to_string(n);
        column.name = std::move(name);
    }
}

}  // namespace dl::master
