#include "master/sql/known_statements.h"

#include <algorithm>
#include <utility>

namespace dl::master {

FragmentPlan KnownStatement::plan(FragmentPlanner& planner, const TableRows& rows,
                                  const std::shared_ptr<QueryCancel>& cancel) const {
    // How large tables are says which of them go along with others.
    const bool is_joined = asked_.table_references > 1;
    {
        const std::lock_guard lock(mutex_);
        if (planned_ != nullptr && (!is_joined || planned_->rows == rows)) return planned_->plan;
    }
    auto planned = std::make_shared<const Planned>(
        Planned{planner.plan(*asked_.ast, asked_.tables, rows, cancel), rows});
    // A plan that was stopped is right, but not the best.
    if (!cancel->reason()) {
        const std::lock_guard lock(mutex_);
        planned_ = planned;
    }
    return planned->plan;
}

Result<std::shared_ptr<const KnownStatement>> KnownStatements::read(const StatementReader& reader,
                                                                    std::string_view sql,
                                                                    const TableLookup& lookup) {
    if (auto known = statements_.find(sql)) {
        const bool same_tables = std::ranges::all_of(known->asked().tables, [&](const auto& table) {
            const auto found = lookup(table.first);
            return found && *found == table.second;
        });
        if (same_tables) return known;
    }
    DL_TRY_ASSIGN(auto asked, reader.read(sql, lookup));
    const bool lasting = asked.lasting;
    auto known = std::make_shared<const KnownStatement>(std::move(asked));
    if (lasting) statements_.keep(sql, known);
    return known;
}

}  // namespace dl::master
