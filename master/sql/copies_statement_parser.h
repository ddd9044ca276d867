// Statements about copies of partitions and the slaves that hold them.
#pragma once

#include <cstdint>
#include <string>

#include "master/sql/row_statement_parser.h"

namespace dl::master {

class CopiesStatementParser : public RowStatementParser {
  public:
    using RowStatementParser::RowStatementParser;

  protected:
    // `replicas.` was read: `in_sync.min`.
    Result<void> expect_in_sync_min();
    // `alter table t` was read.
    bool at_set_copies() const { return current().is_word("set") && ahead(1).is_word("copies"); }
    Result<SqlStatement> set_copies(std::string table);
    bool at_copies_statement() const {
        return current().is_word("cluster_status") || current().is_word("elect") ||
               current().is_word("refill");
    }
    Result<SqlStatement> copies_statement();
    // `accept` was read.
    Result<SqlStatement> accept_loss();

  private:
    // Its address in quotes, or its number.
    Result<std::string> node_name();
    Result<SqlStatement> refill();
    Result<std::uint32_t> number(std::uint32_t min, std::uint32_t max);
};

}  // namespace dl::master
