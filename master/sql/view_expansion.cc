#include "master/sql/view_expansion.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"
#include "common/duck/sql_token.h"
#include "common/types/schema.h"
#include "master/sql/cast_types.h"
#include "master/sql/query_ast.h"

namespace dl::master {
namespace {

using Names = std::set<std::string>;

std::string column_list(const View& view) {
    std::string list;
    for (const auto& column : view.columns)
        list += (list.empty() ? "(" : ", ") + sql_identifier(column);
    return list.empty() ? list : list + ')';
}

// Puts subqueries into a tree, from the outside in.
class Walker {
  public:
    Walker(DuckDatabase& database, const Views& views,
           const std::function<bool(const std::string&)>& has_table)
        : database_(database), views_(views), has_table_(has_table) {}

    // `ctes`: names that stand for a WITH entry here. `hidden`: those around the view this is the text of,
    // which mean nothing in it.
    Result<void> walk(Json& node, const Names& ctes, const Names& hidden) {
        if (node.is_array()) {
            for (auto& element : node)
                DL_TRY(walk(element, ctes, hidden));
            return {};
        }
        if (!node.is_object()) return {};
        if (text_of(node, "type") == "BASE_TABLE") return table(node, ctes, hidden);
        // Each WITH entry sees those before it, and the node sees them all.
        auto inner = ctes;
        if (const auto entries = node.find("cte_map"); entries != node.end() && entries->contains("map")) {
            for (auto& entry : (*entries)["map"]) {
                if (entry.contains("value")) DL_TRY(walk(entry["value"], inner, hidden));
                inner.insert(ascii_lowercase(text_of(entry, "key")));
            }
        }
        if (text_of(node, "type") == "RECURSIVE_CTE_NODE")
            inner.insert(ascii_lowercase(text_of(node, "cte_name")));
        for (auto&& [key, value] : node.items()) {
            if (key == "cte_map" || key == "cast_type" || key == "named_param_map") continue;
            if (key == "value" && text_of(node, "class") == "CONSTANT") continue;
            if (key == "select_list") {
                DL_TRY(select_list(value, inner, hidden));
            } else if (value.is_structured()) {
                DL_TRY(walk(value, inner, hidden));
            }
        }
        return {};
    }
    bool replaced() const { return references_ != 0; }

  private:
    // A column without a name is called as it is written, and what is written now would be the view's text.
    Result<void> select_list(Json& columns, const Names& ctes, const Names& hidden) {
        for (auto& column : columns) {
            const auto before = references_;
            DL_TRY(walk(column, ctes, hidden));
            if (references_ != before && text_of(column, "alias").empty()) column["alias"] = "subquery";
        }
        return {};
    }

    Result<void> table(Json& node, const Names& ctes, const Names& hidden) {
        const auto schema = ascii_lowercase(text_of(node, "schema_name"));
        const auto written = text_of(node, "table_name");
        if (!text_of(node, "catalog_name").empty() || (!schema.empty() && schema != "main")) return {};
        if (schema.empty() && ctes.contains(ascii_lowercase(written))) return {};
        const auto name = fold_name(written);
        const auto view = views_.find(name);
        if (view != views_.end()) return replace(node, view->second, ctes, hidden);
        if (path_.empty()) return {};
        if (!has_table_(name))
            return make_error(ErrorCode::table_not_found,
                              "view '" + path_.back() + "' reads table '" + name + "', which does not exist");
        if (schema.empty() && hidden.contains(ascii_lowercase(written))) node["schema_name"] = "main";
        return {};
    }

    Result<void> replace(Json& node, const View& view, const Names& ctes, const Names& hidden) {
        if (std::find(path_.begin(), path_.end(), view.name) != path_.end()) {
            std::string through;
            for (const auto& one : path_)
                through += "'" + one + "', ";
            return make_error(ErrorCode::invalid_request, "view '" + view.name +
                                                              "' would read itself, through " +
                                                              through.substr(0, through.size() - 2));
        }
        if (path_.size() >= kViewDepthMax)
            return make_error(ErrorCode::limit_exceeded, "views are more than " +
                                                             std::to_string(kViewDepthMax) +
                                                             " levels deep at view '" + view.name + "'");
        if (++references_ > kViewReferencesMax)
            return make_error(ErrorCode::limit_exceeded, "the statement and its views name views more than " +
                                                             std::to_string(kViewReferencesMax) + " times");
        if (node.contains("at_clause"))
            return make_error(ErrorCode::not_supported, "AT (...) behind a view is not supported");
        const auto sql = with_engine_types(view.sql).value_or(view.sql);
        // Alone first, so that it ends where its text does.
        const auto alone = SelectAst::parse(database_, sql);
        if (alone.has_error()) return alone.error().in("view '" + view.name + "'");
        auto body = "(" + sql + "\n)";
        if (!view.columns.empty())
            body = "(SELECT * FROM " + body + " AS " + sql_identifier(view.name) + column_list(view) + ")";
        auto parsed = SelectAst::parse(database_, "SELECT * FROM " + body + " AS q");
        if (parsed.has_error()) return std::move(parsed).error().in("view '" + view.name + "'");
        auto subquery = std::move(parsed->tree()["statements"][0]["node"]["from_table"]);
        auto around = hidden;
        around.insert(ctes.begin(), ctes.end());
        path_.push_back(view.name);
        DL_TRY(walk(subquery, {}, around));
        path_.pop_back();
        const auto alias = text_of(node, "alias");
        subquery["alias"] = alias.empty() ? view.name : alias;
        for (const char* kept : {"column_name_alias", "sample"})
            if (const auto* value = member(node, kept)) subquery[kept] = *value;
        node = std::move(subquery);
        return {};
    }

    DuckDatabase& database_;
    const Views& views_;
    const std::function<bool(const std::string&)>& has_table_;
    std::vector<std::string> path_;  // views whose text this is
    std::size_t references_ = 0;
};

bool may_name_view(std::string_view sql, const Views& views) {
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        const bool is_name = token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_name;
        if (is_name && views.contains(fold_name(name_text(token)))) return true;
    }
    return false;
}

}  // namespace

Result<Views> views_of(const SystemTables& tables) {
    DL_TRY_ASSIGN(const auto listed, tables.read("system", "views"));
    const auto damaged = [] {
        return make_error(ErrorCode::corrupt_data, "system.views is no list of views");
    };
    const auto rows = Json::parse(listed.rows, nullptr, false);
    if (!rows.is_array()) return damaged();
    Views views;
    for (const auto& row : rows) {
        View view{text_of(row, "name"), {}, text_of(row, "sql")};
        const auto columns = Json::parse(text_of(row, "columns"), nullptr, false);
        if (view.name.empty() || !columns.is_array()) return damaged();
        for (const auto& column : columns) {
            if (!column.is_string()) return damaged();
            view.columns.push_back(column.get<std::string>());
        }
        auto name = view.name;
        views.emplace(std::move(name), std::move(view));
    }
    return views;
}

Result<std::optional<std::string>> with_views(DuckDatabase& database, std::string_view sql,
                                              const Views& views,
                                              const std::function<bool(const std::string&)>& has_table) {
    if (!may_name_view(sql, views)) return std::optional<std::string>();
    DL_TRY_ASSIGN(auto ast, SelectAst::parse(database, sql));
    Walker walker(database, views, has_table);
    DL_TRY(walker.walk(ast.tree(), {}, {}));
    if (!walker.replaced()) return std::optional<std::string>();
    DL_TRY_ASSIGN(auto text, faithful_sql(database, ast.tree()));
    return std::optional<std::string>(ast.explain() ? "EXPLAIN " + text : text);
}

std::string create_statement(const View& view) {
    return "create view " + sql_identifier(view.name) + column_list(view) + " as\n" + view.sql;
}

}  // namespace dl::master
