// One request to one slave until it is answered or cannot be: what is tried again, after what, and how long.
// A slave that lacks a schema is sent it, once; one that leads in another epoch is told the placement; what
// was surely not sent waits for the slave; an answer that was lost is asked for again where that is safe.
// Lives on the coroutine of its caller.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/route_table.h"

namespace dl::master {

struct RetryOptions {
    // How long a statement waits for a slave that cannot be reached, or that does not lead yet what it is to
    // lead; within the statement's own time (master.slave.wait.ms).
    std::chrono::milliseconds slave_wait{5000};
    // The same for partitions with several copies: until another one leads.
    std::chrono::milliseconds copies_wait{8000};
};

// An answer that was lost after the request was sent.
enum class LostAnswer : std::uint8_t {
    is_an_error,    // the request may have been done
    is_read_again,  // the request changes nothing: as if it had not been sent
    is_asked_for,   // the slave knows whether it was done (a batch id)
};

class SlaveCall {
  public:
    // `tables` are those of the request; `routes` outlives the call. `ask_until`: for answers that were lost.
    SlaveCall(const RouteTable& routes, RetryOptions options, std::vector<TablePtr> tables, LostAnswer lost,
              rpc::Deadline deadline, rpc::Deadline ask_until = rpc::Deadline::max());

    // Whether to try again after `error`: waits, and tells the slave what it lacks, first. Otherwise the
    // error to give up with: UNKNOWN_OUTCOME when an earlier try may have been done. When one of the tables
    // has copies, whatever another slave may answer is NOT_LEADER, at once: the caller is to find out whom to
    // ask.
    boost::asio::awaitable<Result<void>> settle(const Route& route, Error error, rpc::CallTrace trace);

  private:
    boost::asio::awaitable<Result<void>> tell(const Route& route);
    bool have_copies() const;
    // False when the time is over, or the caller is cancelled.
    boost::asio::awaitable<bool> pause(rpc::Deadline until);
    Error final_error(Error error) const;

    const RouteTable& routes_;
    const std::vector<TablePtr> tables_;
    const LostAnswer lost_answer_;
    const rpc::Deadline deadline_;
    const rpc::Deadline wait_until_;
    const rpc::Deadline ask_until_;
    bool schema_sent_ = false;
    std::optional<Error> lost_;  // a try whose outcome is not known
    std::chrono::milliseconds pause_;
};

}  // namespace dl::master
