// What CREATE TABLE and ALTER TABLE do to a table's metadata: pure, no io. Every name, type and default is
// checked here, whichever statement form it came in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "master/catalog/catalog_table.h"

namespace dl::master {

struct ColumnDefinition {
    std::string name;  // as written
    std::string type;  // as written
    bool not_null = false;
    std::optional<std::string> default_text;  // any accepted text form
};

struct TableDefinition {
    std::string name;  // as written
    std::vector<ColumnDefinition> columns;
    std::string major_key;  // as written
    std::uint32_t partitions = 1;
    std::uint32_t copies = 1;
    // Absent: the default of the copies, of which there may be fewer as long as there are not enough slaves.
    std::optional<std::uint32_t> min_in_sync = {};
    TableHistory history = {};
    // Made by a statement that fills it: until Catalog::finish_filling() the next start removes it.
    bool being_filled = false;
};

// Lower-cased, checked table: schema 1, field ids 1.., default slot map, random hash seed given by the
// caller; without id and placements. INVALID_REQUEST, INVALID_VALUE, COLUMN_EXISTS, COLUMN_NOT_FOUND,
// LIMIT_EXCEEDED name what is wrong.
Result<CatalogTable> build_table(const TableDefinition& definition, std::uint64_t index_hash_seed);
// The table with one more column, schema id + 1. A NOT NULL column needs a default: existing rows would
// violate it.
Result<CatalogTable> with_column(const CatalogTable& table, const ColumnDefinition& column);
// The table without the column, schema id + 1. The key cannot be dropped.
Result<CatalogTable> without_column(const CatalogTable& table, std::string_view column);

// Position of a column as written; COLUMN_NOT_FOUND names the nearest.
Result<std::size_t> column_position(const TableMeta& table, std::string_view column);

// Canonical form of a value's text for `type` (value_text.h).
Result<std::string> canonical_text(DataType type, std::string_view text);
// And held to what the type says beyond the stored one.
Result<std::string> canonical_text(const DeclaredType& type, std::string_view text);

}  // namespace dl::master
