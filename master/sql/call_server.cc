#include "master/sql/call_server.h"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "common/base/ascii.h"
#include "common/base/byte_io.h"
#include "common/duck/sql_token.h"
#include "common/rpc/messages/table_messages.h"

namespace dl::master {
namespace {

constexpr std::size_t kForeseenTextBytesMax = 16u << 10;
constexpr std::size_t kForeseenMax = 8;

Error nonsense(const char* what) {
    return make_error(ErrorCode::corrupt_data, std::string("a process for queries asks for ") + what);
}

}  // namespace

std::map<std::string, TableId> names_of(const std::vector<rpc::NamedTable>& list) {
    std::map<std::string, TableId> names;
    for (const auto& one : list)
        names.emplace(one.name, one.table);
    return names;
}

std::shared_ptr<const std::string> TableTexts::of(const std::shared_ptr<const TableMeta>& table) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(table->id);
        if (found != entries_.end() && found->second.table.lock() == table) return found->second.text;
    }
    auto text = std::make_shared<const std::string>(table_meta_to_json(*table));
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kTablesMax) entries_.clear();
    entries_[table->id] = {table, text};
    return text;
}

CallServer::CallServer(Sources sources, const FragmentCall& call, QueryCancel& cancel, WorkerRun& run)
    : sources_(sources), call_{call.deadline, stop_, call.number}, run_(run) {
    on_cancel_ = cancel.on_cancel([stop = stop_](ErrorCode why) { stop->cancel(why); });
}

CallServer::~CallServer() {
    stop_->cancel();
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_)
        thread.join();
    streams_.clear();
    if (!pinned_.empty()) sources_.runner.unpin(pinned_);
}

Result<void> CallServer::serve(const Frame& frame) {
    constexpr std::size_t kHeadBytes = 5;
    ByteReader in(frame.bytes.view());
    const auto id = in.read<std::uint32_t>();
    const auto method = static_cast<WorkerCall>(in.read<std::uint8_t>());
    if (!in.ok()) return nonsense("nothing");
    DL_TRY_ASSIGN(const auto asked,
                  open_envelope(frame.bytes.slice(kHeadBytes, frame.bytes.size() - kHeadBytes)));
    switch (method) {
        case WorkerCall::table:
            return tell_table(id, asked.json);
        case WorkerCall::leader:
            return tell_leader(id, asked.json);
        case WorkerCall::system:
            return tell_system(id, asked.json);
        case WorkerCall::pin:
            return pin(id, asked.json);
        case WorkerCall::broadcast:
            return take_broadcast(id, asked);
        case WorkerCall::open:
            return open(id, asked);
        case WorkerCall::next:
            return next(id, asked.json);
        case WorkerCall::close:
            return close(asked.json);
        case WorkerCall::whole:
            return whole(id, asked);
    }
    return nonsense("what there is not");
}

Result<void> CallServer::tell_table(std::uint32_t id, std::string_view json) {
    DL_TRY_ASSIGN(const auto asked, read_worker_message<TableAsked>(json));
    const auto found = sources_.lookup(asked.name);
    if (!found) {
        knew_all_ = false;
        answer_error(id, found.error());
        return {};
    }
    answer(id, rpc::encode(know(*found)), *sources_.texts.of(*found));
    return {};
}

// From here on the process may ask for it.
TableTold CallServer::know(const std::shared_ptr<const TableMeta>& table) {
    TableTold told;
    for (std::uint32_t p = 0; p < table->partition_count; ++p) {
        auto leader = sources_.runner.leader_of(*table, PartitionId{p});
        auto at = told.nodes.end();
        if (leader) {
            at = std::find(told.nodes.begin(), told.nodes.end(), *leader);
            if (at == told.nodes.end()) at = told.nodes.insert(at, std::move(*leader));
        }
        told.leaders.push_back(leader ? static_cast<std::uint32_t>(at - told.nodes.begin())
                                      : std::numeric_limits<std::uint32_t>::max());
    }
    tables_[table->name] = table;
    by_id_[table->id] = table;
    return told;
}

// What stands behind FROM and JOIN.
std::vector<ForeseenTable> CallServer::foresee(std::string_view sql) {
    std::vector<ForeseenTable> tables;
    if (sql.size() > kForeseenTextBytesMax) return tables;
    bool names_table = false;
    while (!sql.empty() && tables.size() < kForeseenMax) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        const auto word = token.kind == SqlToken::Kind::word ? ascii_lowercase(token.text) : std::string();
        if (names_table && !word.empty() && !tables_.contains(word)) {
            if (const auto table = sources_.lookup(word))
                tables.push_back({*sources_.texts.of(*table), know(*table)});
        }
        names_table = word == "from" || word == "join";
    }
    return tables;
}

Result<void> CallServer::tell_leader(std::uint32_t id, std::string_view json) {
    DL_TRY_ASSIGN(const auto asked, read_worker_message<LeaderAsked>(json));
    const auto table = tables_.find(asked.table);
    if (table == tables_.end() || asked.partition.value >= table->second->partition_count)
        return nonsense("a partition it does not know");
    auto leader = sources_.runner.leader_of(*table->second, asked.partition);
    leader ? answer(id, rpc::encode(LeaderTold{std::move(*leader)})) : answer_error(id, leader.error());
    return {};
}

Result<void> CallServer::tell_system(std::uint32_t id, std::string_view json) {
    DL_TRY_ASSIGN(const auto asked, read_worker_message<SystemAsked>(json));
    if (sources_.system_tables == nullptr) return nonsense("tables of the system, which there are not");
    knew_all_ = false;
    const auto table = sources_.system_tables->read(asked.schema, asked.table);
    if (!table) {
        answer_error(id, table.error());
        return {};
    }
    SystemTold told;
    for (const auto& [name, type] : table->columns)
        told.columns.push_back({name, type});
    answer(id, rpc::encode(told), table->rows);
    return {};
}

// Tables are those it was told of, by their numbers; nothing else of them is taken from the process.
Result<FragmentPin> CallServer::pin_of(NodePin asked) const {
    FragmentPin pin{std::move(asked.node), {}};
    for (auto& one : asked.tables) {
        const auto known = by_id_.find(one.table.id);
        if (known == by_id_.end()) return nonsense("a table it does not know");
        const auto& meta = known->second;
        for (const auto& partition : one.partitions)
            if (partition.partition.value >= meta->partition_count)
                return nonsense("a partition it does not know");
        auto& table = pin.tables.emplace_back();
        table.meta = meta;
        table.asked = std::move(one);
        table.asked.table = rpc::table_ref(*meta);
        table.asked.schema = meta->schema.id;
    }
    return pin;
}

Result<void> CallServer::pin(std::uint32_t id, std::string_view json) {
    DL_TRY_ASSIGN(auto asked, read_worker_message<PinAsked>(json));
    if (pinned_.size() + asked.pins.size() > kWorkerPinsMax)
        return nonsense("more cuts than a statement has");
    std::vector<FragmentPin> pins;
    for (auto& one : asked.pins) {
        DL_TRY_ASSIGN(auto pin, pin_of(std::move(one)));
        pins.push_back(std::move(pin));
    }
    auto pinned = sources_.runner.pin(pins, std::chrono::milliseconds(asked.lease_ms), call_);
    if (!pinned) {
        answer_error(id, pinned.error());
        return {};
    }
    PinTold told;
    told.first = static_cast<std::uint32_t>(pinned_.size());
    for (auto& one : *pinned) {
        cut_.note(tables_, one);
        told.cuts.push_back({one.cut});
        pinned_.push_back(std::move(one));
    }
    answer(id, rpc::encode(told));
    return {};
}

Result<void> CallServer::take_broadcast(std::uint32_t id, const Envelope& asked) {
    DL_TRY_ASSIGN(auto header, read_worker_message<rpc::BroadcastHeader>(asked.json));
    if (broadcasts_.size() >= kBroadcastsMax) return nonsense("more tables to go along than a statement has");
    auto tables = rpc::read_broadcasts({std::move(header)}, {}, asked.attached);
    if (!tables) return make_error(ErrorCode::corrupt_data, tables.error().message);
    for (auto& table : *tables)
        broadcasts_.push_back(std::make_shared<const BroadcastTable>(std::move(table)));
    answer(id, rpc::encode(Numbered{static_cast<std::uint32_t>(broadcasts_.size() - 1)}));
    return {};
}

Result<void> CallServer::open(std::uint32_t id, const Envelope& asked) {
    DL_TRY_ASSIGN(const auto what, read_worker_message<OpenAsked>(asked.json));
    if (what.pinned >= pinned_.size()) return nonsense("a cut it does not know");
    FragmentStatement statement{std::string(asked.attached.view()), names_of(what.names), {}};
    for (const auto number : what.broadcasts) {
        if (number >= broadcasts_.size()) return nonsense("a table to go along that it did not send");
        statement.broadcasts.push_back(broadcasts_[number]);
    }
    {
        const std::lock_guard lock(mutex_);
        if (streams_.size() + queue_.size() >= kStreamsMax)
            return nonsense("more results than a statement has");
    }
    post([this, id, pinned = pinned_[what.pinned], statement = std::move(statement)] {
        auto rows = sources_.runner.query(pinned, statement, call_);
        rows ? answer(id, rpc::encode(told(std::move(*rows)))) : answer_error(id, rows.error());
    });
    return {};
}

Result<void> CallServer::next(std::uint32_t id, std::string_view json) {
    DL_TRY_ASSIGN(const auto asked, read_worker_message<Numbered>(json));
    std::shared_ptr<Stream> stream;
    {
        const std::lock_guard lock(mutex_);
        const auto found = streams_.find(asked.number);
        if (found == streams_.end()) return nonsense("rows of a result that is not open");
        if (found->second->busy) return nonsense("rows of one result twice at the same time");
        stream = found->second;
        stream->busy = true;
    }
    post([this, id, stream] { read_next(id, stream); });
    return {};
}

void CallServer::read_next(std::uint32_t id, const std::shared_ptr<Stream>& stream) {
    auto batch = stream->rows->next();
    std::unique_ptr<FragmentStream> closed;
    {
        const std::lock_guard lock(mutex_);
        stream->busy = false;
        if (stream->closed) closed = std::move(stream->rows);
    }
    if (closed) return;
    if (!batch) return answer_error(id, batch.error());
    if (!*batch) return answer(id, {});
    char count[4];
    store_le(count, (*batch)->rows());
    answer(id, {}, {count, sizeof count}, (*batch)->body().view());
}

Result<void> CallServer::close(std::string_view json) {
    DL_TRY_ASSIGN(const auto asked, read_worker_message<Numbered>(json));
    std::unique_ptr<FragmentStream> closed;
    const std::lock_guard lock(mutex_);
    const auto found = streams_.find(asked.number);
    if (found == streams_.end()) return nonsense("the end of a result that is not open");
    found->second->closed = true;
    if (!found->second->busy) closed = std::move(found->second->rows);
    streams_.erase(found);
    return {};
}

Result<void> CallServer::whole(std::uint32_t id, const Envelope& asked) {
    DL_TRY_ASSIGN(const auto what, read_worker_message<WholeAsked>(asked.json));
    DL_TRY_ASSIGN(const auto pin, pin_of(what.pin));
    auto rows = run_whole(pin, what, std::string(asked.attached.view()));
    rows ? answer(id, rpc::encode(told(std::move(*rows)))) : answer_error(id, rows.error());
    return {};
}

Result<std::unique_ptr<FragmentStream>> CallServer::run_whole(const FragmentPin& pin, const WholeAsked& asked,
                                                              std::string sql) {
    DL_TRY_ASSIGN(auto started, sources_.runner.pin_and_query(pin, sql, names_of(asked.names), call_));
    cut_.note(tables_, started.cut);
    return std::move(started.stream);
}

StreamTold CallServer::told(std::unique_ptr<FragmentStream> rows) {
    StreamTold told;
    for (const auto& column : rows->columns())
        told.columns.push_back({column.name, column.type});
    told.stream = add(std::move(rows));
    return told;
}

std::uint32_t CallServer::add(std::unique_ptr<FragmentStream> rows) {
    auto stream = std::make_shared<Stream>();
    stream->rows = std::move(rows);
    const std::lock_guard lock(mutex_);
    streams_.emplace(++last_stream_, std::move(stream));
    return last_stream_;
}

void CallServer::answer(std::uint32_t id, const std::string& json, std::string_view first,
                        std::string_view second) {
    std::string head;
    append_le(head, id);
    append_le(head, std::uint8_t{1});
    append_string(head, json);
    const std::string_view parts[] = {head, first, second};
    run_.answer(parts);
}

void CallServer::answer_error(std::uint32_t id, const Error& error) {
    std::string head;
    append_le(head, id);
    append_le(head, std::uint8_t{0});
    head += encode_error(error);
    const std::string_view part = head;
    run_.answer({&part, 1});
}

void CallServer::post(Work work) {
    std::unique_lock lock(mutex_);
    queue_.push(std::move(work));
    if (idle_ < queue_.size() && threads_.size() < kThreadsMax) {
        try {
            threads_.emplace_back([this] { this->work(); });
        } catch (const std::system_error&) {
            // Without threads it waits here; with some they come to it.
            if (threads_.empty()) {
                auto own = std::move(queue_.front());
                queue_.pop();
                lock.unlock();
                own();
                return;
            }
        }
    }
    changed_.notify_one();
}

void CallServer::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --idle_;
        if (stopping_) return;
        auto work = std::move(queue_.front());
        queue_.pop();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

}  // namespace dl::master
