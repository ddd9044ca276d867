#include "slave/query/count_query.h"

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"

namespace dl::slave {
namespace {

constexpr std::size_t kTextBytesMax = 256;

struct Count {
    std::string table;                   // unquoted, in lower case
    std::string column{"count_star()"};  // as DuckDB names it
};

// What follows AS, as it would be shown. Not what is quoted or has letters beyond ASCII.
bool is_plain_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto lower = ascii_lowercase(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

// Of `SELECT count(*) [AS n] FROM t`, and of the count_star() that a master asks its slaves for.
std::optional<Count> count_of(std::string_view sql) {
    constexpr std::size_t kTokensMax = 9;
    if (sql.size() > kTextBytesMax) return std::nullopt;
    std::vector<SqlToken> tokens;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        if (tokens.size() == kTokensMax) return std::nullopt;
        tokens.push_back(token);
    }
    std::span<const SqlToken> left = tokens;
    const auto take = [&left](std::initializer_list<std::string_view> expected) {
        const auto same = [](const SqlToken& token, std::string_view text) {
            return ascii_lowercase(token.text) == text;
        };
        if (left.size() < expected.size() ||
            !std::equal(expected.begin(), expected.end(), left.begin(),
                        [&](std::string_view text, const SqlToken& token) { return same(token, text); }))
            return false;
        left = left.subspan(expected.size());
        return true;
    };
    Count count;
    if (!take({"select"}) || (!take({"count", "(", "*", ")"}) && !take({"count_star", "(", ")"})))
        return std::nullopt;
    if (take({"as"})) {
        if (left.empty() || left.front().kind != SqlToken::Kind::word || !is_plain_name(left.front().text))
            return std::nullopt;
        count.column = left.front().text;
        left = left.subspan(1);
    }
    if (!take({"from"}) || left.size() != 1 || left.front().kind != SqlToken::Kind::word) return std::nullopt;
    count.table = ascii_lowercase(left.front().text);
    return count;
}

}  // namespace

std::optional<std::uint64_t> rows_known(const PinnedTable& table) {
    if (table.keys) return std::nullopt;
    std::uint64_t rows = 0;
    for (const auto& [partition, view] : table.partitions) {
        const auto counted = view->count_rows();
        if (!counted) return std::nullopt;
        rows += *counted;
    }
    return rows;
}

Result<std::optional<PointAnswer>> answer_count(const std::string& sql,
                                                const std::map<std::string, TableId>& names,
                                                const QueryView& view) {
    const auto count = count_of(sql);
    if (!count) return std::optional<PointAnswer>();
    const auto id = names.find(count->table);
    if (id == names.end()) return std::optional<PointAnswer>();
    const auto pinned = view.tables.find(id->second);
    if (pinned == view.tables.end()) return std::optional<PointAnswer>();
    const auto rows = rows_known(pinned->second);
    if (!rows) return std::optional<PointAnswer>();

    constexpr DataType kLong{TypeKind::int64, 0, 0};
    PointAnswer answer;
    answer.columns.push_back({count->column, kLong});
    ColumnBatchBuilder builder({{FieldId{1}, kLong}});
    builder.append_fixed(0, static_cast<std::int64_t>(*rows));
    builder.finish_row(false);
    DL_TRY_ASSIGN(answer.rows,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    return std::optional<PointAnswer>(std::move(answer));
}

}  // namespace dl::slave
