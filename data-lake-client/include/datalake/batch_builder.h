// Rows for one table in the binary batch form: the fastest way to write. Reusable after clear(). Not
// thread-safe.
//
//   BatchBuilder batch("users", {"id", "name"});
//   batch.add_row({std::int64_t{1}, std::string("Ada")});
//   client.send(batch);
//
// In this form a NULL in a column that has a DEFAULT means the DEFAULT; Client::insert() sends a real NULL.
// The text
// `/~|` stands for NULL on the wire and is refused as a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/error.h"
#include "datalake/value.h"

namespace datalake {

class BatchBuilder {
  public:
    // Columns that are left out get their DEFAULT or NULL. The key column must be among them.
    BatchBuilder(std::string table, std::vector<std::string> columns);

    // One row, values in the order of the columns. INVALID_ARGUMENT (and no row added) when the count is
    // wrong or a text cannot be sent. A delete needs the key only: give NULL for the rest.
    Result<void> add_row(const std::vector<Value>& values, Operation operation = Operation::insert);
    // The same from text forms; nullopt is NULL.
    Result<void> add_text_row(const std::vector<std::optional<std::string_view>>& values,
                              Operation operation = Operation::insert);

    // The same value by value, without allocation: one append per column in order, then finish_row().
    void append_null() { append_field("/~|"); }
    void append_text(std::string_view text);
    void append_int(std::int64_t value);
    void append_double(double value);
    void append_float(float value);
    void append_bool(bool value) { append_field(value ? "true" : "false"); }
    Result<void> finish_row(Operation operation = Operation::insert);

    std::uint32_t rows() const { return static_cast<std::uint32_t>(row_ends_.size()); }
    // Plain bytes so far. The server takes up to 1 GiB plain and 256 MiB compressed; 1 to 16 MiB is a good
    // size.
    std::size_t bytes() const { return bytes_.size(); }
    const std::string& table() const { return table_; }
    const std::vector<std::string>& columns() const { return columns_; }
    void clear();
    // The plain bytes of rows first .. end - 1 as a batch of its own (not compressed).
    std::string encode(std::uint32_t first, std::uint32_t end) const;
    std::string encode() const { return encode(0, rows()); }

  private:
    void append_field(std::string_view text);

    std::string table_;
    std::vector<std::string> columns_;
    std::string header_;
    std::string bytes_;  // the rows
    std::vector<std::size_t> row_ends_;
    std::uint32_t fields_in_row_ = 0;
    bool null_text_in_row_ = false;
};

}  // namespace datalake
