// What the slaves may evaluate for the master: expressions over the columns of one table that give the same
// wherever they run. Pure.
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
    Json local;  // the expression with bare column names, for a statement over that table alone
};

// All columns have to be those of `leaf`. Refused: subqueries, windows, aggregates, lambdas, stars, functions
// that are not deterministic.
PushableExpression pushable_expression(const Json& expression, const TableScope& scope, const TableLeaf& leaf,
                                       const SqlFunctions& functions);

}  // namespace dl::master
