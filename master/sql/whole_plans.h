// Statements that one slave runs as it is, as a process has planned them: the same text over the same tables,
// led by the same slave, needs no process again, and neither does one that differs in constants alone, where
// the slave gets it as it is written and no key says which partition it reads: the slave's own gate looks at
// it anyway. Kept for a while only, and none after a process was seen to lie. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/recent_texts.h"
#include "master/sql/fragment_runner.h"
#include "master/sql/query_coordinator.h"
#include "master/sql/query_planner.h"

namespace dl::master {

struct WholePlan {
    QueryTables tables;  // all that the text stands for, as they were
    FragmentPin pin;     // names no others
    std::map<std::string, TableId> names;
    std::string sql;  // what the slave is sent
};

class WholePlans {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kPlansMax = 512;
    static constexpr std::size_t kTextBytesMax = 4096;
    static constexpr std::chrono::seconds kKept{60};

    // Null when none is known, or a table or a leader has changed. `lookup` and `runner` as the statement
    // would have them.
    std::shared_ptr<const WholePlan> find(std::string_view sql, const QueryOptions& options,
                                          const TableLookup& lookup, const FragmentRunner& runner,
                                          Clock::time_point now = Clock::now());
    // Only what depends on nothing but its tables.
    void keep(std::string_view sql, const QueryOptions& options, WholePlan plan,
              Clock::time_point now = Clock::now());
    void clear() {
        plans_.clear();
        alike_.clear();
    }

  private:
    struct Kept {
        WholePlan plan;
        Clock::time_point until;
    };
    // Text and parameters; nullopt for statements that ask for a cut of their own.
    static std::optional<std::string> key_of(std::string_view sql, const QueryOptions& options);

    static bool is_current(const Kept& kept, const TableLookup& lookup, const FragmentRunner& runner,
                           Clock::time_point now);

    RecentTexts<Kept> plans_{kPlansMax, kTextBytesMax};
    RecentTexts<Kept> alike_{kPlansMax, kTextBytesMax};  // by without_constants()
};

}  // namespace dl::master
