// Words of the DDL of other systems that there is nothing for here, and what there is instead. Pure.
#pragma once

#include <string_view>

namespace dl::master {

// By a word in lower case; empty: it is none of them.
std::string_view way_of_statement(std::string_view word);     // GRANT ...
std::string_view way_of_object(std::string_view word);        // CREATE INDEX ..., DROP DATABASE ...
std::string_view way_of_constraint(std::string_view word);    // of a column or a table
std::string_view way_of_table_option(std::string_view word);  // behind the columns
std::string_view way_of_list(std::string_view word);          // SHOW PROCESSLIST

}  // namespace dl::master
