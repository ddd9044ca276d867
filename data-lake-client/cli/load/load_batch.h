// Rows on their way to the server, with where each came from. They go in the binary form; rows it cannot
// carry (a NULL in a column with a DEFAULT, the text `/~|`) make their batch go as JSON, in the same order.
// One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/client.h"

namespace datalake::cli {

struct RowOrigin {
    std::uint32_t file = 0;
    std::uint64_t line = 0;
    std::uint64_t number = 0;  // from 1 over all files
};

class LoadBatch {
  public:
    // `has_default`: by column.
    LoadBatch(std::string table, std::vector<std::string> columns, std::vector<bool> has_default);

    // One a column in order, then finish or give up.
    void put(std::string_view text);
    void put_absent();
    void put_null();
    // `text`: the row as its file has it.
    void finish(Operation operation, const RowOrigin& origin, std::string_view text);
    void give_up_row();

    std::uint32_t rows() const { return batch_.rows(); }
    std::size_t bytes() const { return batch_.bytes(); }
    const RowOrigin& origin(std::uint32_t row) const { return origins_[row]; }
    // As the file has it; of a row without a text its values as JSON.
    std::string text(std::uint32_t row) const;
    void clear();
    // The end of the rows from `first` on that go in one request.
    std::uint32_t run_end(std::uint32_t first) const;
    // Rows first .. end - 1 of one run, all or none.
    Result<void> send(Client& client, std::uint32_t first, std::uint32_t end) const;

  private:
    struct Special {
        std::uint32_t row;
        std::uint32_t column;
        bool is_null;  // else the text /~|
    };
    bool is_special(std::uint32_t first, std::uint32_t end) const;
    std::vector<Row> as_values(std::uint32_t first, std::uint32_t end) const;

    BatchBuilder batch_;
    std::vector<bool> has_default_;
    std::vector<RowOrigin> origins_;
    std::vector<bool> deletes_;
    std::string texts_;
    std::vector<std::size_t> text_ends_;
    std::vector<Special> specials_;  // by row
    std::size_t specials_before_row_ = 0;
    std::uint32_t column_ = 0;
};

}  // namespace datalake::cli
