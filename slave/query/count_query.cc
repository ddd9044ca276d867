#include "slave/query/count_query.h"

#include <array>
#include <string_view>

#include "common/base/ascii.h"
#include "common/duck/sql_token.h"

namespace dl::slave {
namespace {

constexpr std::size_t kTextBytesMax = 256;

// The table of `SELECT count(*) FROM t`, unquoted, in lower case.
std::optional<std::string> counted_table(std::string_view sql) {
    static constexpr std::array<std::string_view, 6> kBefore = {"select", "count", "(", "*", ")", "from"};
    if (sql.size() > kTextBytesMax) return std::nullopt;
    std::size_t taken = 0;
    std::string name;
    while (!sql.empty()) {
        const auto token = take_sql_token(sql);
        if (token.kind == SqlToken::Kind::blank) continue;
        if (taken > kBefore.size()) return std::nullopt;
        auto text = ascii_lowercase(token.text);
        if (taken == kBefore.size() ? token.kind != SqlToken::Kind::word : text != kBefore[taken])
            return std::nullopt;
        name = std::move(text);
        ++taken;
    }
    if (taken != kBefore.size() + 1) return std::nullopt;
    return name;
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
    const auto name = counted_table(sql);
    if (!name) return std::optional<PointAnswer>();
    const auto id = names.find(*name);
    if (id == names.end()) return std::optional<PointAnswer>();
    const auto pinned = view.tables.find(id->second);
    if (pinned == view.tables.end()) return std::optional<PointAnswer>();
    const auto rows = rows_known(pinned->second);
    if (!rows) return std::optional<PointAnswer>();

    constexpr DataType kLong{TypeKind::int64, 0, 0};
    PointAnswer answer;
    answer.columns.push_back({"count_star()", kLong});
    ColumnBatchBuilder builder({{FieldId{1}, kLong}});
    builder.append_fixed(0, static_cast<std::int64_t>(*rows));
    builder.finish_row(false);
    DL_TRY_ASSIGN(answer.rows,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    return std::optional<PointAnswer>(std::move(answer));
}

}  // namespace dl::slave
