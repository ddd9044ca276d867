#include "master/execution/query_list.h"

namespace dl::master {

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
    const std::lock_guard lock(mutex_);
    std::vector<Query> running;
    for (const auto& [id, listed] : queries_)
        running.push_back(listed.query);
    return running;
}

Result<void> QueryList::kill(std::uint64_t id, const std::string& by) {
    const auto number = std::to_string(id);
    Killer killer;
    {
        const std::lock_guard lock(mutex_);
        const auto found = queries_.find(id);
        if (found == queries_.end())
            return make_error(ErrorCode::not_found,
                              (id > 0 && id <= last_id_ ? "query " + number + " has ended"
                                                        : "there was no query " + number) +
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
