// The options beside a statement (PROTOCOL 2.3).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/json/json_tape.h"
#include "common/types/value_scan.h"
#include "master/execution/command.h"

namespace dl {

struct StatementOptions {
    std::optional<std::int64_t> timeout_ms;
    std::optional<master::BatchId> batch_id;  // batch_id, or producer_id and sequence
    bool meta = false;
    std::map<std::uint32_t, Offset> min_offsets;           // partition -> next offset that must be visible
    std::optional<std::map<std::uint32_t, Offset>> as_of;  // of a query: partition -> next offset of the cut
    master::RecordFormat format = master::RecordFormat::rows;
    std::int64_t max_wait_ms = 0;
    std::uint64_t min_rows = 1;
    bool progress = false;         // of compress_table and sql: frames with how far it is
    bool repair = false;           // of check_table
    master::SqlParameters params;  // of query and sql
    bool describe = false;         // of query and sql: columns and parameters instead of running it
    // Of rows as JSON: what numbers in timestamp columns count.
    std::optional<TimestampUnit> timestamp_unit;
    // Of rows as JSON: a bad row is left out and named in the reply; keys that are no column are left out.
    bool skip_bad_rows = false;
    bool skip_unknown_fields = false;
    bool any_copy = false;  // of query, sql and stream_read: "read" is "any"
    // Of stream_read: what its positions are of, and whether they may lie beyond the end.
    std::string table_id;
    bool check_offsets = false;
    std::vector<std::string_view> given;  // names of those that were sent
};

// Unknown options and ones of another shape are INVALID_REQUEST, naming the nearest known one; too many of
// something LIMIT_EXCEEDED. Which statement they stand beside is for the caller to compare with `given`.
// Pure.
Result<StatementOptions> parse_statement_options(const JsonTape& tape, JsonTape::Index value);

}  // namespace dl
