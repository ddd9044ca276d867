#include "master/sql/fragment_planner.h"

#include "common/duck/parquet_file.h"
#include "master/sql/aggregate_pushdown.h"
#include "master/sql/filter_pushdown.h"
#include "master/sql/planning_session.h"
#include "master/sql/top_n_pushdown.h"

namespace dl::master {

namespace {

// Longer statements are lists of values; looking at them several times costs more than it saves.
constexpr std::size_t kStatementBytesMax = 256u << 10;
constexpr const char* kViewPrefix = "dl_fragment_";
constexpr std::string_view kRowsOf = "SELECT * FROM ";

// Names that a view of another name would not answer to, and clauses that are statements of their own.
bool leaves_tables_alone(const Json& tree) {
    return any_node(tree, [](const Json& node) {
        const auto* names = member(node, "column_names");
        if (class_of(node) == "COLUMN_REF") return names == nullptr || names->size() > 2;
        return text_of(node, "type") == "PIVOT" ||
               folded(text_of(node, "table_name")).starts_with(kViewPrefix);
    });
}

// The SELECT nodes of one statement, one after the other.
class TreeRewriter {
  public:
    TreeRewriter(PlanningSession& session, const SqlFunctions& functions, const QueryTables& tables,
                 bool whole_nodes, std::size_t& views)
        : session_(session),
          functions_(functions),
          tables_(tables),
          whole_nodes_(whole_nodes),
          views_(views) {}

    void walk(Json& node, const std::set<std::string>& ctes) {
        if (node.is_array()) {
            for (auto& element : node)
                walk(element, ctes);
            return;
        }
        if (!node.is_object()) return;
        // Each WITH entry sees those before it, and the node sees them all.
        auto inner = ctes;
        const bool recursive = text_of(node, "type") == "RECURSIVE_CTE_NODE";
        if (const auto entries = node.find("cte_map"); entries != node.end() && entries->contains("map")) {
            for (auto& entry : (*entries)["map"]) {
                if (entry.contains("value")) walk(entry["value"], with_itself(inner, entry));
                inner.insert(folded(text_of(entry, "key")));
            }
        }
        if (recursive) inner.insert(folded(text_of(node, "cte_name")));
        if (is_select_node(node)) rewrite(node, inner);
        for (auto& [key, value] : node.items()) {
            if (key == "cte_map" || key == "cast_type") continue;
            if (value.is_structured()) walk(value, inner);
        }
    }

    std::vector<Fragment> fragments;

  private:
    // A recursive entry names itself; its name is that of the entry.
    static std::set<std::string> with_itself(std::set<std::string> ctes, const Json& entry) {
        const bool recursive =
            any_node(entry, [](const Json& node) { return text_of(node, "type") == "RECURSIVE_CTE_NODE"; });
        if (recursive) ctes.insert(folded(text_of(entry, "key")));
        return ctes;
    }

    void rewrite(Json& node, const std::set<std::string>& ctes) {
        if (!node.contains("from_table")) return;
        const TableScope scope(node["from_table"], tables_, ctes);
        if (whole_nodes_ && scope.only_table() != nullptr) {
            if (is_aggregating(node, functions_)) {
                if (aggregate(node, scope)) return;
            } else if (reduce(node, scope)) {
                return;
            }
        }
        const auto filters = pushable_filters(node, scope, functions_);
        if (!filters.empty()) filter(node["from_table"], scope, filters);
    }

    std::shared_ptr<const TableMeta> table(const TableLeaf& leaf) const {
        return tables_.at(leaf.table->name);
    }
    std::string next_view() { return kViewPrefix + std::to_string(++views_); }

    bool add(Fragment fragment) {
        if (!session_.add(fragment)) return false;
        fragments.push_back(std::move(fragment));
        return true;
    }

    // `node` as a fragment whose columns are those of the table, chosen later.
    std::optional<Fragment> rows_fragment(const Json& node, const TableLeaf& leaf) {
        const auto sql = session_.fragment_sql(node, *leaf.table);
        if (!sql || !sql->starts_with(kRowsOf) || !session_.describe(*sql)) return std::nullopt;
        auto fragment = whole_table(table(leaf));
        fragment.view = next_view();
        fragment.from = sql->substr(kRowsOf.size());
        return fragment;
    }

    // Makes a BASE_TABLE node read a view; columns keep their qualified names.
    static void read_view(Json& from, const std::string& view) {
        if (text_of(from, "alias").empty()) from["alias"] = from["table_name"];
        from["table_name"] = view;
    }

    void filter(Json& from, const TableScope& scope,
                const std::map<const Json*, std::vector<Json>>& filters) {
        if (text_of(from, "type") == "JOIN") {
            for (const char* side : {"left", "right"}) {
                if (from.contains(side)) filter(from[side], scope, filters);
            }
            return;
        }
        const auto found = filters.find(&from);
        const auto* leaf = scope.leaf_of(from);
        if (found == filters.end() || leaf == nullptr) return;
        auto asked = select_from(leaf->table->name);
        asked["where_clause"] = conjunction(found->second);
        auto fragment = rows_fragment(asked, *leaf);
        if (!fragment) return;
        const auto view = fragment->view;
        if (add(std::move(*fragment))) read_view(from, view);
    }

    bool reduce(Json& node, const TableScope& scope) {
        const auto& leaf = *scope.only_table();
        if (auto distinct = push_distinct(node, scope, functions_)) {
            const auto sql = session_.fragment_sql(distinct->fragment, *leaf.table);
            auto columns = sql ? session_.fragment_columns(*sql, {}) : std::nullopt;
            if (!columns) return false;
            Fragment fragment{table(leaf), next_view(), std::move(*columns), {}, *sql};
            const auto view = fragment.view;
            if (!add(std::move(fragment))) return false;
            node = std::move(distinct->node);
            read_view(node["from_table"], view);
            return true;
        }
        const auto first = push_top_n(node, scope, functions_);
        auto fragment = first ? rows_fragment(first->fragment, leaf) : std::nullopt;
        if (!fragment) return false;
        const auto view = fragment->view;
        if (!add(std::move(*fragment))) return false;
        read_view(node["from_table"], view);
        return true;
    }

    bool aggregate(Json& node, const TableScope& scope) {
        const auto& leaf = *scope.only_table();
        auto alone = node;
        alone["cte_map"] = Json::object();
        const auto sql = faithful_sql(session_.database(), statement_of(alone));
        const auto described =
            sql ? session_.describe(*sql) : Result<std::vector<DescribedColumn>>(sql.error());
        if (!described) return false;
        AggregateFacts facts;
        for (const auto& column : *described)
            facts.names.push_back(column.name);
        facts.type_of = [&](const Json& expression) { return type_of(expression, leaf); };
        const auto view = next_view();
        auto split = split_aggregate(node, scope, functions_, view, facts);
        if (!split) return false;
        std::vector<bool> sums;
        for (const auto& item : split->fragment["select_list"]) {
            const auto name = text_of(item, "function_name");
            sums.push_back(name == "sum" || name == "count_if" || name == "countif");
        }
        const auto asked = session_.fragment_sql(split->fragment, *leaf.table);
        auto columns = asked ? session_.fragment_columns(*asked, sums) : std::nullopt;
        if (!columns || !add({table(leaf), view, std::move(*columns), {}, *asked})) return false;
        node = std::move(split->node);
        return true;
    }

    std::string type_of(const Json& expression, const TableLeaf& leaf) {
        auto node = select_from(leaf.table->name);
        node["select_list"] = Json::array({expression});
        const auto sql = faithful_sql(session_.database(), statement_of(node));
        if (!sql) return {};
        const auto described = session_.describe(*sql);
        return described && described->size() == 1 ? described->front().type : std::string();
    }

    PlanningSession& session_;
    const SqlFunctions& functions_;
    const QueryTables& tables_;
    const bool whole_nodes_;
    std::size_t& views_;
};

std::set<std::string> tables_read(const Json& tree) {
    std::set<std::string> names;
    any_node(tree, [&](const Json& node) {
        if (text_of(node, "type") == "BASE_TABLE") names.insert(folded(text_of(node, "table_name")));
        return false;
    });
    return names;
}

// Positions of the columns that the tree names anywhere.
std::vector<std::size_t> named_columns(const Json& tree, const Fragment& fragment) {
    std::set<std::string> names, aliases{fragment.table->name};
    bool all = false;
    any_node(tree, [&](const Json& node) {
        if (class_of(node) == "STAR" || text_of(node, "ref_type") == "NATURAL") all = true;
        if (folded(text_of(node, "table_name")) == fragment.view)
            aliases.insert(folded(text_of(node, "alias")));
        if (const auto* path = member(node, "column_names"); path != nullptr && !path->empty())
            names.insert(folded(path->back().get<std::string>()));
        if (const auto* list = member(node, "using_columns")) {
            for (const auto& name : *list)
                names.insert(folded(name.get<std::string>()));
        }
        return false;
    });
    // A table named as a column is a whole row.
    for (const auto& alias : aliases)
        all = all || names.contains(alias);
    std::vector<std::size_t> positions;
    for (std::size_t i = 0; i < fragment.columns.size(); ++i) {
        if (all || names.contains(folded(fragment.columns[i].name))) positions.push_back(i);
    }
    return positions;
}

FragmentPlan finished(std::string statement, const Json& tree, std::vector<Fragment> fragments,
                      const QueryTables& tables) {
    const auto read = tables_read(tree);
    for (const auto& [name, meta] : tables) {
        if (read.contains(name)) fragments.push_back(whole_table(meta));
    }
    FragmentPlan plan{std::move(statement), std::move(fragments), {}};
    for (const auto& fragment : plan.fragments)
        plan.texts.push_back(fragment.sql(named_columns(tree, fragment)));
    return plan;
}

}  // namespace

std::shared_ptr<const SqlFunctions> FragmentPlanner::functions() {
    const std::lock_guard lock(mutex_);
    if (!functions_) {
        auto loaded = SqlFunctions::load(*database_);
        if (loaded) functions_ = std::make_shared<const SqlFunctions>(std::move(*loaded));
    }
    return functions_;
}

FragmentPlan FragmentPlanner::plan(const SelectAst& ast, const QueryTables& tables,
                                   const std::shared_ptr<QueryCancel>& cancel) {
    const auto plain = [&] { return finished(ast.text(), ast.tree(), {}, tables); };
    const auto known = functions();
    if (!known || ast.text().size() > kStatementBytesMax || leaves_tables_alone(ast.tree())) return plain();
    auto session = PlanningSession::open(*database_, tables, cancel);
    if (!session) return plain();
    const auto original = (*session)->describe(ast.text());
    if (!original) return plain();  // its error is told when it runs
    std::size_t views = 0;
    for (const bool whole_nodes : {true, false}) {
        auto rewritten = ast;
        TreeRewriter rewriter(**session, *known, tables, whole_nodes, views);
        rewriter.walk(rewritten.tree()["statements"][0]["node"], {});
        if (rewriter.fragments.empty()) return plain();
        const auto statement = faithful_sql(*database_, rewritten.tree());
        if (!statement) continue;
        const auto described = (*session)->describe(*statement);
        if (!described || *described != *original) continue;
        return finished(*statement, rewritten.tree(), std::move(rewriter.fragments), tables);
    }
    return plain();
}

}  // namespace dl::master
