// What ALTER TABLE does to columns that are there, and to the history: pure, no io. Each gives the table with
// schema id + 1. No file is rewritten: data goes by the ids of columns, and what a type is held to beyond the
// stored one is checked when rows come. COLUMN_NOT_FOUND names the nearest column.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "master/catalog/catalog_table.h"

namespace dl::master {

// The column, the major key too, under another name. COLUMN_EXISTS, LIMIT_EXCEEDED
// (FormerName::kPerTableMax).
Result<CatalogTable> with_renamed_column(const CatalogTable& table, std::string_view from,
                                         std::string_view to);
// Of rows to come; nullopt: none. Rows that are there keep what they have.
Result<CatalogTable> with_new_default(const CatalogTable& table, std::string_view column,
                                      const std::optional<std::string>& text);
// A type that has all values of the present one and is stored alike. NOT_SUPPORTED for others, with the way.
Result<CatalogTable> with_new_type(const CatalogTable& table, std::string_view column, std::string_view type);

struct HistoryChange {
    std::optional<std::uint32_t> hours;
    std::optional<std::uint64_t> bytes;
};
Result<CatalogTable> with_history(const CatalogTable& table, const HistoryChange& change);

}  // namespace dl::master
