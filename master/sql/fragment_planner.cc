#include "master/sql/fragment_planner.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/ascii.h"
#include "master/sql/named_columns.h"
#include "master/sql/planning_session.h"
#include "master/sql/tree_rewriter.h"

namespace dl::master {

namespace {

// Longer statements are lists of values; looking at them several times costs more than it saves.
constexpr std::size_t kStatementBytesMax = 256u << 10;

// Names that begin as those that fragments, their columns and what goes along get.
bool is_reserved(const Json& text) {
    return text.is_string() && ascii_lowercase(text.get_ref<const std::string&>().substr(0, 3)) == "dl_";
}

// What a constant holds, and not how it is called.
bool is_value(const Json& node) {
    return node.contains("is_null");
}

// Names that a view of another name would not answer to, or that would hide one, and clauses that are
// statements of their own.
bool leaves_tables_alone(const Json& tree) {
    return any_node(tree, [](const Json& node) {
        if (is_value(node)) return false;
        for (const auto& [key, value] : node.items()) {
            if (is_reserved(value)) return true;
            if (value.is_array() && std::any_of(value.begin(), value.end(), is_reserved)) return true;
        }
        const auto* names = member(node, "column_names");
        if (class_of(node) == "COLUMN_REF") return names == nullptr || names->size() > 2;
        // `column.function()`: which column it is, the engine finds out.
        if (const auto schema = text_of(node, "schema"); !schema.empty() && schema != "main") return true;
        return text_of(node, "type") == "PIVOT" || !text_of(node, "schema_name").empty();
    });
}

std::set<std::string> tables_read(const Json& tree) {
    std::set<std::string> names;
    any_node(tree, [&](const Json& node) {
        if (text_of(node, "type") == "BASE_TABLE") names.insert(ascii_lowercase(text_of(node, "table_name")));
        return false;
    });
    return names;
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

// With all values of long lists.
std::vector<Fragment> in_full(const SelectAst& ast, std::vector<Fragment> fragments) {
    if (&ast.short_text() == &ast.text()) return fragments;
    std::map<std::shared_ptr<const Broadcast>, std::shared_ptr<const Broadcast>> full;
    const auto complete = [&ast](Fragment& fragment) {
        fragment.from = ast.in_full(std::move(fragment.from));
        fragment.whole = ast.in_full(std::move(fragment.whole));
    };
    for (auto& fragment : fragments) {
        complete(fragment);
        for (auto& along : fragment.broadcasts) {
            auto& made = full[along];
            if (made == nullptr) {
                auto copy = std::make_shared<Broadcast>(*along);
                complete(copy->rows);
                made = std::move(copy);
            }
            along = made;
        }
    }
    return fragments;
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

FragmentPlan FragmentPlanner::plan(const SelectAst& ast, const QueryTables& tables, const TableRows& rows,
                                   const std::shared_ptr<QueryCancel>& cancel) {
    const auto plain = [&] { return finished(ast.text(), ast.tree(), {}, tables); };
    if (tables.empty()) return plain();  // nothing to leave to slaves
    const auto known = functions();
    if (!known || ast.short_text().size() > kStatementBytesMax || leaves_tables_alone(ast.tree()))
        return plain();
    auto session = PlanningSession::open(*database_, tables, cancel);
    if (!session) return plain();
    const auto original = (*session)->describe(ast.short_text());
    if (!original) return plain();  // its error is told when it runs
    std::vector<std::string> names;
    for (const auto& column : *original)
        names.push_back(column.name);
    std::size_t views = 0;
    for (const auto& options : {RewriteOptions{true, rows.empty() ? nullptr : &rows},
                                RewriteOptions{true, nullptr}, RewriteOptions{false, nullptr}}) {
        auto rewritten = ast;
        TreeRewriter rewriter(**session, *known, tables, options, views);
        rewriter.set_result_names(names);
        rewriter.walk(rewritten.tree()["statements"][0]["node"], {});
        if (rewriter.fragments.empty()) return plain();
        const auto statement = faithful_sql(*database_, rewritten.tree());
        if (!statement) continue;
        const auto described = (*session)->describe(*statement);
        if (!described || *described != *original) continue;
        return finished(ast.in_full(*statement), rewritten.tree(),
                        in_full(ast, std::move(rewriter.fragments)), tables);
    }
    return plain();
}

std::vector<std::shared_ptr<const Broadcast>> FragmentPlan::broadcasts() const {
    std::vector<std::shared_ptr<const Broadcast>> list;
    for (const auto& fragment : fragments)
        for (const auto& broadcast : fragment.broadcasts)
            if (std::find(list.begin(), list.end(), broadcast) == list.end()) list.push_back(broadcast);
    return list;
}

}  // namespace dl::master
