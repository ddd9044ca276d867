#include "master/execution/sql_command.h"

#include <memory>
#include <utility>

#include "master/execution/sql_rows.h"
#include "master/sql/ddl_parser.h"

namespace dl::master {
namespace {

template <class... Fns>
struct Overloaded : Fns... {
    using Fns::operator()...;
};

ColumnDefinition definition_of(DdlColumn column) {
    return {std::move(column.name), std::move(column.type), column.not_null, std::move(column.default_text)};
}

CreateTable create_table(CreateTableStatement sql) {
    CreateTable create;
    create.if_not_exists = sql.if_not_exists;
    create.or_replace = sql.or_replace;
    create.definition.name = std::move(sql.table);
    create.definition.partitions = sql.partitions;
    create.definition.copies = sql.extra_copies + 1;
    create.definition.min_in_sync = sql.min_in_sync;
    create.definition.history = sql.history;
    for (auto& column : sql.columns) {
        if (column.primary_key) create.definition.major_key = column.name;
        create.definition.columns.push_back(definition_of(std::move(column)));
    }
    return create;
}

TableDefinition definition_of(CreateTableAsStatement& sql) {
    TableDefinition definition;
    definition.name = std::move(sql.table.table);
    definition.major_key = std::move(sql.key);
    definition.partitions = sql.table.partitions;
    definition.copies = sql.table.extra_copies + 1;
    definition.min_in_sync = sql.table.min_in_sync;
    definition.history = sql.table.history;
    return definition;
}

template <class... Statements>
bool is_one_of(const SqlStatement& statement) {
    return (std::holds_alternative<Statements>(statement) || ...);
}

Error no_use(std::string message) {
    return make_error(ErrorCode::invalid_request, "options." + std::move(message));
}

// What means nothing beside the statement is not passed over in silence.
Result<void> check_options(const SqlStatement& statement, const SqlOptions& options) {
    const bool reads = is_one_of<SelectStatement, ExplainAnalyzeStatement>(statement);
    const bool selects = is_one_of<InsertSelectStatement, CreateTableAsStatement>(statement);
    const bool takes_params =
        reads || is_one_of<InsertStatement, InsertSelectStatement, DeleteStatement>(statement);
    if (!options.params.empty() && !takes_params)
        return no_use("params is for SELECT, INSERT and DELETE; this statement has no parameters");
    if (selects && options.batch_id)
        return no_use(
            "batch_id is for rows that are sent with the statement; these are read from tables and would be "
            "others at the next try");
    if (options.batch_id && !is_one_of<InsertStatement, DeleteStatement>(statement))
        return no_use("batch_id is for inserts and deletes; leave it out here");
    const bool has_cut = !options.cut.min_offsets.empty() || options.cut.as_of;
    if (has_cut && !reads && !selects)
        return no_use(
            "min_offsets and as_of are for SELECT, also that of INSERT and CREATE TABLE AS; leave "
            "them out here");
    if (options.any_copy && !reads)
        return no_use("read is for SELECT and stream_read; other statements read from those that lead");
    if (options.repair && !is_one_of<CheckStatement>(statement))
        return no_use("repair is for check table; leave it out here");
    return {};
}

}  // namespace

Result<Command::Body> command_of_sql(std::string_view sql, SqlOptions options) {
    using Body = Command::Body;
    DL_TRY_ASSIGN(auto parsed, parse_sql_statement(sql));
    DL_TRY(check_options(parsed, options));
    if (options.describe) return Body(DescribeStatement{std::move(parsed), std::move(options.params)});
    auto pick = Overloaded{
        [](CreateTableStatement& said) { return Body(create_table(std::move(said))); },
        [&](CreateTableAsStatement& said) {
            Query rows{std::move(said.sql), std::move(options.cut)};
            const bool if_not_exists = said.table.if_not_exists;
            return Body(CreateTableAs{definition_of(said), if_not_exists, std::move(rows)});
        },
        [](DropTableStatement& said) {
            return Body(DropTable{std::move(said.table), said.if_exists});
        },
        [](AlterAddStatement& said) {
            return Body(
                AddColumn{std::move(said.table), definition_of(std::move(said.column)), said.if_not_exists});
        },
        [](AlterDropStatement& said) {
            return Body(DropColumn{std::move(said.table), std::move(said.column), said.if_exists});
        },
        [](AlterCopiesStatement& said) {
            return Body(SetCopies{std::move(said.table), said.copies});
        },
        [](ClusterStatusStatement&) { return Body(ClusterStatus{}); },
        [](ElectUncleanStatement& said) {
            return Body(
                ElectUnclean{std::move(said.table), said.partition, std::move(said.node), said.confirmed});
        },
        [](RefillCopyStatement& said) {
            return Body(RefillCopy{std::move(said.table), said.partition, std::move(said.node)});
        },
        [](AlterColumnStatement& said) { return Body(ChangeColumn{std::move(said)}); },
        [](AlterHistoryStatement& said) {
            return Body(ChangeHistory{std::move(said.table), {said.hours, said.bytes}});
        },
        [](CreateViewStatement& said) { return Body(CreateView{std::move(said)}); },
        [](DropViewStatement& said) { return Body(DropView{std::move(said)}); },
        [](DescStatement& said) {
            return Body(DescribeTable{std::move(said.table), true});
        },
        [](ShowColumnsStatement& said) { return Body(ShowColumns{std::move(said.table)}); },
        [](ShowCreateStatement& said) { return Body(ShowCreate{std::move(said.table)}); },
        [](ShowTablesStatement&) { return Body(ListTables{}); },
        [](ShowOrphansStatement&) { return Body(ListOrphans{}); },
        [](DropOrphanStatement& said) { return Body(DropOrphan{std::move(said.orphan)}); },
        [](ShowOffsetsStatement& said) {
            return Body(ListOffsets{std::move(said.table), said.since_us});
        },
        [](MaxOffsetStatement& said) { return Body(MaxOffsets{std::move(said.table)}); },
        [&](CompressStatement& said) {
            return Body(CompressTable{std::move(said.table), options.progress});
        },
        [&](CheckStatement& said) {
            return Body(CheckTable{std::move(said.table), said.repair || options.repair});
        },
        [](AcceptLossStatement& said) {
            return Body(
                AcceptLoss{std::move(said.table), said.partition, std::move(said.without), said.confirmed});
        },
        [](KillQueryStatement& said) { return Body(KillQuery{said.query}); },
        [](ShowSizesStatement&) { return Body(ListSizes{}); },
        [&](ExplainAnalyzeStatement& said) {
            Query query{std::move(said.sql), std::move(options.cut), std::move(options.params)};
            query.any_copy = options.any_copy;
            return Body(ExplainAnalyze{std::move(query)});
        },
        [&](SelectStatement& said) {
            return Body(Query{std::move(said.sql), std::move(options.cut), std::move(options.params),
                              std::move(said.summarized), options.any_copy});
        },
        [&](InsertStatement& said) {
            return Body(AppendRows{rows_of(std::move(said), std::move(options.params), sql.size()),
                                   std::move(options.batch_id)});
        },
        [&](InsertSelectStatement& said) {
            Query rows{std::move(said.sql), std::move(options.cut), std::move(options.params)};
            return Body(InsertSelected{std::move(said.table), std::move(said.columns), std::move(rows)});
        },
        [&](DeleteStatement& said) {
            return Body(DeleteRows{std::move(said), std::move(options.params), std::move(options.batch_id),
                                   sql.size()});
        },
    };
    return std::visit(pick, parsed);
}

}  // namespace dl::master
