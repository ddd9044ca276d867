// What the `sql` statement can say (PROTOCOL 2.2), parsed but not yet checked against the catalog. Names and
// types are as written; literals are text forms, checked when their column's type is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/meta/table_meta.h"

namespace dl::master {

struct DdlColumn {
    std::string name;
    std::string type;
    bool primary_key = false;
    bool not_null = false;
    std::optional<std::string> default_text;
};

struct CreateTableStatement {
    std::string table;
    bool if_not_exists = false;
    bool or_replace = false;
    std::vector<DdlColumn> columns;  // exactly one is the primary key
    std::uint32_t partitions = 1;
    std::uint32_t extra_copies = 0;
    std::optional<std::uint32_t> min_in_sync = {};
    TableHistory history = {};
};
struct DropTableStatement {
    std::string table;
    bool if_exists = false;
};
struct AlterAddStatement {
    std::string table;
    DdlColumn column;
    bool if_not_exists = false;
};
struct AlterDropStatement {
    std::string table;
    std::string column;
    bool if_exists = false;
};
struct AlterCopiesStatement {
    std::string table;
    std::uint32_t copies = 1;
};
struct ClusterStatusStatement {};
struct KillQueryStatement {
    std::uint64_t query = 0;
};
struct ElectUncleanStatement {
    std::string table;
    std::uint32_t partition = 0;
    std::string node;  // its address, or its number
    bool confirmed = false;
};
// A copy that follows is set aside and made anew from its leader's files.
struct RefillCopyStatement {
    std::string table;
    std::optional<std::uint32_t> partition;  // nullopt: of all that the node follows
    std::string node;                        // its address, or its number; "": the only one that follows
};
struct RenameTo {
    std::string name;
};
struct SetDefault {
    std::optional<std::string> text;  // none: without a default
};
struct SetType {
    std::string type;
};
struct AlterColumnStatement {
    std::string table;
    std::string column;
    std::variant<RenameTo, SetDefault, SetType> change;
};
struct AlterHistoryStatement {
    std::string table;
    std::optional<std::uint32_t> hours;
    std::optional<std::uint64_t> bytes;
};
struct DescStatement {
    std::string table;
};
struct ShowTablesStatement {};
struct ShowOrphansStatement {};
struct ShowSizesStatement {};
struct DropOrphanStatement {
    std::string orphan;  // as show orphans names it
};
struct ShowOffsetsStatement {
    std::string table;
    std::optional<std::int64_t> since_us;  // microseconds UTC
};
struct MaxOffsetStatement {
    std::string table;
};
struct CompressStatement {
    std::string table;
};
struct CheckStatement {
    std::string table;
    bool repair = false;
};
struct AcceptLossStatement {
    std::string table;
    std::uint32_t partition = 0;
    std::vector<std::string> without;  // slaves whose copies are not waited for: addresses or numbers
    bool confirmed = false;
};
struct SelectStatement {
    std::string sql;              // the whole statement
    std::string summarized = {};  // of SUMMARIZE: the SELECT whose rows are summed up
};

// EXPLAIN ANALYZE
struct ExplainAnalyzeStatement {
    std::string sql;  // the SELECT
};

// A value as it is written; what it means its column decides.
struct SqlLiteral {
    enum class Kind : std::uint8_t { text, number, boolean, null, use_default, parameter };
    Kind kind = Kind::text;
    std::string text;             // without quotes; "true" or "false"
    std::uint32_t parameter = 0;  // its number, from 1
};
struct InsertStatement {
    std::string table;
    std::vector<std::string> columns;           // empty: all columns of the table in order
    std::vector<std::vector<SqlLiteral>> rows;  // each as long as columns, when those are given
};
// INSERT INTO ... SELECT
struct InsertSelectStatement {
    std::string table;
    std::vector<std::string> columns;  // empty: all columns of the table in order
    std::string sql;                   // one SELECT
};
// DELETE and TRUNCATE.
struct DeleteStatement {
    std::string table;
    std::string condition;  // SQL; empty: all rows
    // The condition once more, when it is `column = value` or `column in (values)`; never null or default.
    std::string column;
    std::vector<SqlLiteral> keys;
};
// CREATE TABLE ... AS SELECT
struct CreateTableAsStatement {
    CreateTableStatement table;  // no columns
    std::string key;             // its major key
    std::string sql;             // one SELECT
};
struct ShowColumnsStatement {
    std::string table;
};
struct ShowCreateStatement {
    std::string table;  // or view
};

struct CreateViewStatement {
    std::string name;
    bool or_replace = false;
    bool if_not_exists = false;
    std::vector<std::string> columns;  // empty: those of the SELECT
    std::string sql;                   // one SELECT
};
struct DropViewStatement {
    std::string name;
    bool if_exists = false;
};

using SqlStatement =
    std::variant<CreateTableStatement, CreateTableAsStatement, DropTableStatement, AlterAddStatement,
                 AlterDropStatement, AlterColumnStatement, AlterHistoryStatement, DescStatement,
                 ShowTablesStatement, ShowColumnsStatement, ShowCreateStatement, ShowOffsetsStatement,
                 ShowOrphansStatement, DropOrphanStatement, MaxOffsetStatement, CompressStatement,
                 CheckStatement, AcceptLossStatement, SelectStatement, InsertStatement, InsertSelectStatement,
                 DeleteStatement, CreateViewStatement, DropViewStatement, ExplainAnalyzeStatement,
                 ShowSizesStatement, AlterCopiesStatement, ClusterStatusStatement, ElectUncleanStatement,
                 KillQueryStatement, RefillCopyStatement>;

}  // namespace dl::master
