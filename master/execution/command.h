// What a client can ask for, whatever protocol it speaks: typed, without a byte of any wire form. Names of
// tables and columns are as written, values not yet checked. A new protocol makes these; it needs no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "master/catalog/column_change.h"
#include "master/catalog/schema_change.h"
#include "master/execution/row_source.h"
#include "master/routing/batch_id.h"
#include "master/sql/ddl_statement.h"
#include "master/sql/query_planner.h"
#include "master/sql/sql_parameters.h"

namespace dl::master {

struct CreateTable {
    TableDefinition definition;
    bool if_not_exists = false;
    bool or_replace = false;
};
struct DropTable {
    std::string table;
    bool if_exists = false;
};
struct AddColumn {
    std::string table;
    ColumnDefinition column;
    bool if_not_exists = false;
};
struct DropColumn {
    std::string table;
    std::string column;
    bool if_exists = false;
};
// How many copies of its partitions a table is to have.
struct SetCopies {
    std::string table;
    std::uint32_t copies = 1;
};
// How the slaves and the copies of partitions are.
struct ClusterStatus {};
// A copy that may lack acknowledged rows leads.
struct ElectUnclean {
    std::string table;
    std::uint32_t partition = 0;
    std::string node;  // its address, or its number
    bool confirmed = false;
};
// A copy that follows is set aside and made anew from its leader's files.
struct RefillCopy {
    std::string table;
    std::optional<std::uint32_t> partition;  // nullopt: of all that the slave follows
    std::string node;                        // its address, or its number; "": the only one that follows
};
struct ChangeColumn {
    AlterColumnStatement statement;
};
struct ChangeHistory {
    std::string table;
    HistoryChange change;
};
struct DescribeTable {
    std::string table;
    bool or_view = false;  // else a view is TABLE_NOT_FOUND
};
struct CreateView {
    CreateViewStatement statement;
};
struct DropView {
    DropViewStatement statement;
};
// A row for each column.
struct ShowColumns {
    std::string table;
};
// The statement that would make the table or view.
struct ShowCreate {
    std::string table;
};
struct ListTables {};
// Tables that slaves hold and the catalog does not know.
struct ListOrphans {};
struct DropOrphan {
    std::string orphan;  // as ListOrphans names it
};
// Offset of the last record of each partition.
struct MaxOffsets {
    std::string table;
};
// Which records each partition has, and with `since_us` (microseconds UTC) where those begin that were
// appended then or later.
struct ListOffsets {
    std::string table;
    std::optional<std::int64_t> since_us;
};

// Inserts and deletes.
struct AppendRows {
    std::shared_ptr<RowSource> source;
    std::optional<BatchId> batch_id;
    TypedRows rows = {};  // what execute_command() has made of the source
};

// DELETE and TRUNCATE. One by major keys becomes an AppendRows before it is carried out.
struct DeleteRows {
    DeleteStatement statement;
    SqlParameters params;
    std::optional<BatchId> batch_id;
    std::size_t bytes = 0;  // of its text
};

struct Query {
    std::string sql;  // one SELECT, with EXPLAIN in front or not
    CutOptions cut;
    SqlParameters params = {};
    std::string summarized = {};  // of SUMMARIZE: the SELECT whose rows are summed up
    bool any_copy = false;        // copies in sync may answer, not only those that lead
};
// EXPLAIN ANALYZE
struct ExplainAnalyze {
    Query query;  // without those words
};
// Tables with rows and bytes.
struct ListSizes {};
// Ends a statement that QueryList lists.
struct KillQuery {
    std::uint64_t query = 0;
};
// INSERT ... SELECT
struct InsertSelected {
    std::string table;
    std::vector<std::string> columns;  // empty: all columns of the table in order
    Query rows;
};
// CREATE TABLE ... AS SELECT: the columns are those of the rows.
struct CreateTableAs {
    TableDefinition definition;  // without columns
    bool if_not_exists = false;
    Query rows;
};
// What a statement would give and take; runs nothing.
struct DescribeStatement {
    SqlStatement statement;
    SqlParameters params = {};  // as far as they are known
};

enum class RecordFormat : std::uint8_t { rows, json, columnar };  // docs/protocol.md 3.3
struct StreamRead {
    std::string table;
    struct Start {
        std::uint32_t partition = 0;
        std::optional<Offset> offset;  // nullopt: from `since_us`
        friend bool operator==(const Start&, const Start&) = default;
    };
    std::vector<Start> from;               // empty: all partitions, from `since_us` or their first record
    std::optional<std::int64_t> since_us;  // from the first record appended then or later, microseconds UTC
    // What the positions are of, as RecordsRead::table_id named it; empty: whatever table has the name now.
    std::string table_id;
    bool check_offsets = false;    // a position beyond the end is OFFSET_OUT_OF_RANGE
    std::uint64_t read_count = 0;  // records of each partition at most
    RecordFormat format = RecordFormat::rows;
    std::map<std::uint32_t, Offset> min_offsets;  // waits until the next offsets are at least these
    std::chrono::milliseconds max_wait{0};        // waits this long for `min_rows`
    std::uint64_t min_rows = 1;
    bool any_copy = false;  // as in Query
};

struct CompressTable {
    std::string table;
    bool progress = false;
};
struct CheckTable {
    std::string table;
    bool repair = false;
};

// A partition that does not serve because acknowledged records are gone goes on without them.
struct AcceptLoss {
    std::string table;
    std::uint32_t partition = 0;
    std::vector<std::string> without;  // slaves that are gone for good: addresses or numbers
    bool confirmed = false;
};

struct Command {
    using Body = std::variant<CreateTable, CreateTableAs, DropTable, AddColumn, DropColumn, ChangeColumn,
                              ChangeHistory, DescribeTable, ShowColumns, ShowCreate, ListTables, ListOrphans,
                              DropOrphan, MaxOffsets, ListOffsets, AppendRows, InsertSelected, DeleteRows,
                              Query, DescribeStatement, StreamRead, CompressTable, CheckTable, AcceptLoss,
                              CreateView, DropView, ExplainAnalyze, ListSizes, SetCopies, ClusterStatus,
                              ElectUnclean, KillQuery, RefillCopy>;
    Body body;
    std::optional<std::chrono::milliseconds> timeout;  // absent: what the configuration says
};

}  // namespace dl::master
