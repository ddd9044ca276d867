// A SELECT with a name, as the catalog keeps it.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace dl::master {

struct View {
    std::string name;                  // lower-case; no table has it
    std::vector<std::string> columns;  // names of its columns; empty: those of the SELECT
    std::string sql;                   // one SELECT, without parameters
    friend bool operator==(const View&, const View&) = default;
};
using ViewPtr = std::shared_ptr<const View>;

}  // namespace dl::master
