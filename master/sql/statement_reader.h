// Reads a SELECT before it is planned: views become their SELECTs, tables of the system their rows, functions
// of other systems expressions of the engine's, names are folded, the engine parses, the gate looks at what
// it found. Blocking: query pool only. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/duck/select_ast.h"
#include "master/sql/query_planner.h"
#include "master/sql/system_tables.h"

namespace dl::master {

// A statement that passed the gate.
struct ParsedStatement {
    SelectAst ast;
    QueryTables tables;
    bool explain = false;
    bool lasting = true;               // it depends on its text and its tables, and on nothing else
    std::size_t table_references = 0;  // how often tables are named
};

struct ReadStatement {
    std::string text;              // with EXPLAIN, without what may follow
    std::optional<SelectAst> ast;  // not of the plainest lookups
    bool explain = false;
    QueryTables tables;
    KeyLookups lookups;
    bool lasting = true;  // as ParsedStatement
    std::size_t table_references = 0;
};

class StatementReader {
  public:
    // `system_tables` null: there are none.
    StatementReader(std::shared_ptr<DuckDatabase> database, std::shared_ptr<const SystemTables> system_tables)
        : database_(std::move(database)), system_tables_(std::move(system_tables)) {}

    Result<ReadStatement> read(std::string_view sql, const TableLookup& lookup) const;
    Result<QueryTables> tables_of(std::string_view sql, const TableLookup& lookup,
                                  bool parameters_allowed) const;
    Result<ParsedStatement> parse(std::string_view sql, const TableLookup& lookup,
                                  bool parameters_allowed) const;

  private:
    Result<ParsedStatement> parse_tables(std::string_view sql, const TableLookup& lookup,
                                         bool parameters_allowed) const;
    Result<ParsedStatement> parse_as_written(std::string_view sql, const TableLookup& lookup,
                                             bool parameters_allowed) const;
    Result<std::string> with_names_as_stored(std::string_view sql, const TableLookup& lookup) const;

    std::shared_ptr<DuckDatabase> database_;
    std::shared_ptr<const SystemTables> system_tables_;
};

}  // namespace dl::master
