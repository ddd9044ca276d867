// sql: parses the text and passes it to the handler of what it says.
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/handlers/handlers.h"
#include "master/sql/ddl_parser.h"

namespace dl::master {
namespace {

constexpr std::size_t kParseHereBytesMax = 16u << 10;

template <class... Fns>
struct Overloaded : Fns... {
    using Fns::operator()...;
};

// Not a coroutine: it only picks one.
HandlerResult dispatch(Services& services, Statement& statement, ClientReply& reply, SqlStatement parsed) {
    auto pick = Overloaded{
        [&](CreateTableStatement& sql) { return create_table(services, statement, reply, std::move(sql)); },
        [&](DropTableStatement& sql) { return drop_table(services, statement, reply, std::move(sql)); },
        [&](AlterAddStatement& sql) { return alter_table_add(services, statement, reply, std::move(sql)); },
        [&](AlterDropStatement& sql) { return alter_table_drop(services, statement, reply, std::move(sql)); },
        [&](DescStatement& sql) { return desc_table(services, statement, reply, std::move(sql)); },
        [&](ShowTablesStatement&) { return show_tables(services, statement, reply); },
        [&](MaxOffsetStatement& sql) { return max_offset(services, statement, reply, std::move(sql)); },
        [&](CompressStatement& sql) {
            return compress_table(services, statement, reply, std::move(sql.table));
        },
        [&](CheckStatement& sql) {
            const bool repair = sql.repair || statement.options().repair;
            return check_table(services, statement, reply, std::move(sql.table), repair);
        },
        [&](SelectStatement& sql) { return run_select(services, statement, reply, std::move(sql.sql)); },
        [&](InsertStatement& sql) { return insert_rows(services, statement, reply, std::move(sql)); },
        [&](DeleteStatement& sql) { return delete_rows(services, statement, reply, std::move(sql)); },
    };
    return std::visit(pick, parsed);
}

}  // namespace

HandlerResult handle_sql(Services& services, Statement& statement, ClientReply& reply) {
    const auto& text = statement.request.text();
    Result<SqlStatement> parsed = SqlStatement(ShowTablesStatement{});
    if (text.size() <= kParseHereBytesMax) {
        parsed = parse_sql_statement(text);
    } else {
        auto work = [&text] { return guarded([&] { return parse_sql_statement(text); }); };
        parsed = co_await run_on(services.work_pool, work);
    }
    if (parsed.has_error()) co_return std::move(parsed).error();
    co_return co_await dispatch(services, statement, reply, std::move(*parsed));
}

}  // namespace dl::master
