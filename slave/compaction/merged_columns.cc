#include "slave/compaction/merged_columns.h"

#include <algorithm>

#include "common/duck/parquet_file.h"
#include "common/types/wider_type.h"

namespace dl::slave {

std::vector<Field> merged_fields(const std::vector<const ManifestFile*>& files, const TableMeta& table) {
    std::vector<Field> fields;
    for (const auto* file : files) {
        for (const auto& field : file->fields) {
            const auto there =
                std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.id == field.id; });
            if (there != fields.end()) {
                there->type = wider_type_of(there->type, field.type);
                continue;
            }
            const auto known = table.schema.find(field.id);
            if (!known && field.id < table.next_field_id) continue;  // dropped
            fields.push_back(field);
            if (!known) continue;
            fields.back().type = wider_type_of(table.schema.fields[*known].type, field.type);
            fields.back().default_text = table.schema.fields[*known].default_text;
        }
    }
    std::sort(fields.begin(), fields.end(), [](const Field& a, const Field& b) { return a.id < b.id; });
    return fields;
}

std::string merged_value_sql(const std::vector<const ManifestFile*>& files, const Field& field) {
    const std::string name = parquet_field_name(field.id);
    std::string lacking;
    bool known = false;   // the field to the scan
    bool narrow = false;  // in some file
    for (const auto* file : files) {
        const auto own = std::find_if(file->fields.begin(), file->fields.end(),
                                      [&](const Field& f) { return f.id == field.id; });
        if (own != file->fields.end()) {
            known = true;
            narrow = narrow || own->type != field.type;
            continue;
        }
        lacking += (lacking.empty() ? "" : " OR ") +
                   ("_offset BETWEEN " + std::to_string(file->first_offset)) + " AND " +
                   std::to_string(file->end_offset - 1);
    }
    const auto value = narrow ? "CAST(" + name + " AS " + duck_type_name(field.type) + ")" : name;
    if (lacking.empty()) return narrow ? value + " AS " + name : name;
    if (!known) return sql_default(field) + " AS " + name;
    return "CASE WHEN " + lacking + " THEN " + sql_default(field) + " ELSE " + value + " END AS " + name;
}

}  // namespace dl::slave
