// What the client must know of a statement before sending it: which reply to expect and whether it may be
// sent twice.
#pragma once

#include <string>
#include <string_view>

namespace datalake {

struct StatementTraits {
    std::string name;               // "create", "query", ... ; empty when the JSON is not understood
    std::string sql_verb;           // first word of a sql statement, lower-case
    bool read_only = false;         // sending it twice changes nothing
    bool one_frame = false;         // show_table: no -1 behind the frame
    bool takes_attachment = false;  // binary batch
    bool has_batch_id = false;
};

// What the `query` statement takes: SELECT and every other way to write a query (WITH, FROM, VALUES, PIVOT,
// SUMMARIZE, EXPLAIN, an opening bracket).
bool is_query_sql(std::string_view sql);
// The same, and DESC, SHOW, max_offset, cluster_status: what may be sent again, whatever became of it.
bool only_reads_sql(std::string_view sql);

StatementTraits statement_traits(std::string_view json);
// Text without leading blanks and comments (`--`, `/* */`).
std::string_view skip_sql_blanks(std::string_view sql);
// The first word in lower case; "show_table" for `show tables` too.
std::string sql_first_word(std::string_view sql);

}  // namespace datalake
