// PIVOT t ON c without IN, as a statement or within one: which columns come out depends on the rows, so their
// values are asked for first and then written into the statement. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl::master {

class PivotStatement {
  public:
    // The first PIVOT that lacks values and has none such within: the statement itself, a subquery, a WITH
    // entry or what follows them. Nullopt when every PIVOT has an IN behind each of its expressions.
    // SYNTAX_ERROR. To be asked again for the text that with_values() gives.
    static Result<std::optional<PivotStatement>> parse(std::string_view sql);

    // A SELECT of one text column for each expression that lacks its values, in their order.
    std::vector<std::string> value_queries() const;
    // The statement with an IN for each of them. NULLs among `values` are left out before.
    std::string with_values(const std::vector<std::vector<std::string>>& values) const;

  private:
    struct Open {
        std::string expression;
        std::size_t end;  // of it in the statement
    };
    std::string sql_;
    std::string before_;  // the WITH entries it may read
    std::string source_;
    std::vector<Open> open_;
};

// Is there a word PIVOT? Cheap.
bool may_pivot(std::string_view sql);

}  // namespace dl::master
