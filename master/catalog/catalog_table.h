// A table as the catalog has it: what slaves know of it too, and what the master alone keeps.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/meta/table_meta.h"
#include "master/catalog/declared_type.h"

namespace dl::master {

struct CatalogTable : TableMeta {
    CatalogTable() = default;
    // Of columns that say no more than their stored types.
    CatalogTable(TableMeta meta) : TableMeta(std::move(meta)) {}  // NOLINT: it is one

    DeclaredTypes declared;  // only of columns that are there
    // DEFAULTs that were set or dropped since the column was added: of rows to come. Those that are without
    // the column keep the one of the field, which slaves know.
    std::map<FieldId, std::optional<std::string>> new_defaults;

    // Of rows to come.
    const std::optional<std::string>& default_of(const Field& field) const {
        const auto found = new_defaults.find(field.id);
        return found == new_defaults.end() ? field.default_text : found->second;
    }

    // As it is shown: "varchar(20)".
    std::string type_text(const Field& field) const {
        const auto found = declared.find(field.id);
        return found == declared.end() ? type_name(field.type) : found->second.shown();
    }
};

using TablePtr = std::shared_ptr<const TableMeta>;
using CatalogTablePtr = std::shared_ptr<const CatalogTable>;

}  // namespace dl::master
