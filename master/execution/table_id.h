// How clients name one table and no other, however often its name was given again: "0123456789abcdef".
#pragma once

#include <string>
#include <string_view>

#include "common/meta/table_meta.h"

namespace dl::master {

std::string table_id_text(const TableMeta& table);
// OFFSET_OUT_OF_RANGE when positions are of another table than the one that has the name now. An empty
// `named` is any table.
Result<void> check_table_id(const TableMeta& table, std::string_view named);

}  // namespace dl::master
