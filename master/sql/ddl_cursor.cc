#include "master/sql/ddl_cursor.h"

#include "common/base/ascii.h"
#include "common/base/nearest_name.h"
#include "common/base/quoted_value.h"

namespace dl::master {

Error DdlCursor::fail(std::string_view what, std::initializer_list<std::string_view> keywords) const {
    const auto& token = current();
    if (token.kind == Kind::bad) return make_error(ErrorCode::syntax_error, token.text);
    std::string text = "at position " + std::to_string(token.begin + 1);
    if (token.kind == Kind::end)
        text += ", the end of the statement";
    else
        text += " near '" +
                std::string(sql_.substr(token.begin, std::min<std::size_t>(token.end - token.begin, 40))) +
                "'";
    text += ": expected " + std::string(what);
    std::string list;
    for (const auto keyword : keywords)
        list += (list.empty() ? "" : ", ") + std::string(keyword);
    if (!list.empty()) text += what.empty() ? list : " (" + list + ")";
    if (token.kind == Kind::word)
        if (const auto near = nearest_name(token.lower, keywords); !near.empty() && near != token.lower)
            text += "; did you mean '" + near + "'?";
    return make_error(ErrorCode::syntax_error, std::move(text));
}

Result<std::string> DdlCursor::name(std::string_view what) {
    const auto& token = current();
    if (token.kind != Kind::word && token.kind != Kind::quoted_name) return fail(what);
    std::string text = token.text;
    advance();
    return text;
}

Result<std::string> DdlCursor::table_name(std::string_view what) {
    DL_TRY_ASSIGN(auto first, name(what));
    const auto behind = ahead(1).kind;
    if (!current().is_symbol('.') || (behind != Kind::word && behind != Kind::quoted_name)) return first;
    advance();
    if (ascii_lowercase(first) == "main") return name(what);
    return make_error(ErrorCode::not_supported, "there is no schema " + quoted_value(first) +
                                                    ": all tables are in one, main; write " + current().text +
                                                    " alone");
}

std::string_view DdlCursor::take_rest() {
    auto last = tokens_.size() - 1;  // the end
    while (last > at_ && tokens_[last - 1].is_symbol(';'))
        --last;
    const auto begin = current().begin;
    const auto end = last > at_ ? tokens_[last - 1].end : begin;
    at_ = tokens_.size() - 1;
    return sql_.substr(begin, end - begin);
}

}  // namespace dl::master
