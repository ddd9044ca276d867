// Queries that break before their first row because another slave leads, or is about to lead, a partition
// with copies: they are planned again, and nobody sees it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "master/execution/command_context.h"
#include "master/execution/services.h"

namespace dl::master {

// Of one query. Lives on the coroutine of its command.
class Replanning {
  public:
    Replanning(const Services& services, const CommandContext& context)
        : services_(services), context_(context) {}

    // Whether to plan again after `error`, when it has waited a little; for CommandLimits::copies_wait from
    // the first error on.
    boost::asio::awaitable<bool> goes_on(const Error& error);
    // As clients see it.
    static Error told(Error error);

  private:
    bool lacks_leader() const;

    const Services& services_;
    const CommandContext& context_;
    std::optional<rpc::Deadline> until_;
};

// Blocks for the first rows, so that what breaks before them is an error of the query and not of its stream.
Result<std::unique_ptr<QueryStream>> with_first_rows(std::unique_ptr<QueryStream> rows);

}  // namespace dl::master
