// Writers and readers of a simulated cluster: statements as clients send them, on the master's own ways
// (append_router.h, read_router.h). A statement whose master dies is of unknown outcome; one with a batch id
// is sent again until it is known.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/programs.h"

namespace dl::sim {

class Clients : public std::enable_shared_from_this<Clients> {
  public:
    Clients(World& world, Host& master, History& history, int writers, int readers);

    // Makes the table, then reads and writes until stop().
    void start(std::uint32_t partitions, std::uint32_t copies);
    void stop() { writing_ = false; }
    bool has_table() const { return table_ != TableId{}; }
    // No statement is under way.
    bool is_idle() const;
    std::uint64_t statements() const { return statements_; }
    std::uint64_t unknown() const { return unknown_; }

  private:
    struct Statement {
        std::uint32_t partition = 0;
        std::vector<std::string> names;
        std::shared_ptr<const PartitionedBatch> batch;
        std::optional<master::BatchId> id;
        bool maybe_done = false;
    };
    struct Client {
        int number = 0;
        bool writes = true;
        std::uint64_t sent = 0;
        Micros next_at = 0;
        std::shared_ptr<Process> busy_in;
        std::optional<Statement> statement;
        master::OffsetMap positions;
    };
    void tick();
    void create_table(MasterProgram& master);
    void write(MasterProgram& master, Client& client);
    void read(MasterProgram& master, Client& client);
    boost::asio::awaitable<void> run_write(MasterProgram& master, Client& client);
    boost::asio::awaitable<void> run_read(MasterProgram& master, Client& client);
    Statement new_statement(Client& client);
    void outcome(Client& client, const rpc::AppendResult& result);
    void took(const SharedBytes& frame);

    World& world_;
    Host& master_;
    History& history_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::uint32_t partitions_ = 1, copies_ = 3;
    TableId table_;
    std::shared_ptr<Process> creating_in_;
    bool writing_ = true;
    std::uint64_t statements_ = 0, unknown_ = 0;
};

}  // namespace dl::sim
