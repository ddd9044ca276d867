// A running query: rows come from the server as they are read, they are not kept. The connection of the
// client is busy until the end was reached or the result is destroyed (which gives the connection up when
// rows are left). One thread at a time, the same as the Client it came from; it must not outlive that Client.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "datalake/error.h"
#include "datalake/value.h"

namespace datalake {

enum class CellKind : std::uint8_t { null, boolean, number, text, nested };

class QueryResult {
  public:
    struct Impl;
    explicit QueryResult(std::unique_ptr<Impl> impl);
    QueryResult(QueryResult&&) noexcept;
    QueryResult& operator=(QueryResult&&) noexcept;
    ~QueryResult();

    // Names in select order; known from the start, except for a result without rows: then they are empty
    // unless the server names them.
    const std::vector<std::string>& columns() const;
    // Goes to the next row (the first one at the first call); false at the end.
    Result<bool> next();

    // Of the current row, until the next call of next(); `column` < columns().size().
    CellKind kind(std::size_t column) const;
    bool is_null(std::size_t column) const { return kind(column) == CellKind::null; }
    // Whole numbers that do not fit 64 bits come as text; nested values as JSON text.
    Value value(std::size_t column) const;
    // 0 for anything that is not a number.
    std::int64_t int64(std::size_t column) const;
    double float64(std::size_t column) const;
    // Text of any value, numbers with the digits the server sent; NULL is empty.
    std::string text(std::size_t column) const;
    // The value as JSON, as sent.
    std::string_view json(std::size_t column) const;

    std::uint64_t rows() const;
    // After the end: the `meta` object as JSON when QueryOptions::meta was set, else empty.
    const std::string& meta() const;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake
