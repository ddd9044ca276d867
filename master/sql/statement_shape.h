// What a SELECT gives and takes, found without running it: the engine prepares it over empty tables. One
// thread; lives for one statement.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/query_cancel.h"
#include "master/sql/column_origins.h"
#include "master/sql/sql_parameters.h"
#include "master/sql/statement_reader.h"

namespace dl::master {

struct StatementShape {
    std::vector<PreparedSelect::Column> columns;       // in select order
    std::vector<std::optional<DataType>> parameters;   // of `$1`, ...; absent where it can be any
    std::vector<std::optional<ColumnOrigin>> origins;  // by column; of none when empty
};

class ShapeFinder {
  public:
    // What it is given outlives it.
    ShapeFinder(DuckDatabase& database, const StatementReader& reader, const TableLookup& lookup,
                const std::shared_ptr<QueryCancel>& cancel)
        : database_(database), reader_(reader), lookup_(lookup), cancel_(cancel) {}

    // The parameters need no values; those given help to tell the types of columns that depend on them.
    Result<StatementShape> find(std::string_view sql, const SqlParameters& values);
    // The statement with the values of its parameters, each of the type that the statement gives it.
    Result<std::string> with_values(std::string_view sql, const SqlParameters& values);

  private:
    struct Described {
        PreparedSelect select;
        bool explain = false;
        std::vector<std::optional<ColumnOrigin>> origins = {};
    };
    Result<Described> prepare(std::string_view sql);
    Result<std::vector<PreparedSelect::Column>> columns_of_any(
        std::string_view sql, const std::vector<ParameterUse>& uses,
        const std::vector<std::optional<DataType>>& types);

    DuckDatabase& database_;
    const StatementReader& reader_;
    const TableLookup& lookup_;
    const std::shared_ptr<QueryCancel>& cancel_;
};

}  // namespace dl::master
