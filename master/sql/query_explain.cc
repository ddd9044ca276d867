#include "master/sql/query_explain.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace dl::master {

Result<ColumnBatch> explain_rows(const QueryPlan& plan, const FragmentPlan& fragments, bool counted) {
    const DataType text{TypeKind::string, 0, 0};
    ColumnBatchBuilder builder({{FieldId{1}, text}, {FieldId{2}, text}});
    const auto add = [&](std::string_view key, const std::string& value) {
        builder.append_bytes(0, key);
        builder.append_bytes(1, value);
        builder.finish_row(false);
    };
    add("route", plan.describe());
    if (counted) add("count", "from manifests and marks, no row is read");
    const auto nodes_of = [&](const Fragment& fragment) {
        std::string nodes;
        for (const auto position : plan.pins_of.at(fragment.table->name))
            nodes += (nodes.empty() ? "" : " ") + plan.pins[position].node;
        return nodes;
    };
    for (const auto& broadcast : fragments.broadcasts()) {
        std::set<std::string> receivers;
        for (const auto& fragment : fragments.fragments) {
            if (std::find(fragment.broadcasts.begin(), fragment.broadcasts.end(), broadcast) ==
                fragment.broadcasts.end())
                continue;
            for (const auto position : plan.pins_of.at(fragment.table->name))
                receivers.insert(plan.pins[position].node);
        }
        add("broadcast", broadcast->rows.table->name + " (" + std::to_string(broadcast->table_rows) +
                             " rows max) as " + broadcast->view + " to " + std::to_string(receivers.size()) +
                             " slave" + (receivers.size() == 1 ? "" : "s") + "; " +
                             nodes_of(broadcast->rows) + ": " + broadcast->rows.sql(broadcast->columns));
    }
    for (std::size_t i = 0; i < fragments.fragments.size(); ++i)
        add("fragment", nodes_of(fragments.fragments[i]) + ": " + fragments.texts[i]);
    return ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
}

}  // namespace dl::master
