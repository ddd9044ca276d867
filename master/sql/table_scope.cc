#include "master/sql/table_scope.h"

#include "common/base/ascii.h"

namespace dl::master {

TableScope::TableScope(const Json& from, const QueryTables& tables, const std::set<std::string>& ctes) {
    add(from, tables, ctes);
}

void TableScope::add(const Json& from, const QueryTables& tables, const std::set<std::string>& ctes) {
    const auto type = text_of(from, "type");
    if (type == "JOIN") {
        joined_ = true;
        natural_ = natural_ || text_of(from, "ref_type") == "NATURAL";
        if (const auto* names = member(from, "using_columns")) {
            for (const auto& name : *names)
                joined_names_.insert(ascii_lowercase(name.get<std::string>()));
        }
        for (const char* side : {"left", "right"}) {
            if (const auto* child = member(from, side)) add(*child, tables, ctes);
        }
        return;
    }
    TableLeaf leaf{&from, ascii_lowercase(text_of(from, "alias")), nullptr};
    if (type == "BASE_TABLE") {
        const auto name = ascii_lowercase(text_of(from, "table_name"));
        if (leaf.alias.empty()) leaf.alias = name;
        const auto found = tables.find(name);
        const auto* renamed = member(from, "column_name_alias");
        const bool plain = (renamed == nullptr || renamed->empty()) && member(from, "sample") == nullptr;
        if (found != tables.end() && !ctes.contains(name) && plain) leaf.table = found->second.get();
    }
    leaves_.push_back(std::move(leaf));
}

std::optional<TableScope::Column> TableScope::column(const Json& reference) const {
    const auto* names = member(reference, "column_names");
    if (class_of(reference) != "COLUMN_REF" || names == nullptr || names->empty() || names->size() > 2)
        return std::nullopt;
    const auto name = ascii_lowercase(names->back().get<std::string>());
    const bool qualified = names->size() == 2;
    if (!qualified && (natural_ || joined_names_.contains(name))) return std::nullopt;
    const auto alias = qualified ? ascii_lowercase(names->front().get<std::string>()) : std::string();
    std::optional<Column> found;
    std::size_t candidates = 0;
    for (const auto& leaf : leaves_) {
        if (qualified && leaf.alias != alias) continue;
        if (qualified) ++candidates;
        if (leaf.table == nullptr) continue;
        for (const auto& field : leaf.table->schema.fields) {
            if (ascii_lowercase(field.name) != name) continue;
            if (!qualified) ++candidates;
            found = Column{&leaf, &field};
        }
    }
    return candidates == 1 ? found : std::nullopt;
}

std::optional<DataType> TableScope::merged_column(const Json& reference) const {
    const auto* names = member(reference, "column_names");
    if (class_of(reference) != "COLUMN_REF" || names == nullptr || names->size() != 1) return std::nullopt;
    const auto name = ascii_lowercase(names->front().get<std::string>());
    if (!natural_ && !joined_names_.contains(name)) return std::nullopt;
    std::optional<DataType> found;
    for (const auto& leaf : leaves_) {
        if (leaf.table == nullptr) return std::nullopt;
        for (const auto& field : leaf.table->schema.fields) {
            if (ascii_lowercase(field.name) != name) continue;
            if (found && *found != field.type) return std::nullopt;
            found = field.type;
        }
    }
    return found;
}

const TableLeaf* TableScope::leaf_of(const Json& node) const {
    for (const auto& leaf : leaves_) {
        if (leaf.node == &node && leaf.table != nullptr) return &leaf;
    }
    return nullptr;
}

const TableLeaf* TableScope::only_table() const {
    return !joined_ && leaves_.size() == 1 && leaves_.front().table != nullptr ? &leaves_.front() : nullptr;
}

}  // namespace dl::master
