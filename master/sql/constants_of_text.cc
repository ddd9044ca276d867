#include "master/sql/constants_of_text.h"

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"

namespace dl::master {
namespace {

constexpr char kNumber = '\1';
constexpr char kText = '\2';

// A text behind it is a value.
bool compares(const SqlToken& token) {
    if (token.kind == SqlToken::Kind::symbol)
        return token.text == "=" || token.text == "<" || token.text == ">";
    if (token.kind != SqlToken::Kind::word) return false;
    static constexpr std::array<std::string_view, 9> kWords = {
        "like", "ilike", "between", "and", "date", "time", "timestamp", "timestamptz", "interval"};
    return std::ranges::find(kWords, ascii_lowercase(token.text)) != kWords.end();
}

}  // namespace

std::string without_constants(std::string_view sql) {
    std::string text;
    if (sql.find(kNumber) != sql.npos || sql.find(kText) != sql.npos) return text;
    text.reserve(sql.size());
    bool compared = false;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::number)
            text += kNumber;
        else if (token.kind == SqlToken::Kind::literal && compared)
            text += kText;
        else
            text += token.text;
        if (token.kind != SqlToken::Kind::blank) compared = compares(token);
    }
    return text;
}

std::string_view without_end(std::string_view sql) {
    while (!sql.empty() && (sql.back() == ';' || static_cast<unsigned char>(sql.back()) <= ' '))
        sql.remove_suffix(1);
    return sql;
}

}  // namespace dl::master
