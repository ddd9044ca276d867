#include "master/sql/copies_statement_parser.h"

#include <charconv>
#include <limits>
#include <utility>

#include "common/base/limits.h"

namespace dl::master {
namespace {

constexpr std::uint32_t kCopiesMax = 5;  // rpc::kCopiesMax

}  // namespace

Result<std::uint32_t> CopiesStatementParser::number(std::uint32_t min, std::uint32_t max) {
    const auto range = "a number within " + std::to_string(min) + ".." + std::to_string(max);
    const auto& token = current();
    std::uint32_t value = 0;
    const char* end = token.text.data() + token.text.size();
    if (token.kind != Kind::number) return fail(range);
    const auto [stop, error] = std::from_chars(token.text.data(), end, value);
    if (error != std::errc() || stop != end || value < min || value > max) return fail(range);
    advance();
    return value;
}

Result<void> CopiesStatementParser::expect_in_sync_min() {
    DL_TRY(expect("in_sync"));
    DL_TRY(expect_symbol('.'));
    return expect("min");
}

Result<SqlStatement> CopiesStatementParser::set_copies(std::string table) {
    AlterCopiesStatement statement;
    statement.table = std::move(table);
    DL_TRY(expect("set"));
    DL_TRY(expect("copies"));
    DL_TRY(expect_symbol('='));
    DL_TRY_ASSIGN(statement.copies, number(1, kCopiesMax));
    return SqlStatement(std::move(statement));
}

Result<std::string> CopiesStatementParser::node_name() {
    if (current().kind == Kind::string) {
        auto text = current().text;
        advance();
        return text;
    }
    DL_TRY_ASSIGN(const auto id, number(1, std::numeric_limits<std::uint32_t>::max()));
    return std::to_string(id);
}

Result<SqlStatement> CopiesStatementParser::refill() {
    RefillCopyStatement statement;
    accept("of");
    DL_TRY(expect("table"));
    DL_TRY_ASSIGN(statement.table, name("a table name"));
    if (accept("partition")) {
        DL_TRY_ASSIGN(statement.partition, number(0, limits::partitions_max - 1));
    }
    if (accept("on")) {
        accept("node");
        DL_TRY_ASSIGN(statement.node, node_name());
    }
    return SqlStatement(std::move(statement));
}

Result<SqlStatement> CopiesStatementParser::accept_loss() {
    AcceptLossStatement statement;
    DL_TRY(expect("loss"));
    DL_TRY(expect("of"));
    DL_TRY(expect("table"));
    DL_TRY_ASSIGN(statement.table, name("a table name"));
    DL_TRY(expect("partition"));
    DL_TRY_ASSIGN(statement.partition, number(0, limits::partitions_max - 1));
    if (accept("without")) {
        DL_TRY(expect("node"));
        do {
            DL_TRY_ASSIGN(auto node, node_name());
            statement.without.push_back(std::move(node));
        } while (accept_symbol(','));
        statement.confirmed = accept("confirm");
    }
    return SqlStatement(std::move(statement));
}

Result<SqlStatement> CopiesStatementParser::copies_statement() {
    if (accept("cluster_status")) return SqlStatement(ClusterStatusStatement{});
    if (accept("refill")) return refill();
    ElectUncleanStatement statement;
    DL_TRY(expect("elect"));
    DL_TRY(expect("unclean"));
    accept("of");
    DL_TRY(expect("table"));
    DL_TRY_ASSIGN(statement.table, name("a table name"));
    DL_TRY(expect("partition"));
    DL_TRY_ASSIGN(statement.partition, number(0, limits::partitions_max - 1));
    DL_TRY(expect("node"));
    DL_TRY_ASSIGN(statement.node, node_name());
    statement.confirmed = accept("confirm");
    return SqlStatement(std::move(statement));
}

}  // namespace dl::master
