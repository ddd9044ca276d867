// A query that copies in sync may answer (Query::any_copy).
#pragma once

#include <memory>
#include <utility>

#include "master/execution/command.h"
#include "master/execution/command_context.h"
#include "master/execution/services.h"
#include "master/routing/any_copy.h"

namespace dl::master {

// Whether they do. A cut of the past is read from those that lead: copies compact on their own, and what they
// still have of the past is not the same. So is everything while no table has copies.
inline bool reads_any_copy(const Services& services, const CommandContext& context, const Query& query) {
    return query.any_copy && !query.cut.as_of && services.fragments != nullptr &&
           context.any_copies != nullptr && services.catalog.tables().any_copies();
}

// What it reads copies through, for as long as its rows are read.
struct AnyCopyRead {
    AnyCopyRead(const Services& services, std::shared_ptr<AnyCopyReads> of_connection)
        : reads(std::move(of_connection)), runner(*services.fragments, services.routes, *reads) {}
    const std::shared_ptr<AnyCopyReads> reads;
    AnyCopyRunner runner;
};

}  // namespace dl::master
