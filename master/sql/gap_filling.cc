#include "master/sql/gap_filling.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/parquet_file.h"
#include "common/duck/select_ast.h"
#include "master/sql/sql_functions.h"

namespace dl::master {
namespace {

constexpr std::string_view kBucketFunction = "time_bucket_gapfill";
// Of the statement it becomes: the grouped rows, the buckets and the groups.
constexpr const char* kRows = "dl_gapfill_rows";
constexpr const char* kBuckets = "dl_gapfill_buckets";
constexpr const char* kGroups = "dl_gapfill_groups";
constexpr const char* kBucket = "dl_bucket";
constexpr const char* kIsThere = "dl_there";

constexpr std::string_view kExample =
    "select time_bucket_gapfill('1 hour', ts) as hour, device, locf(avg(v)) from t where ts >= timestamp "
    "'2024-01-01' and ts < timestamp '2024-01-02' group by hour, device order by hour";

Error refused(const std::string& what) {
    return make_error(ErrorCode::not_supported,
                      "time_bucket_gapfill(): " + what + ", as in: " + std::string(kExample));
}

std::string function_of(const Json& expression) {
    return class_of(expression) == "FUNCTION" ? ascii_lowercase(text_of(expression, "function_name"))
                                              : std::string();
}

bool is_subquery(const Json& node) {
    return class_of(node) == "SUBQUERY";
}

// Like any_node(), of this node alone.
bool any_here(const Json& tree, const std::function<bool(const Json&)>& found) {
    if (tree.is_object() && (is_subquery(tree) || is_select_node(tree))) return false;
    if (tree.is_object() && found(tree)) return true;
    if (!tree.is_structured()) return false;
    return std::any_of(tree.begin(), tree.end(),
                       [&](const Json& child) { return child.is_structured() && any_here(child, found); });
}

constexpr std::array kParts = {"select_list", "group_expressions", "modifiers", "having", "qualify"};

bool is_one_of_ours(const Json& node) {
    const auto name = function_of(node);
    return name == kBucketFunction || name == "locf" || name == "interpolate";
}

std::string group_name(std::size_t index) {
    return "dl_group_" + std::to_string(index);
}

// A tree in a Result, which takes no bare one: a Json can be made of an error too.
struct Node {
    Json json;
};

class GapFiller {
  public:
    GapFiller(DuckDatabase& database, const SqlFunctions& functions, const Json& node)
        : database_(database), functions_(functions), node_(node) {}

    Result<Node> run() {
        DL_TRY(find_bucket());
        DL_TRY(find_groups());
        DL_TRY(find_range());
        auto columns = Json::array();
        for (const auto& column : node_["select_list"]) {
            DL_TRY_ASSIGN(auto changed, select_item(column));
            columns.push_back(std::move(changed.json));
        }
        Json modifiers = member(node_, "modifiers") != nullptr ? node_["modifiers"] : Json::array();
        for (auto& modifier : modifiers) {
            if (text_of(modifier, "type") != "ORDER_MODIFIER" || !modifier.contains("orders")) continue;
            for (auto& order : modifier["orders"]) {
                if (is_output_name(order["expression"]) || integer_constant(order["expression"])) continue;
                DL_TRY_ASSIGN(auto changed, above(order["expression"]));
                order["expression"] = std::move(changed.json);
            }
        }
        Json qualify;
        if (const auto* condition = member(node_, "qualify");
            condition != nullptr && condition->is_object()) {
            DL_TRY_ASSIGN(auto changed, above(*condition));
            qualify = std::move(changed.json);
        }
        DL_TRY_ASSIGN(auto skeleton, empty_node());
        auto& made = skeleton.json;
        made["select_list"] = std::move(columns);
        if (!modifiers.empty()) made["modifiers"] = std::move(modifiers);
        if (qualify.is_object()) made["qualify"] = std::move(qualify);
        DL_TRY_ASSIGN(auto grouped, rows_node());
        auto& entries = made["cte_map"]["map"];
        entries[0]["value"]["query"]["node"] = std::move(grouped.json);
        // What the statement's own WITH names, the grouped rows may read.
        if (const auto* own = member(node_, "cte_map"); own != nullptr && own->contains("map")) {
            auto all = (*own)["map"];
            for (auto& entry : entries)
                all.push_back(std::move(entry));
            entries = std::move(all);
        }
        return skeleton;
    }

  private:
    // --- what is asked for ---

    Result<void> find_bucket() {
        std::vector<Json> calls;
        for (const char* part : kParts)
            if (const auto* tree = member(node_, part); tree != nullptr) collect(*tree, calls);
        if (calls.empty())
            return refused("locf() and interpolate() fill the buckets that it makes; group by it");
        bucket_ = stripped(calls.front());
        for (const auto& call : calls)
            if (stripped(call) != bucket_)
                return refused("one SELECT makes buckets of one kind; write it alike everywhere");
        const auto& arguments = calls.front()["children"];
        std::vector<Json> positional;
        for (const auto& argument : arguments) {
            const auto name = ascii_lowercase(text_of(argument, "alias"));
            if (name == "start" || name == "finish")
                (name == "start" ? start_ : finish_) = argument;
            else if (name == "timezone")
                return refused("times are in UTC; leave the time zone out");
            else
                positional.push_back(argument);
        }
        if (positional.size() < 2 || positional.size() > 5)
            return refused("it takes a width and a time, and may take start and finish");
        if (positional.size() == 5 || (positional.size() == 3 && is_zone(positional[2])))
            return refused("times are in UTC; leave the time zone out");
        width_ = positional[0];
        time_ = positional[1];
        if (positional.size() > 2) start_ = positional[2];
        if (positional.size() > 3) finish_ = positional[3];
        for (auto* bound : {&start_, &finish_}) {
            if (!*bound) continue;
            (*bound)->erase("alias");
            if (is_null(**bound)) bound->reset();
        }
        return {};
    }

    void collect(const Json& tree, std::vector<Json>& calls) {
        if (tree.is_object() && (is_subquery(tree) || is_select_node(tree))) return;
        if (tree.is_object() && function_of(tree) == kBucketFunction) {
            calls.push_back(tree);
            return;
        }
        if (!tree.is_structured()) return;
        for (const auto& child : tree)
            if (child.is_structured()) collect(child, calls);
    }

    static bool is_null(const Json& expression) {
        const auto* value = class_of(expression) == "CONSTANT" ? member(expression, "value") : nullptr;
        return value != nullptr && value->value("is_null", false);
    }
    static bool is_zone(const Json& expression) {
        const auto* value = class_of(expression) == "CONSTANT" ? member(expression, "value") : nullptr;
        const auto text = value == nullptr ? std::string() : text_of(*value, "value");
        return !text.empty() && (text[0] < '0' || text[0] > '9');
    }

    bool is_bucket(const Json& expression) const { return stripped(expression) == bucket_; }
    bool aggregates(const Json& expression) const {
        return any_here(expression, [this](const Json& node) {
            const auto name = function_of(node);
            return functions_.aggregates.contains(name) || name == "locf" || name == "interpolate" ||
                   ((name == "first" || name == "last") && node["children"].size() == 2);
        });
    }

    Result<void> find_groups() {
        const auto& columns = node_["select_list"];
        std::vector<Json> written;
        if (text_of(node_, "aggregate_handling") == "FORCE_AGGREGATES") {
            for (const auto& column : columns)
                if (!aggregates(column) && class_of(column) != "CONSTANT") written.push_back(column);
        } else if (const auto* groups = member(node_, "group_expressions"); groups != nullptr) {
            written.assign(groups->begin(), groups->end());
        }
        if (const auto* sets = member(node_, "group_sets"); sets != nullptr && sets->size() > 1)
            return refused("ROLLUP, CUBE and GROUPING SETS do not go with it; group by the columns alone");
        bool has_bucket = false;
        for (auto& group : written) {
            if (const auto at = integer_constant(group);
                at && *at >= 1 && *at <= static_cast<std::int64_t>(columns.size()))
                group = columns[static_cast<std::size_t>(*at - 1)];
            else if (const auto* named = output_of(group))
                group = *named;
            if (is_bucket(group))
                has_bucket = true;
            else
                groups_.push_back(group);
        }
        if (!has_bucket) return refused("it has to be one of the expressions in GROUP BY");
        for (const auto& group : groups_)
            if (any_here(group, is_one_of_ours)) return refused("it stands alone in GROUP BY");
        return {};
    }

    // The column of the result that a bare name means by its AS.
    const Json* output_of(const Json& expression) const {
        if (class_of(expression) != "COLUMN_REF" || expression["column_names"].size() != 1) return nullptr;
        const auto name = ascii_lowercase(expression["column_names"][0].get<std::string>());
        for (const auto& column : node_["select_list"])
            if (ascii_lowercase(text_of(column, "alias")) == name) return &column;
        return nullptr;
    }
    bool is_output_name(const Json& expression) const { return output_of(expression) != nullptr; }

    // --- the range ---

    Result<void> find_range() {
        std::vector<Json> conditions;
        if (const auto* where = member(node_, "where_clause"); where != nullptr && where->is_object())
            split_conjuncts(*where, conditions);
        for (const auto& condition : conditions)
            DL_TRY(take_bounds(condition));
        if (start_ && finish_) return {};
        return refused(std::string("it needs to know where its buckets ") +
                       (start_    ? "end"
                        : finish_ ? "begin"
                                  : "begin and end") +
                       ": bound the time in WHERE by values that no row decides, or give start and finish");
    }

    Result<void> take_bounds(const Json& condition) {
        const auto type = text_of(condition, "type");
        if (type == "COMPARE_BETWEEN" && is_time(condition["input"])) {
            DL_TRY(bound(condition["lower"], true, 0));
            return bound(condition["upper"], false, 1);
        }
        if (class_of(condition) != "COMPARISON") return {};
        const auto& left = condition["left"];
        const auto& right = condition["right"];
        const bool turned = is_time(right);
        if (!turned && !is_time(left)) return {};
        const auto& value = turned ? left : right;
        if (type == "COMPARE_EQUAL") {
            DL_TRY(bound(value, true, 0));
            return bound(value, false, 1);
        }
        const bool greater = type == "COMPARE_GREATERTHANOREQUALTO" || type == "COMPARE_GREATERTHAN";
        const bool less = type == "COMPARE_LESSTHANOREQUALTO" || type == "COMPARE_LESSTHAN";
        if (!greater && !less) return {};
        const bool is_strict = type == "COMPARE_GREATERTHAN" || type == "COMPARE_LESSTHAN";
        const bool is_lower = greater != turned;
        return bound(value, is_lower, is_lower == is_strict ? 1 : 0);
    }

    bool is_time(const Json& expression) const {
        const auto is = [&](const Json& one) { return stripped(one) == stripped(time_); };
        // Also a column without its table's name, or with it.
        const auto last = [](const Json& one) {
            return class_of(one) == "COLUMN_REF"
                       ? ascii_lowercase(one["column_names"].back().get<std::string>())
                       : std::string();
        };
        return is(expression) || (!last(time_).empty() && last(time_) == last(expression));
    }

    // A bound that is given with the function, or came first, stays.
    Result<void> bound(const Json& value, bool is_lower, int microseconds_more) {
        auto& target = is_lower ? start_ : finish_;
        if (target) return {};
        const bool depends = any_node(value, [](const Json& node) {
            return class_of(node) == "COLUMN_REF" || class_of(node) == "SUBQUERY";
        });
        if (depends) return {};
        if (microseconds_more == 0) {
            target = value;
            return {};
        }
        DL_TRY_ASSIGN(auto made,
                      filled("CAST(dl_argument_0 AS TIMESTAMP) + INTERVAL '1 microsecond'", {value}));
        target = std::move(made.json);
        return {};
    }

    // --- expressions over the filled rows ---

    Result<Node> select_item(const Json& column) {
        if (class_of(column) == "STAR") return refused("the columns have to be named, there is no *");
        auto alias = text_of(column, "alias");
        if (alias.empty() && class_of(column) == "COLUMN_REF")
            alias = column["column_names"].back().get<std::string>();
        if (alias.empty()) {
            DL_TRY_ASSIGN(alias, text_of_expression(column));
        }
        DL_TRY_ASSIGN(auto changed, above(column));
        changed.json["alias"] = std::move(alias);
        return changed;
    }

    // The expression over buckets, groups and grouped rows.
    Result<Node> above(const Json& expression) {
        if (is_bucket(expression)) return Node{column_ref({kBuckets, kBucket})};
        for (std::size_t i = 0; i < groups_.size(); ++i)
            if (stripped(expression) == stripped(groups_[i]))
                return Node{column_ref({kGroups, group_name(i)})};
        const auto name = function_of(expression);
        if (name == "locf") return carried(expression);
        if (name == "interpolate") return interpolated(expression);
        if (aggregates(expression) && is_aggregate_call(name, expression))
            return Node{column_ref({kRows, aggregate(expression)})};
        if (class_of(expression) == "COLUMN_REF")
            return refused("column '" + expression["column_names"].back().get<std::string>() +
                           "' is neither in GROUP BY nor in an aggregate");
        auto changed = expression;
        if (is_subquery(changed)) return Node{std::move(changed)};
        for (auto& child : changed)
            if (child.is_structured()) DL_TRY(within(child));
        return Node{std::move(changed)};
    }
    Result<void> within(Json& tree) {
        if (tree.is_object() && !class_of(tree).empty()) {
            auto alias = text_of(tree, "alias");
            DL_TRY_ASSIGN(auto changed, above(tree));
            tree = std::move(changed.json);
            if (!alias.empty()) tree["alias"] = std::move(alias);
            return {};
        }
        for (auto& child : tree)
            if (child.is_structured()) DL_TRY(within(child));
        return {};
    }

    bool is_aggregate_call(const std::string& name, const Json& expression) const {
        return functions_.aggregates.contains(name) ||
               ((name == "first" || name == "last") && expression["children"].size() == 2);
    }

    // Its column of the grouped rows.
    std::string aggregate(const Json& call) {
        auto key = stripped(call);
        const auto known = std::find(aggregates_.begin(), aggregates_.end(), key);
        const auto index = static_cast<std::size_t>(known - aggregates_.begin());
        if (known == aggregates_.end()) aggregates_.push_back(std::move(key));
        return "dl_aggregate_" + std::to_string(index);
    }

    // Over the buckets of a group in their order.
    std::string window(bool before) const {
        std::string groups;
        for (std::size_t i = 0; i < groups_.size(); ++i)
            groups += (i == 0 ? "PARTITION BY " : ", ") + std::string(kGroups) + "." + group_name(i);
        return " OVER (" + groups + " ORDER BY " + kBuckets + "." + kBucket + " ROWS BETWEEN " +
               (before ? "UNBOUNDED PRECEDING AND CURRENT ROW)" : "CURRENT ROW AND UNBOUNDED FOLLOWING)");
    }
    static std::string there() { return std::string(kRows) + "." + kIsThere; }

    Result<Node> carried(const Json& call) {
        Json value, before, null_is_missing;
        for (const auto& argument : call["children"]) {
            const auto name = ascii_lowercase(text_of(argument, "alias"));
            auto& target = name == "prev"                    ? before
                           : name == "treat_null_as_missing" ? null_is_missing
                           : value.is_null()                 ? value
                           : before.is_null()                ? before
                                                             : null_is_missing;
            if (!target.is_null()) return refused("locf() takes a value, prev and treat_null_as_missing");
            target = argument;
            target.erase("alias");
        }
        if (value.is_null()) return refused("locf() takes a value");
        DL_TRY_ASSIGN(auto of_rows, above(value));
        value = std::move(of_rows.json);
        bool skips_null = false;
        if (!null_is_missing.is_null()) {
            DL_TRY_ASSIGN(const auto text, text_of_expression(null_is_missing));
            const auto lower = ascii_lowercase(text);
            skips_null = lower.find("true") != std::string::npos || lower.find("'t'") != std::string::npos;
        }
        // Packed, a NULL that rows gave is told from a bucket without rows.
        const auto packed = "last_value(CASE WHEN " + there() +
                            " THEN struct_pack(v := dl_argument_0) END IGNORE NULLS)" + window(true);
        const std::string last = skips_null ? "last_value(dl_argument_0 IGNORE NULLS)" + window(true)
                                            : "struct_extract(" + packed + ", 'v')";
        if (before.is_null() || is_null(before)) return filled(last, {value});
        DL_TRY_ASSIGN(const auto first, above(before));
        const auto without = skips_null ? last : packed;
        return filled("CASE WHEN " + without + " IS NULL THEN dl_argument_1 ELSE " + last + " END",
                      {value, first.json});
    }

    Result<Node> interpolated(const Json& call) {
        if (call["children"].size() != 1)
            return refused("interpolate() takes a value; what lies outside of the range it does not look up");
        DL_TRY_ASSIGN(const auto value, above(call["children"][0]));
        const auto bucket = std::string(kBuckets) + "." + kBucket;
        const auto time_of = "CASE WHEN dl_argument_0 IS NOT NULL THEN epoch_us(" + bucket + ") END";
        const auto before = [&](const std::string& what) {
            return "last_value(" + what + " IGNORE NULLS)" + window(true);
        };
        const auto after = [&](const std::string& what) {
            return "first_value(" + what + " IGNORE NULLS)" + window(false);
        };
        const std::string number = "CAST(dl_argument_0 AS DOUBLE)";
        return filled("CASE WHEN " + there() + " THEN " + number + " ELSE " + before(number) + " + (" +
                          after(number) + " - " + before(number) + ") * (epoch_us(" + bucket + ") - " +
                          before(time_of) + ") / (" + after(time_of) + " - " + before(time_of) + ") END",
                      {value.json});
    }

    // --- the statement ---

    Result<Node> empty_node() {
        std::string from =
            std::string("(SELECT b AS ") + kBucket +
            " FROM generate_series(dl_first_bucket, dl_last_bucket, dl_width) AS s(b) UNION SELECT " +
            kBucket + " FROM " + kRows + ") AS " + kBuckets;
        std::string on =
            std::string(kRows) + "." + kBucket + " IS NOT DISTINCT FROM " + kBuckets + "." + kBucket;
        std::string names;
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            names += (i == 0 ? "" : ", ") + group_name(i);
            on += " AND " + std::string(kRows) + "." + group_name(i) + " IS NOT DISTINCT FROM " + kGroups +
                  "." + group_name(i);
        }
        if (!groups_.empty())
            from += " CROSS JOIN (SELECT DISTINCT " + names + " FROM " + kRows + ") AS " + kGroups;
        DL_TRY_ASSIGN(const auto first, text_of_expression(*start_));
        DL_TRY_ASSIGN(const auto finish, text_of_expression(*finish_));
        DL_TRY_ASSIGN(const auto width, text_of_expression(width_));
        const auto step = "CAST(" + width + " AS INTERVAL)";
        const auto replace = [&](const std::string& name, const std::string& by) {
            from.replace(from.find(name), name.size(), by);
        };
        replace("dl_first_bucket", "time_bucket(" + step + ", CAST(" + first + " AS TIMESTAMP))");
        replace("dl_last_bucket", "CAST(" + finish + " AS TIMESTAMP) - INTERVAL '1 microsecond'");
        replace("dl_width", step);
        return node_of(std::string("WITH ") + kRows + " AS (SELECT 1 AS one) SELECT 1 FROM " + from +
                       " LEFT JOIN " + kRows + " ON (" + on + ")");
    }

    // The SELECT as it was, of its groups and aggregates.
    Result<Node> rows_node() {
        auto rows = node_;
        rows["cte_map"] = Json::object();
        for (const char* part : {"modifiers", "qualify"})
            rows.erase(part);
        rows["aggregate_handling"] = "STANDARD_HANDLING";
        DL_TRY_ASSIGN(auto bucket,
                      filled("time_bucket(CAST(dl_argument_0 AS INTERVAL), CAST(dl_argument_1 AS TIMESTAMP))",
                             {width_, time_}));
        auto groups = Json::array({bucket.json});
        auto columns = Json::array({bucket.json});
        columns.back()["alias"] = kBucket;
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            auto group = groups_[i];
            group.erase("alias");
            groups.push_back(group);
            columns.push_back(std::move(group));
            columns.back()["alias"] = group_name(i);
        }
        for (std::size_t i = 0; i < aggregates_.size(); ++i) {
            columns.push_back(aggregates_[i]);
            columns.back()["alias"] = "dl_aggregate_" + std::to_string(i);
        }
        DL_TRY_ASSIGN(auto there, filled("true", {}));
        there.json["alias"] = kIsThere;
        columns.push_back(std::move(there.json));
        auto set = Json::array();
        for (std::size_t i = 0; i < groups.size(); ++i)
            set.push_back(i);
        rows["select_list"] = std::move(columns);
        rows["group_expressions"] = std::move(groups);
        rows["group_sets"] = Json::array({std::move(set)});
        return Node{std::move(rows)};
    }

    Result<Node> node_of(const std::string& sql) {
        DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database_, sql));
        return Node{std::move(parsed.tree()["statements"][0]["node"])};
    }

    // The expression with these in the places of dl_argument_0, ...
    Result<Node> filled(const std::string& expression, const std::vector<Json>& arguments) {
        DL_TRY_ASSIGN(auto node, node_of("SELECT " + expression));
        Node made{std::move(node.json["select_list"][0])};
        put(made.json, arguments);
        return made;
    }
    static void put(Json& node, const std::vector<Json>& arguments) {
        if (class_of(node) == "COLUMN_REF" && node["column_names"].size() == 1) {
            const auto name = node["column_names"][0].get<std::string>();
            constexpr std::string_view kArgument = "dl_argument_";
            if (name.starts_with(kArgument)) {
                auto alias = text_of(node, "alias");
                node = arguments[static_cast<std::size_t>(name[kArgument.size()] - '0')];
                node.erase("alias");
                if (!alias.empty()) node["alias"] = std::move(alias);
                return;
            }
        }
        for (auto& child : node)
            if (child.is_structured()) put(child, arguments);
    }

    Result<std::string> text_of_expression(const Json& expression) {
        DL_TRY_ASSIGN(auto parsed, SelectAst::parse(database_, "SELECT 1"));
        auto bare = expression;
        bare.erase("alias");
        parsed.tree()["statements"][0]["node"]["select_list"] = Json::array({std::move(bare)});
        DL_TRY_ASSIGN(auto text, parsed.to_sql(database_));
        constexpr std::string_view kSelect = "SELECT ";
        return text.starts_with(kSelect) ? text.substr(kSelect.size()) : text;
    }

    DuckDatabase& database_;
    const SqlFunctions& functions_;
    const Json& node_;
    Json bucket_;  // the call, stripped
    Json width_, time_;
    std::optional<Json> start_, finish_;
    std::vector<Json> groups_;      // but for the bucket
    std::vector<Json> aggregates_;  // stripped
};

}  // namespace

bool fills_gaps(const Json& select_node) {
    return is_select_node(select_node) && std::any_of(kParts.begin(), kParts.end(), [&](const char* part) {
               const auto* tree = member(select_node, part);
               return tree != nullptr && any_here(*tree, is_one_of_ours);
           });
}

Result<void> fill_gaps(DuckDatabase& database, Json& select_node) {
    DL_TRY_ASSIGN(const auto functions, SqlFunctions::load(database));
    DL_TRY_ASSIGN(auto filled, GapFiller(database, functions, select_node).run());
    select_node = std::move(filled.json);
    return {};
}

}  // namespace dl::master
