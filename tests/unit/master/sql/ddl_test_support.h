// Shortcuts of the tests of the statement parser.
#pragma once

#include <gtest/gtest.h>

#include "master/sql/ddl_parser.h"

namespace dl::master::test {

template <class Statement>
Statement parsed(std::string_view sql) {
    auto statement = parse_sql_statement(sql);
    if (statement.has_error()) {
        ADD_FAILURE() << sql << "\n" << statement.error().to_text();
        return {};
    }
    if (!std::holds_alternative<Statement>(*statement)) {
        ADD_FAILURE() << sql << " is statement kind " << statement->index();
        return {};
    }
    return std::get<Statement>(*statement);
}

inline std::string refused(std::string_view sql) {
    auto statement = parse_sql_statement(sql);
    return statement.has_error() ? statement.error().to_text() : "accepted";
}

inline void expect_refused(std::string_view sql, std::string_view part) {
    const auto text = refused(sql);
    EXPECT_NE(text.find(part), std::string::npos) << sql << "\n" << text;
}

}  // namespace dl::master::test
