#include "master/execution/query_list.h"

namespace dl::master {

QueryList::Entry QueryList::add(std::string client, std::string_view sql) {
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
    queries_.emplace(query.id, std::move(query));
    return {this, last_id_};
}

std::vector<QueryList::Query> QueryList::running() const {
    const std::lock_guard lock(mutex_);
    std::vector<Query> running;
    for (const auto& [id, query] : queries_)
        running.push_back(query);
    return running;
}

void QueryList::remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    queries_.erase(id);
}

}  // namespace dl::master
