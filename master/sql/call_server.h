// Answers what the process of one statement asks for (worker_messages.h): tables, cuts and rows of slaves. It
// holds the cuts and the open results, and believes no number of the process. serve() on the statement's
// thread; what waits for a slave's rows does so on threads of its own, at most kThreadsMax.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/worker/worker_run.h"
#include "master/sql/fragment_runner.h"
#include "master/sql/query_planner.h"
#include "master/sql/remote_stream.h"
#include "master/sql/system_tables.h"
#include "master/sql/worker_messages.h"

namespace dl::master {

// Tables as JSON, kept while they are as they were. Thread-safe; bounded.
class TableTexts {
  public:
    std::shared_ptr<const std::string> of(const std::shared_ptr<const TableMeta>& table);

  private:
    static constexpr std::size_t kTablesMax = 1024;
    struct Entry {
        std::weak_ptr<const TableMeta> table;
        std::shared_ptr<const std::string> text;
    };
    std::mutex mutex_;
    std::map<TableId, Entry> entries_;
};

std::map<std::string, TableId> names_of(const std::vector<rpc::NamedTable>& list);

class CallServer {
  public:
    static constexpr std::size_t kThreadsMax = 16;
    static constexpr std::size_t kStreamsMax = 4096;
    static constexpr std::size_t kBroadcastsMax = 64;

    struct Sources {
        FragmentRunner& runner;
        const TableLookup& lookup;
        const SystemTables* system_tables;  // null: there are none
        TableTexts& texts;
    };
    // What it is given outlives it. Calls have the time and the number of `call`; `cancel` reaches them, too.
    CallServer(Sources sources, const FragmentCall& call, QueryCancel& cancel, WorkerRun& run);
    // Stops what is under way, lets go of the cuts. The process no longer waits for answers.
    ~CallServer();
    CallServer(const CallServer&) = delete;
    CallServer& operator=(const CallServer&) = delete;

    // CORRUPT_DATA: the process asks for what it should not.
    Result<void> serve(const Frame& frame);
    // Tables that were asked for and are there, by name.
    const QueryTables& tables() const { return tables_; }
    // Nothing but these was asked for: what came of the statement depends on nothing else.
    bool knew_all() const { return knew_all_; }
    // Of all cuts that were taken.
    const ResultCut& cut() const { return cut_; }
    // Tables that the text is likely to name, found without a parser. Not all, and not only these.
    std::vector<ForeseenTable> foresee(std::string_view sql);
    // What one slave runs as it is. CORRUPT_DATA as serve().
    Result<FragmentPin> pin_of(NodePin asked) const;
    Result<std::unique_ptr<FragmentStream>> run_whole(const FragmentPin& pin, const WholeAsked& asked,
                                                      std::string sql);

  private:
    struct Stream {
        std::unique_ptr<FragmentStream> rows;
        bool busy = false;
        bool closed = false;
    };
    using Work = std::function<void()>;

    Result<void> tell_table(std::uint32_t id, std::string_view json);
    Result<void> tell_leader(std::uint32_t id, std::string_view json);
    Result<void> tell_system(std::uint32_t id, std::string_view json);
    Result<void> pin(std::uint32_t id, std::string_view json);
    Result<void> take_broadcast(std::uint32_t id, const Envelope& asked);
    Result<void> open(std::uint32_t id, const Envelope& asked);
    Result<void> next(std::uint32_t id, std::string_view json);
    Result<void> close(std::string_view json);
    Result<void> whole(std::uint32_t id, const Envelope& asked);
    TableTold know(const std::shared_ptr<const TableMeta>& table);
    void read_next(std::uint32_t id, const std::shared_ptr<Stream>& stream);
    std::uint32_t add(std::unique_ptr<FragmentStream> rows);
    StreamTold told(std::unique_ptr<FragmentStream> rows);
    void answer(std::uint32_t id, const std::string& json, std::string_view first = {},
                std::string_view second = {});
    void answer_error(std::uint32_t id, const Error& error);
    void post(Work work);
    void work();

    const Sources sources_;
    const std::shared_ptr<QueryCancel> stop_ = std::make_shared<QueryCancel>();
    const FragmentCall call_;
    WorkerRun& run_;
    QueryCancel::Registration on_cancel_;
    QueryTables tables_;
    bool knew_all_ = true;
    std::map<TableId, std::shared_ptr<const TableMeta>> by_id_;
    std::vector<PinnedFragment> pinned_;
    std::vector<std::shared_ptr<const BroadcastTable>> broadcasts_;
    ResultCut cut_;

    std::mutex mutex_;  // of what follows
    std::condition_variable changed_;
    std::map<std::uint32_t, std::shared_ptr<Stream>> streams_;
    std::uint32_t last_stream_ = 0;
    std::queue<Work> queue_;
    std::size_t idle_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace dl::master
