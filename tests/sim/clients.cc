#include "tests/sim/clients.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "common/base/crc32c.h"

namespace dl::sim {
namespace {

namespace asio = boost::asio;

std::string encode_rows(const std::vector<std::int64_t>& keys, const std::vector<std::string>& names,
                        const std::vector<bool>& deletes) {
    DataType key, name;
    key.kind = TypeKind::int64;
    name.kind = TypeKind::string;
    std::vector<ColumnBatchBuilder::ColumnSpec> columns = {{FieldId{1}, key}, {FieldId{2}, name}};
    ColumnBatchBuilder builder(columns);
    for (std::size_t row = 0; row < keys.size(); ++row) {
        builder.append_fixed<std::int64_t>(0, keys[row]);
        builder.append_bytes(1, names[row]);
        builder.finish_row(deletes[row]);
    }
    return builder.encode();
}

}  // namespace

Clients::Clients(World& world, Host& master, History& history, int writers, int readers)
    : world_(world), master_(master), history_(history) {
    for (int i = 0; i < writers + readers; ++i) {
        auto& client = *clients_.emplace_back(std::make_unique<Client>());
        client.number = i;
        client.writes = i < writers;
    }
}

void Clients::start(std::uint32_t partitions, std::uint32_t copies) {
    partitions_ = partitions;
    copies_ = copies;
    tick();
}

bool Clients::is_idle() const {
    for (const auto& client : clients_)
        if (client->writes && client->statement) return false;
    return true;
}

void Clients::tick() {
    world_.after(5000, [self = shared_from_this()] { self->tick(); });
    auto* master = Master::program(master_);
    const bool reachable = master != nullptr && !master_.process->paused;
    if (!has_table()) {
        if (reachable && (creating_in_ == nullptr || creating_in_->dead)) create_table(*master);
        return;
    }
    for (const auto& client : clients_) {
        if (client->busy_in != nullptr && client->busy_in->dead) {
            client->busy_in = nullptr;
            if (client->statement) {
                client->statement->maybe_done = true;
                if (!client->statement->id) {
                    client->statement.reset();
                    ++unknown_;
                }
            }
        }
        if (!reachable || client->busy_in != nullptr || world_.now < client->next_at) continue;
        if (client->writes && !writing_ && !client->statement) continue;
        client->busy_in = master_.process;
        client->writes ? write(*master, *client) : read(*master, *client);
    }
}

void Clients::create_table(MasterProgram& master) {
    creating_in_ = master_.process;
    world_.run_as(*creating_in_, [&] {
        asio::co_spawn(
            creating_in_->io,
            [self = shared_from_this(), parts = &master, process = creating_in_]() -> asio::awaitable<void> {
                const auto known = parts->catalog->find("t");
                auto table = known.has_value()
                                 ? known
                                 : Result<master::CatalogTablePtr>(make_error(ErrorCode::not_found, ""));
                if (table.has_error()) {
                    master::TableDefinition definition;
                    definition.name = "t";
                    definition.columns = {{"id", "long", true, {}}, {"name", "string", false, {}}};
                    definition.major_key = "id";
                    definition.partitions = self->partitions_;
                    definition.copies = self->copies_;
                    definition.min_in_sync = master::default_min_in_sync(self->copies_);
                    table = co_await parts->tables->create(
                        std::move(definition), std::chrono::steady_clock::now() + std::chrono::seconds(5));
                }
                if (table.has_value()) {
                    self->table_ = (*table)->id;
                    self->history_.set_table((*table)->id, (*table)->incarnation, self->partitions_);
                }
                self->creating_in_ = nullptr;
            },
            asio::detached);
    });
}

Clients::Statement Clients::new_statement(Client& client) {
    Statement statement;
    statement.partition = static_cast<std::uint32_t>(world_.below(partitions_));
    const bool once = world_.chance(0.6);
    std::vector<std::int64_t> keys;
    std::vector<bool> deletes;
    const auto rows = 1 + world_.below(4);
    const auto number = std::to_string(client.sent++);
    for (Micros i = 0; i < rows; ++i) {
        keys.push_back(world_.below(40));
        deletes.push_back(world_.chance(0.15));
        std::string name("c");
        name.append(std::to_string(client.number))
            .append(once ? "-once-" : "-any-")
            .append(number)
            .append("-")
            .append(std::to_string(i));
        statement.names.push_back(std::move(name));
    }
    if (once) {
        const bool producer = world_.chance(0.3);
        std::string text("batch-");
        text.append(std::to_string(client.number));
        if (!producer) text.append("-").append(number);
        statement.id = master::BatchId{text, producer ? client.sent : 0};
    }
    auto batch = std::make_shared<PartitionedBatch>();
    auto& part = batch->partitions.emplace_back();
    part.partition = PartitionId{statement.partition};
    part.rows = static_cast<std::uint32_t>(rows);
    part.body = encode_rows(keys, statement.names, deletes);
    part.crc = crc32c(0, part.body.data(), part.body.size());
    batch->rows = part.rows;
    statement.batch = std::move(batch);
    return statement;
}

void Clients::write(MasterProgram& master, Client& client) {
    if (!client.statement) {
        client.statement = new_statement(client);
        ++statements_;
    }
    world_.run_as(*master_.process, [&] {
        asio::co_spawn(
            master_.process->io,
            [self = shared_from_this(), parts = &master, one = &client] {
                return self->run_write(*parts, *one);
            },
            asio::detached);
    });
}

asio::awaitable<void> Clients::run_write(MasterProgram& master, Client& client) {
    const auto found = master.catalog->find("t");
    const auto batch = client.statement->batch;
    const auto id = client.statement->id;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    auto results = co_await master.appends->append(*found, batch, id, deadline);
    outcome(client, results.at(0));
    client.busy_in = nullptr;
    client.next_at = world_.now + world_.below(60'000);
}

void Clients::outcome(Client& client, const rpc::AppendResult& result) {
    auto& statement = *client.statement;
    if (result.appended) {
        history_.acknowledged(statement.partition, result.appended->first, result.appended->last,
                              statement.names);
        client.statement.reset();
        return;
    }
    const bool nothing = error_outcome(result.error->code) == Outcome::nothing_done;
    if (nothing && !statement.maybe_done) {
        history_.refused(statement.partition, statement.names, result.error->to_text());
        client.statement.reset();
        return;
    }
    statement.maybe_done = true;
    if (statement.id) return;  // sent again
    ++unknown_;
    client.statement.reset();
}

void Clients::read(MasterProgram& master, Client& client) {
    world_.run_as(*master_.process, [&] {
        asio::co_spawn(
            master_.process->io,
            [self = shared_from_this(), parts = &master, one = &client] {
                return self->run_read(*parts, *one);
            },
            asio::detached);
    });
}

asio::awaitable<void> Clients::run_read(MasterProgram& master, Client& client) {
    const auto found = master.catalog->find("t");
    const std::shared_ptr<const TableMeta> table = *found;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto floors = history_.floors();
    const auto offsets = co_await master.reads->offsets(table, deadline);
    if (offsets.has_value()) {
        for (const auto& [partition, end] : offsets->end) {
            const auto floor = floors.find(partition);
            history_.read_end(partition, end, floor == floors.end() ? 0 : floor->second);
        }
        master::ReadRouter::Wanted wanted;
        for (std::uint32_t p = 0; p < partitions_; ++p)
            wanted.from[p] = client.positions[p];
        wanted.read_count = 1 + static_cast<std::uint64_t>(world_.below(50));
        wanted.format = "json";
        wanted.bytes_max = 1 << 20;
        wanted.check_end = true;
        master::ReadRouter::FrameSink sink = [this](SharedBytes frame) -> asio::awaitable<Result<void>> {
            took(frame);
            co_return Result<void>();
        };
        const auto results = co_await master.reads->read(table, std::move(wanted), sink, deadline);
        if (results.has_value())
            for (const auto& result : *results) {
                if (result.error && result.error->code == ErrorCode::offset_out_of_range)
                    history_.fail("a consumer's position is beyond the end: " + result.error->to_text());
                auto& position = client.positions[result.partition.value];
                if (result.next > position) position = result.next;
            }
        // From the beginning again: what was read is read again.
        if (world_.chance(0.05)) client.positions.clear();
    }
    client.busy_in = nullptr;
    client.next_at = world_.now + world_.below(100'000);
}

void Clients::took(const SharedBytes& frame) {
    const auto record = nlohmann::json::parse(frame.view());
    const auto& data = record.at("data");
    const auto name =
        data.contains("name") && data["name"].is_string() ? data["name"].get<std::string>() : std::string();
    if (record.value("crud", "").starts_with("d") && name.empty()) return;  // a delete has its key only
    history_.read_record(record.at("partition_code").get<std::uint32_t>(), record.at("offset").get<Offset>(),
                         name);
}

}  // namespace dl::sim
