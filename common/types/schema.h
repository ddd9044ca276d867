// A table's columns. Fields keep their id for life; a dropped and re-added name gets a new id, so that old
// data read through field ids never shows up under the new column.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/types/data_type.h"

namespace dl {

struct Field {
    FieldId id;
    std::string name;  // lower-case
    DataType type;
    bool not_null = false;
    // Canonical text (value_text.h) of the DEFAULT. Also the value that records written before the column was
    // added show for it.
    std::optional<std::string> default_text;
};

struct Schema {
    SchemaId id;
    std::vector<Field> fields;  // in column order
    std::size_t key_index = 0;  // position of the major key in fields

    const Field& key() const { return fields[key_index]; }
    // Position of a column by lower-case name / by id; nullopt when there is none.
    std::optional<std::size_t> find(std::string_view name) const;
    std::optional<std::size_t> find(FieldId field) const;
};

// In lower case, character by character (ASCII and the letters of other scripts that have case), which is how
// names compare and how they are stored. Bytes that are not UTF-8 stay.
std::string fold_name(std::string_view name);
// Folds a table or column name and checks it: letters and digits of any script and '_', not starting with a
// digit, 1 to limits::name_bytes_max bytes. `what` is "table" or "column", for the message.
Result<std::string> normalize_name(std::string_view what, std::string_view name);

// A normalised column name that no table may have: what replies and batches use for themselves (table_name,
// major_key, partition_number, partition_address, crud, _crud_type) and the column of offsets in Parquet
// files (_offset).
bool is_reserved_column_name(std::string_view name);

}  // namespace dl
