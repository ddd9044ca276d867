// The SELECTs that run, for those who look (system.queries) and for those who end one (KILL QUERY). Lookups
// by key that one slave answers are not among them. Thread-safe.
//
// Their numbers go on from one run of the master to the next without a file: the first one is the time of the
// start in ten-thousandths of a second since 2026 began, so that a number is given twice only where more than
// 10 000 statements a second were listed all through a run, or the clock was set back beyond its start. Who
// types KILL QUERY with a number of an old listing hits nothing. They have 12 or 13 digits until 2057, and
// stay below 2^53 (exact in JSON) for 28 000 years; microseconds would have two more, a counter kept in the
// catalog a write before the first statement.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace dl::master {

class QueryList {
  public:
    static constexpr std::size_t kTextBytesMax = 4096;  // of a statement; what is longer is cut

    struct Query {
        std::uint64_t id = 0;
        std::string client;  // host:port
        std::string sql;
        std::chrono::system_clock::time_point started;
        bool runs = false;    // it has a slot, or had one
        bool killed = false;  // it is about to end
        // What processes take for it now, as far as is known: on the master and on slaves.
        std::optional<std::uint64_t> memory_bytes;
    };
    using MemoryByNumber = std::map<std::uint64_t, std::uint64_t>;
    // Ends a statement, which fails with CANCELLED and these words; from any thread, without waiting.
    using Killer = std::function<void(std::string said)>;

    // In the list as long as this lives; the list outlives it.
    class Entry {
      public:
        Entry() = default;
        Entry(Entry&& other) noexcept : list_(std::exchange(other.list_, nullptr)), id_(other.id_) {}
        Entry& operator=(Entry&& other) noexcept {
            std::swap(list_, other.list_);
            std::swap(id_, other.id_);
            return *this;
        }
        ~Entry() {
            if (list_ != nullptr) list_->remove(id_);
        }
        // It waits no longer for its turn.
        void runs() const {
            if (list_ != nullptr) list_->note_runs(id_);
        }
        std::uint64_t number() const { return id_; }

      private:
        friend class QueryList;
        Entry(QueryList* list, std::uint64_t id) : list_(list), id_(id) {}
        QueryList* list_ = nullptr;
        std::uint64_t id_ = 0;
    };

    explicit QueryList(std::chrono::system_clock::time_point started = std::chrono::system_clock::now());
    Entry add(std::string client, std::string_view sql, Killer killer);
    // NOT_FOUND when no statement of this number runs. `by`: who asks.
    Result<void> kill(std::uint64_t id, const std::string& by);
    std::vector<Query> running() const;  // the oldest first
    // Who knows what statements take here; to be set before the first one is added. It is called without a
    // lock.
    void set_memory(std::function<MemoryByNumber()> here) { memory_here_ = std::move(here); }
    // What a slave says that statements take there, all of them; forgotten when it says nothing for a while.
    void told_memory(NodeId slave, MemoryByNumber taken);

  private:
    struct Listed {
        Query query;
        Killer killer;
    };
    void remove(std::uint64_t id);
    void note_runs(std::uint64_t id);

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Listed> queries_;
    const std::uint64_t first_id_;
    std::uint64_t last_id_;
    std::function<MemoryByNumber()> memory_here_;
    struct Told {
        std::chrono::steady_clock::time_point at;
        MemoryByNumber taken;
    };
    std::map<NodeId, Told> told_;
};

}  // namespace dl::master
