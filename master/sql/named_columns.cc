#include "master/sql/named_columns.h"

#include <set>

#include "common/base/ascii.h"

namespace dl::master {

std::vector<std::size_t> named_columns(const Json& tree, const Fragment& fragment) {
    std::set<std::string> names, aliases{fragment.table->name};
    bool all = false;
    any_node(tree, [&](const Json& node) {
        if (class_of(node) == "STAR" || text_of(node, "ref_type") == "NATURAL") all = true;
        if (ascii_lowercase(text_of(node, "table_name")) == fragment.view)
            aliases.insert(ascii_lowercase(text_of(node, "alias")));
        if (const auto* path = member(node, "column_names"); path != nullptr && !path->empty())
            names.insert(ascii_lowercase(path->back().get<std::string>()));
        // `column.function()`, `table.column.function()`
        for (const char* part : {"schema", "catalog"}) {
            if (auto name = text_of(node, part); !name.empty())
                names.insert(ascii_lowercase(std::move(name)));
        }
        if (const auto* list = member(node, "using_columns")) {
            for (const auto& name : *list)
                names.insert(ascii_lowercase(name.get<std::string>()));
        }
        return false;
    });
    // A table named as a column is a whole row.
    for (const auto& alias : aliases)
        all = all || names.contains(alias);
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < fragment.columns.size(); ++i) {
        if (all || names.contains(ascii_lowercase(fragment.columns[i].name))) positions.push_back(i);
    }
    return positions;
}

}  // namespace dl::master
