// Joins of one large table with small ones: which tables are small enough to go along with the fragments of
// the large one, what the slaves can then compute by themselves, and which rows of the large table need not
// travel at least. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "master/sql/pushable_expression.h"

namespace dl::master {

// Live rows at the cut by table name. A table that is missing is never small.
using TableRows = std::map<std::string, std::uint64_t>;
// Terms on single tables of FROM, as pushable_filters() finds them.
using TableFilters = std::map<const Json*, std::vector<Json>>;

struct BroadcastChoice {
    const TableLeaf* large = nullptr;
    std::vector<const TableLeaf*> small;  // at least one
    // Tables that are not among them, `large` and others, with those of `small` that are small beside them.
    std::map<const TableLeaf*, std::vector<const TableLeaf*>> partners;
    // Every other table of FROM is small, and the join of the whole is that of the parts of the large table,
    // put together.
    bool by_parts = false;
};

// nullopt: nothing to send along. The leaves are those of `scope`.
std::optional<BroadcastChoice> choose_broadcast(const Json& from, const TableScope& scope,
                                                const TableFilters& filters, const TableRows& rows,
                                                const SqlFunctions& functions);

// FROM as the slaves have it: `views` instead of small tables, under their aliases.
Json from_with_views(const Json& from, const std::map<const Json*, std::string>& views);

// A row of a table without a partner in `small` that meets `condition` is of no use.
struct PartnerTerm {
    const TableLeaf* small = nullptr;
    Json condition;  // at least one equality of both sides; columns are qualified
};
std::vector<PartnerTerm> partner_terms(const Json& select_node, const TableScope& scope,
                                       const TableLeaf& table, const std::vector<const TableLeaf*>& small,
                                       const SqlFunctions& functions);
// `table` under its alias, semi-joined with the views of the small tables.
Json from_with_partners(const TableLeaf& table, const std::vector<PartnerTerm>& terms,
                        const std::map<const Json*, std::string>& views);

}  // namespace dl::master
