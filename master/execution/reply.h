// What commands answer with, typed; a protocol turns it into its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "master/catalog/catalog_cache.h"
#include "master/execution/row_cursor.h"
#include "master/routing/append_router.h"
#include "master/routing/offsets.h"
#include "master/routing/route_table.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

struct Done {};

struct RowsAppended {
    AppendOutcome outcome;
    std::uint64_t rows = 0;
    bool had_batch_id = false;
};

struct TableDescription {
    TablePtr table;
    TableRoutes routes;
};

struct TableNames {
    std::vector<std::string> names;  // sorted
};

// Offset of the last record of each partition, -1 for an empty one.
struct LastOffsets {
    OffsetMap offsets;
};

// Where to read on, behind the records that went to the client.
struct NextOffsets {
    OffsetMap offsets;
};

// StatementShape: what a DescribeStatement is answered with.
using Reply = std::variant<Done, RowsAppended, TableDescription, TableNames, LastOffsets, NextOffsets,
                           StatementShape, std::unique_ptr<RowCursor>>;

template <class Alternative>
Result<Reply> reply_with(Alternative alternative) {
    return Result<Reply>(boost::system::in_place_value, std::in_place_type<Alternative>,
                         std::move(alternative));
}

}  // namespace dl::master
