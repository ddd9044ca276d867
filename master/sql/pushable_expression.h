// What the slaves may evaluate for the master: expressions over the columns of one table, or of a join of it
// with tables that go along, that give the same wherever they run. Pure.
#pragma once

#include "common/types/data_type.h"
#include "master/sql/sql_functions.h"
#include "master/sql/table_scope.h"

namespace dl::master {

enum class Pushable : std::uint8_t {
    no,
    may_fail,  // evaluating it can raise an error for some rows
    total,     // it has a value for every row
};

// Types as coarse as the rules of comparing need them.
enum class ValueKind : std::uint8_t {
    unknown,
    null,
    boolean,
    integer,
    decimal,  // up to 18 digits: any two of them, or of them and integers, have a common type
    floating,
    text,
    date,
    timestamp,
    binary,
};

struct PushableExpression {
    Pushable pushable = Pushable::no;
    ValueKind kind = ValueKind::unknown;
    Json local;  // the expression as the statement of the slaves has it
};

// All columns have to be those of `leaf`; `local` has bare column names, for a statement over that table
// alone. Null: those of any table in FROM; `local` has them qualified, for a statement over the same FROM.
// Refused: subqueries, windows, aggregates, lambdas, stars, functions that are not deterministic.
PushableExpression pushable_expression(const Json& expression, const TableScope& scope, const TableLeaf* leaf,
                                       const SqlFunctions& functions);

// The rows that the slaves compute over.
struct RowSource {
    const TableScope& scope;
    const SqlFunctions& functions;
    const TableLeaf* leaf;  // null: all of FROM
    Json from;              // of the statement for the slaves

    PushableExpression examine(const Json& expression) const {
        return pushable_expression(expression, scope, leaf, functions);
    }
};

}  // namespace dl::master
