#include "common/duck/select_ast.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/duck/engine_message.h"
#include "common/duck/few_rows.h"
#include "common/duck/parquet_file.h"
#include "common/duck/sql_limits.h"
#include "common/duck/sql_token.h"
#include "common/types/value_text.h"

namespace dl {

namespace {

// The tree takes several times its text in memory.
constexpr std::size_t kTreeTextBytesMax = 32u << 20;

// The first value of the only row.
Result<std::string> single_value(DuckDatabase& database, const std::string& sql) {
    DL_TRY_ASSIGN(auto session, database.session());
    DL_TRY_ASSIGN(auto result, query_at_once(*session, sql));
    DL_TRY_ASSIGN(auto batch, result->next());
    if (!batch || batch->rows() != 1 || batch->columns()[0].is_null(0)) {
        return make_error(ErrorCode::internal, "DuckDB gave no text for a statement");
    }
    return std::string(batch->columns()[0].bytes(0));
}

// Takes `word` off the front, in any case.
bool take_word(std::string_view& text, std::string_view word) {
    if (text.size() < word.size()) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if ((text[i] | 0x20) != word[i]) return false;
    }
    if (text.size() > word.size()) {
        const auto next = static_cast<unsigned char>(text[word.size()]);
        if (next == '_' || next == '$' || next >= 0x80 || std::isalnum(next) != 0) return false;
    }
    text.remove_prefix(word.size());
    return true;
}

// A number written into the statement that no double can hold.
std::optional<Error> endless_number(std::string_view sql) {
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind != SqlToken::Kind::number || parse_float64(token.text).has_value()) continue;
        return make_error(ErrorCode::query_error,
                          "the number " + std::string(token.text.substr(0, limits::error_value_bytes_max)) +
                              " is beyond the largest double, about 1.8e308; write a smaller one, or "
                              "'inf'::DOUBLE");
    }
    return std::nullopt;
}

// Of what the tree has no form for. The form itself, the one of storage_compatibility_version in
// duck_database.cc, is none of the user's; what is in quotes is the user's own.
std::string without_form(std::string_view message) {
    constexpr std::string_view kBegin = "Cannot serialize ";
    if (message.starts_with(kBegin)) message.remove_prefix(kBegin.size());
    if (message.starts_with("a NEAREST")) return "NEAREST joins are not supported";
    if (message.starts_with("Side-effecting CTE"))
        return "only SELECT can be run as a query, also inside WITH";
    message = message.substr(0, message.rfind(" when targeting "));
    return "the statement has a clause or a type that queries do not support: " + std::string(message);
}

Error parse_error(const nlohmann::json& answer, const std::string& text) {
    const auto message = answer.value("error_message", std::string("the statement cannot be parsed"));
    const auto type = answer.value("error_type", std::string());
    if (type == "not implemented" || message.find("Only SELECT") != std::string::npos) {
        return make_error(ErrorCode::not_supported,
                          "only SELECT can be run as a query, not '" +
                              text.substr(0, std::min<std::size_t>(24, text.size())) +
                              "'; use the other statements for changes");
    }
    if (type == "serialization") return make_error(ErrorCode::not_supported, without_form(message));
    std::string where;
    if (answer.contains("position") && answer["position"].is_string()) {
        where = " (at byte " + answer["position"].get<std::string>() + ")";
    }
    return engine_error(ErrorCode::syntax_error, message + where);
}

}  // namespace

Result<SelectAst> SelectAst::parse(DuckDatabase& database, std::string_view sql) {
    DL_TRY(check_sql_text(sql));
    SelectAst ast;
    auto rest = skip_sql_blanks(sql);
    if (take_word(rest, "explain")) {
        ast.explain_ = true;
        rest = skip_sql_blanks(rest);
        if (auto after = rest; take_word(after, "analyze") || rest.starts_with('(')) {
            return make_error(ErrorCode::not_supported,
                              "EXPLAIN takes no options here; write EXPLAIN SELECT ...");
        }
    }
    while (!rest.empty() && (rest.back() == ';' || static_cast<unsigned char>(rest.back()) <= ' '))
        rest.remove_suffix(1);
    ast.text_ = std::string(rest);
    if (rest.empty()) return make_error(ErrorCode::syntax_error, "the statement is empty");

    DL_TRY_ASSIGN(const std::string json, database.select_tree(ast.text_));
    if (json.size() > kTreeTextBytesMax) {
        return make_error(ErrorCode::limit_exceeded, "the statement has too many parts; split it");
    }
    ast.tree_ = nlohmann::json::parse(json, nullptr, false);
    if (!ast.tree_.is_object()) {
        // The one thing in a tree that JSON has no form for.
        if (auto number = endless_number(ast.text_)) return *number;
        return make_error(
            ErrorCode::not_supported,
            "the statement has a literal that is none here: a whole number of more than 38 digits, or bits "
            "(b'1'); write it as a text and cast it");
    }
    if (ast.tree_.value("error", true)) return parse_error(ast.tree_, ast.text_);
    if (!ast.tree_.contains("statements") || ast.tree_["statements"].size() != 1) {
        return make_error(ErrorCode::not_supported, "one statement at a time; send them one after the other");
    }
    return ast;
}

namespace {

// Whether a list that was cut is, or is in, a column of a result: its text may be the name.
bool names_a_column(const nlohmann::json& tree, const ShortLists& lists, bool in_columns) {
    if (tree.is_string() || tree.is_number_integer()) {
        if (!in_columns) return false;
        const auto value = tree.is_string() ? "'" + tree.get<std::string>() + "'" : tree.dump();
        return std::ranges::any_of(lists.rests, [&](const auto& rest) { return rest.mark == value; });
    }
    if (tree.is_object()) {
        const auto items = tree.items();
        return std::any_of(items.begin(), items.end(), [&](const auto& item) {
            return names_a_column(item.value(), lists, in_columns || item.key() == "select_list");
        });
    }
    return tree.is_array() && std::ranges::any_of(tree, [&](const auto& element) {
               return names_a_column(element, lists, in_columns);
           });
}

}  // namespace

Result<SelectAst> SelectAst::parse_short(DuckDatabase& database, std::string_view sql) {
    auto lists = with_short_lists(sql);
    if (!lists) return parse(database, sql);
    DL_TRY(check_sql_text(sql));
    auto ast = parse(database, lists->text);
    // Errors quote the text and count its bytes.
    if (!ast || names_a_column(ast->tree_, *lists, false)) return parse(database, sql);
    lists->text = std::exchange(ast->text_, std::string());
    ast->text_ = lists->in_full(lists->text);
    ast->lists_ = std::move(lists);
    return ast;
}

Result<std::string> SelectAst::to_sql(DuckDatabase& database) const {
    return single_value(database, "SELECT json_deserialize_sql(" + sql_literal(tree_.dump()) + "::JSON)");
}

}  // namespace dl
