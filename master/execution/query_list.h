// The SELECTs that run, for those who look (system.queries) and for those who end one (KILL QUERY). Lookups
// by key that one slave answers are not among them. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"

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
    };
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

      private:
        friend class QueryList;
        Entry(QueryList* list, std::uint64_t id) : list_(list), id_(id) {}
        QueryList* list_ = nullptr;
        std::uint64_t id_ = 0;
    };

    Entry add(std::string client, std::string_view sql, Killer killer);
    // NOT_FOUND when no statement of this number runs. `by`: who asks.
    Result<void> kill(std::uint64_t id, const std::string& by);
    std::vector<Query> running() const;  // the oldest first

  private:
    struct Listed {
        Query query;
        Killer killer;
    };
    void remove(std::uint64_t id);
    void note_runs(std::uint64_t id);

    mutable std::mutex mutex_;
    std::map<std::uint64_t, Listed> queries_;
    std::uint64_t last_id_ = 0;
};

}  // namespace dl::master
