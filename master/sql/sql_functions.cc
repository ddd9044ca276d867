#include "master/sql/sql_functions.h"

namespace dl::master {

Result<SqlFunctions> SqlFunctions::load(DuckDatabase& database) {
    SqlFunctions functions;
    DL_TRY_ASSIGN(auto session, database.session());
    DL_TRY_ASSIGN(auto result,
                  session->query("SELECT lower(function_name), bool_or(function_type = 'aggregate'), "
                                 "bool_and(function_type = 'scalar'), "
                                 "bool_and(function_type = 'scalar' AND stability = 'CONSISTENT') "
                                 "FROM duckdb_functions() GROUP BY 1"));
    for (;;) {
        DL_TRY_ASSIGN(auto batch, result->next());
        if (!batch) break;
        const auto& columns = batch->columns();
        for (std::uint32_t row = 0; row < batch->rows(); ++row) {
            const std::string name(columns[0].bytes(row));
            const auto is = [&](std::size_t column) {
                return !columns[column].is_null(row) && columns[column].fixed<std::uint8_t>(row) != 0;
            };
            if (is(1)) functions.aggregates.insert(name);
            if (is(2)) functions.scalars.insert(name);
            if (is(3)) functions.deterministic.insert(name);
        }
    }
    // With one argument it counts from today, which its entry does not tell.
    functions.deterministic.erase("age");
    // Names its argument, which is another one in a rewritten statement.
    functions.scalars.erase("alias");
    functions.deterministic.erase("alias");
    for (const char* name : {"getvariable", "current_setting", "typeof", "hash"})
        functions.deterministic.erase(name);
    return functions;
}

}  // namespace dl::master
