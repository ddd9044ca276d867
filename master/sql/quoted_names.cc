#include "master/sql/quoted_names.h"

#include "common/duck/sql_token.h"

namespace dl::master {

std::string with_double_quotes(std::string_view sql) {
    std::string out;
    out.reserve(sql.size());
    while (!sql.empty()) {
        const auto before = sql;
        const auto token = take_sql_token(sql);
        const auto end = token.text == "`" ? before.find('`', 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            out += token.text;
            continue;
        }
        out += '"';
        for (const char c : before.substr(1, end - 1))
            out += c == '"' ? std::string("\"\"") : std::string(1, c);
        out += '"';
        sql = before.substr(end + 1);
    }
    return out;
}

}  // namespace dl::master
