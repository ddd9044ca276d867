// What commands answer with, typed; a protocol turns it into its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "master/catalog/catalog_cache.h"
#include "master/execution/row_cursor.h"
#include "master/routing/append_router.h"
#include "master/routing/offsets.h"
#include "master/routing/read_router.h"
#include "master/routing/route_table.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

struct Done {};

struct RowsAppended {
    std::vector<rpc::AppendResult> partitions;      // those with rows, each with its offsets or its error
    Result<AppendOutcome> whole = AppendOutcome{};  // the same in one
    std::uint64_t rows = 0;
    RefusedRows refused;  // left out as the client asked
    bool had_batch_id = false;
};

struct TableDescription {
    CatalogTablePtr table;
    TableRoutes routes;
};

// Of a view, which has columns only.
struct ViewDescription {
    std::string view;
    StatementShape shape;
};

struct TableNames {
    std::vector<std::string> names;  // sorted
};

// Offset of the last record of each partition, -1 for an empty one.
struct LastOffsets {
    OffsetMap offsets;
};

// Behind the records that went to the client.
struct RecordsRead {
    std::string table_id;                     // of the table that was read (table_id.h)
    std::vector<rpc::ReadResult> partitions;  // where to read on, each with its error if it ended early
    Result<OffsetMap> whole = OffsetMap{};    // the same in one
};

// StatementShape: what a DescribeStatement is answered with.
using Reply = std::variant<Done, RowsAppended, TableDescription, ViewDescription, TableNames, LastOffsets,
                           RecordsRead, StatementShape, std::unique_ptr<RowCursor>>;

// Why the statement failed for a client that takes one answer for all partitions, if it did.
inline std::optional<Error> failure_of(const Reply& reply) {
    if (const auto* appended = std::get_if<RowsAppended>(&reply); appended && appended->whole.has_error())
        return appended->whole.error();
    if (const auto* read = std::get_if<RecordsRead>(&reply); read && read->whole.has_error())
        return read->whole.error();
    return std::nullopt;
}

template <class Alternative>
Result<Reply> reply_with(Alternative alternative) {
    return Result<Reply>(boost::system::in_place_value, std::in_place_type<Alternative>,
                         std::move(alternative));
}

}  // namespace dl::master
