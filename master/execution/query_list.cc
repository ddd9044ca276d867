#include "master/execution/query_list.h"

#include <algorithm>
#include <ratio>

namespace dl::master {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kToldFor{10};  // many heartbeats

std::uint64_t first_number(std::chrono::system_clock::time_point started) {
    using Units = std::chrono::duration<std::int64_t, std::ratio<1, 10'000>>;
    const std::chrono::system_clock::time_point epoch{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
    const auto units = std::chrono::duration_cast<Units>(started - epoch).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(units, 1));
}

}  // namespace

QueryList::QueryList(std::chrono::system_clock::time_point started)
    : first_id_(first_number(started)), last_id_(first_id_ - 1) {}

QueryList::Entry QueryList::add(std::string client, std::string_view sql, Killer killer) {
    // Not within a character.
    if (sql.size() > kTextBytesMax) {
        auto end = kTextBytesMax;
        while (end > 0 && (static_cast<unsigned char>(sql[end]) & 0xc0) == 0x80)
            --end;
        sql = sql.substr(0, end);
    }
    Query query{0, std::move(client), std::string(sql), std::chrono::system_clock::now()};
    const std::lock_guard lock(mutex_);
    query.id = ++last_id_;
    const auto id = query.id;
    queries_.emplace(id, Listed{std::move(query), std::move(killer)});
    return {this, last_id_};
}

std::vector<QueryList::Query> QueryList::running() const {
    const auto taken = memory_here_ ? memory_here_() : MemoryByNumber();
    const auto since = steady_clock::now() - kToldFor;
    const std::lock_guard lock(mutex_);
    std::vector<Query> running;
    for (const auto& [id, listed] : queries_) {
        auto& query = running.emplace_back(listed.query);
        if (const auto here = taken.find(id); here != taken.end()) query.memory_bytes = here->second;
        for (const auto& [slave, told] : told_) {
            const auto there = told.taken.find(id);
            if (there != told.taken.end() && told.at > since)
                query.memory_bytes = query.memory_bytes.value_or(0) + there->second;
        }
    }
    return running;
}

void QueryList::told_memory(NodeId slave, MemoryByNumber taken) {
    const std::lock_guard lock(mutex_);
    told_[slave] = {steady_clock::now(), std::move(taken)};
}

Result<void> QueryList::kill(std::uint64_t id, const std::string& by) {
    const auto number = std::to_string(id);
    Killer killer;
    {
        const std::lock_guard lock(mutex_);
        const auto found = queries_.find(id);
        if (found == queries_.end())
            return make_error(ErrorCode::not_found,
                              (id >= first_id_ && id <= last_id_
                                   ? "query " + number + " has ended"
                                   : "there was no query " + number + " since this master started") +
                                  "; select query, client, ms, sql from system.queries lists those that run");
        found->second.query.killed = true;
        killer = found->second.killer;
    }
    killer("killed by KILL QUERY " + number + " of " + by + "; nothing else was");
    return {};
}

void QueryList::note_runs(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = queries_.find(id); found != queries_.end()) found->second.query.runs = true;
}

void QueryList::remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    queries_.erase(id);
}

}  // namespace dl::master
