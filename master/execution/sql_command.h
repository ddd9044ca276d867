// The text of a statement in SQL -> its command. Pure; a SELECT is recognised by its first word and read when
// it runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "master/execution/command.h"

namespace dl::master {

// What a client says beside the text.
struct SqlOptions {
    CutOptions cut;                   // of a SELECT
    std::optional<BatchId> batch_id;  // of INSERT and DELETE
    bool progress = false;            // of COMPRESS
    bool repair = false;              // of CHECK
    SqlParameters params = {};        // of SELECT, INSERT and DELETE
    bool describe = false;            // what it gives and takes, instead of running it
    bool any_copy = false;            // of SELECT
};

// SYNTAX_ERROR and NOT_SUPPORTED as parse_sql_statement(); INVALID_REQUEST names an option that the statement
// has no use for.
Result<Command::Body> command_of_sql(std::string_view sql, SqlOptions options);

}  // namespace dl::master
