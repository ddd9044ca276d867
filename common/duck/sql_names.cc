#include "common/duck/sql_names.h"

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"
#include "common/types/schema.h"

namespace dl {

namespace {

bool is_name(const SqlToken& token) {
    return token.kind == SqlToken::Kind::word || token.kind == SqlToken::Kind::quoted_name;
}

// Differs from what DuckDB itself makes of it.
bool is_to_fold(std::string_view name) {
    return !is_ascii(name) && fold_name(name) != ascii_lowercase(name);
}

}  // namespace

bool has_names_to_fold(std::string_view sql) {
    if (is_ascii(sql)) return false;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (is_name(token) && is_to_fold(token.text)) return true;
    }
    return false;
}

std::string fold_names(std::string_view sql, const std::function<bool(const std::string&)>& is_known) {
    std::string out;
    out.reserve(sql.size());
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        const bool known = is_name(token) && is_to_fold(token.text) && is_known(fold_name(name_text(token)));
        if (known)
            out += fold_name(token.text);
        else
            out += token.text;
    }
    return out;
}

}  // namespace dl
