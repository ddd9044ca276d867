// INSERT ... SELECT, DELETE ... WHERE, TRUNCATE and CREATE TABLE ... AS: one read cut, taken at the start,
// whose rows are written in batches as they come. Each batch is one of a producer of its own, so that a lost
// answer is asked for again and nothing is written twice.
#include "master/execution/write_selected.h"

#include <set>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/random_id.h"
#include "common/duck/parquet_file.h"
#include "common/types/value_text.h"
#include "master/execution/command_runs.h"
#include "master/execution/sql_rows.h"
#include "master/sql/ddl_token.h"
#include "master/sql/error_translation.h"
#include "master/sql/pivot_statement.h"
#include "master/sql/values_text.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::uint32_t kBatchRows = 10'000;
constexpr std::size_t kBatchBytes = 4u << 20;
constexpr std::chrono::milliseconds kWordEvery{500};  // how far it is, for those who ask
// Of a batch: as columns, and as the bodies that are sent.
constexpr std::size_t kWorkBytes = 2 * kBatchBytes;

// Adds where the rows of one more batch lie.
void add_offsets(OffsetRangeMap& all, const OffsetRangeMap& more) {
    for (const auto& [partition, range] : more) {
        const auto [at, is_new] = all.emplace(partition, range);
        if (!is_new) at->second.second = range.second;
    }
}

// The reply of a statement whose rows stay.
Result<Reply> reply_of(Result<void> ended, RowsAppended written) {
    if (ended.has_value()) return reply_with(std::move(written));
    const auto& error = ended.error();
    const bool unknown = error.code == ErrorCode::unknown_outcome;
    if (written.rows == 0 && !unknown) return error;
    auto text = "the statement ended early, " + std::to_string(written.rows) + " rows were written before";
    if (unknown) text += ", and it is not known whether the next ones were";
    return make_error(unknown ? ErrorCode::unknown_outcome : ErrorCode::partial,
                      text + ": " + error.to_text());
}

Result<std::vector<std::uint32_t>> targets_of(const std::vector<std::string>& names,
                                              const CatalogTable& table) {
    DL_TRY_ASSIGN(const auto builder, PartitionedBatchBuilder::create(table, 0));
    DL_TRY_ASSIGN(auto targets, columns_of(names, table, builder));
    std::set<std::uint32_t> seen;
    for (std::size_t i = 0; i < targets.size(); ++i)
        if (!seen.insert(targets[i]).second)
            return make_error(ErrorCode::invalid_request,
                              "column " + quoted_value(names[i]) + " is named twice");
    return targets;
}

// Within parentheses it could end early and go on as something else.
Result<void> check_parentheses(const std::string& condition) {
    int depth = 0;
    const auto tokens = tokenize_ddl(condition);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto& token = tokens[i];
        const bool escapes = token.is_word("e") && tokens[i + 1].kind == DdlToken::Kind::string &&
                             tokens[i + 1].begin == token.end;
        const bool dollars =
            token.kind == DdlToken::Kind::word && token.text.find('$', 1) != std::string::npos;
        if (escapes || dollars)
            return make_error(ErrorCode::not_supported,
                              "texts as e'...' or $$...$$ in the condition of a DELETE; write them as '...'");
        if (token.kind == DdlToken::Kind::bad) return make_error(ErrorCode::syntax_error, token.text);
        if (token.is_symbol(';'))
            return make_error(ErrorCode::syntax_error, "one statement at a time: a ';' within the condition");
        depth += token.is_symbol('(') ? 1 : token.is_symbol(')') ? -1 : 0;
        if (depth < 0) break;
    }
    if (depth == 0) return {};
    return make_error(ErrorCode::syntax_error, "the parentheses of the condition do not match");
}

}  // namespace

asio::awaitable<Result<void>> write_rows(Services& services, CommandContext& context, CatalogTablePtr table,
                                         std::vector<std::uint32_t> targets, bool deletes, Query query,
                                         RowsAppended& written) {
    context.client.cancel_when_client_leaves();
    DL_CO_TRY_ASSIGN(const auto memory, co_await services.work_bytes.acquire(kWorkBytes, context.deadline));
    DL_CO_TRY_ASSIGN(const auto cursor, co_await open_rows(services, context, std::move(query)));
    if (cursor->columns().size() != targets.size())
        co_return make_error(ErrorCode::invalid_request,
                             "the SELECT has " + std::to_string(cursor->columns().size()) + " columns, " +
                                 std::to_string(targets.size()) +
                                 " are to be written; name them behind the table");
    BatchId id{"select-" + random_hex(32), 0};
    auto next_word = std::chrono::steady_clock::now() + kWordEvery;
    for (bool more = true; more;) {
        const auto sink = std::make_shared<SelectedRowSink>(table, targets, deletes, written.rows);
        auto filled = co_await cursor->fill(sink);
        if (filled.has_error()) co_return std::move(filled).error();
        more = *filled;
        auto split = [sink] { return guarded([&] { return sink->finish(); }); };
        auto batch = co_await run_on(services.work_pool, split);
        if (batch.has_error()) co_return std::move(batch).error();
        if (batch->rows == 0) continue;
        // What is sent is not broken any more; this is not.
        if (context.cancel->reason()) {
            auto stopped = make_error(ErrorCode::cancelled, "the statement was cancelled");
            co_return query_stopped(*context.cancel, std::move(stopped));
        }
        ++id.sequence;
        const auto rows = batch->rows;
        context.client.writing(true);
        const auto results = co_await services.appends.append(
            table, std::make_shared<const PartitionedBatch>(std::move(*batch)), id, context.deadline);
        context.client.writing(false);
        auto outcome = append_outcome(results, true);
        if (outcome.has_error()) co_return std::move(outcome).error();
        written.rows += rows;
        add_offsets(written.whole->offsets, outcome->offsets);
        if (const auto now = std::chrono::steady_clock::now(); now >= next_word) {
            next_word = now + kWordEvery;
            const CompressProgress so_far{written.rows, 0, 0};
            DL_CO_TRY(co_await context.client.progress(so_far));
        }
    }
    co_return Result<void>();
}

bool SelectedRowSink::full() const {
    return rows_ >= kBatchRows || (builder_ && builder_->staged_bytes() >= kBatchBytes);
}

bool SelectedRowSink::put(std::uint32_t target, const ColumnView& values, std::uint32_t row) {
    auto& builder = *builder_;
    if (values.is_null(row)) return builder.put_null(target);
    const auto& type = table_->schema.fields[target].type;
    const bool may_be_endless = type.kind == TypeKind::timestamp || type.kind == TypeKind::date;
    if (values.type == type && !may_be_endless) return builder.put_value(target, values, row);
    if (values.type.kind == TypeKind::boolean)
        return builder.put_boolean(target, values.fixed<std::uint8_t>(row) != 0);
    text_.clear();
    if (values.type.kind == TypeKind::float32 && type.kind == TypeKind::float64)
        append_float64(text_, static_cast<double>(values.fixed<float>(row)));
    else
        append_value_text(text_, values, row);
    switch (values.type.kind) {
        case TypeKind::int32:
        case TypeKind::int64:
        case TypeKind::float32:
        case TypeKind::float64:
        case TypeKind::decimal:
            if (type.kind == TypeKind::string) break;
            return builder.put_number(target, text_);
        default:
            break;
    }
    return builder.put_text(target, text_, true);
}

Result<std::uint32_t> SelectedRowSink::take(const ColumnBatch& batch, std::uint32_t row) {
    if (!builder_) {
        DL_TRY_ASSIGN(builder_, PartitionedBatchBuilder::create(*table_, 0));
        builder_->count_rows_from(rows_before_);
    }
    for (; row < batch.rows() && !full(); ++row, ++rows_) {
        builder_->begin_row();
        for (std::size_t i = 0; i < targets_.size(); ++i)
            if (!put(targets_[i], batch.columns()[i], row)) return builder_->error();
        if (!builder_->finish_row(deletes_)) return builder_->error();
    }
    return row;
}

Result<PartitionedBatch> SelectedRowSink::finish() {
    if (!builder_) return PartitionedBatch{};
    return builder_->finish();
}

std::string rows_query(std::string sql, const std::vector<std::uint32_t>& targets, const TableMeta& table) {
    std::vector<DataType> types;
    for (const auto target : targets)
        types.push_back(table.schema.fields[target].type);
    auto texts = values_as_texts(sql, types);
    return texts ? std::move(*texts) : sql;
}

CommandRun run(Services& services, CommandContext& context, InsertSelected command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    DL_CO_TRY_ASSIGN(auto targets, targets_of(command.columns, *table));
    if (may_pivot(command.rows.sql)) {
        DL_CO_TRY_ASSIGN(command.rows.sql, co_await with_pivot_values(services, context, command.rows));
    }
    command.rows.sql = rows_query(std::move(command.rows.sql), targets, *table);
    RowsAppended written;
    auto ended = co_await write_rows(services, context, std::move(table), std::move(targets), false,
                                     std::move(command.rows), written);
    co_return reply_of(std::move(ended), std::move(written));
}

Result<void> settle_delete(const TableLookup& lookup, Command::Body& body) {
    auto* const erase = std::get_if<DeleteRows>(&body);
    if (erase == nullptr) return {};
    DL_TRY_ASSIGN(const auto table, lookup(erase->statement.table));
    if (is_by_key(erase->statement, *table)) {
        body = AppendRows{rows_of(std::move(erase->statement), std::move(erase->params), erase->bytes),
                          std::move(erase->batch_id)};
        return {};
    }
    if (erase->batch_id)
        return make_error(
            ErrorCode::invalid_request,
            "options.batch_id is for a DELETE by major keys; which rows another condition means "
            "would be others at the next try");
    return {};
}

namespace {

// What stands before the condition in the SELECT.
std::string keys_query_head(const TableMeta& table) {
    return "SELECT " + sql_identifier(table.schema.key().name) + " FROM " + sql_identifier(table.name) +
           " WHERE (";
}

}  // namespace

Result<std::string> keys_query(const DeleteStatement& statement, const TableMeta& table) {
    DL_TRY(check_parentheses(statement.condition));
    if (statement.condition.empty())
        return "SELECT " + sql_identifier(table.schema.key().name) + " FROM " + sql_identifier(table.name);
    auto sql = keys_query_head(table) + statement.condition + "\n)";
    return sql;
}

CommandRun run(Services& services, CommandContext& context, DeleteRows command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.statement.table));
    Query query;
    DL_CO_TRY_ASSIGN(query.sql, keys_query(command.statement, *table));
    query.params = std::move(command.params);
    const auto head = keys_query_head(*table);
    const auto sent = "DELETE FROM " + command.statement.table + " WHERE ";
    std::vector<std::uint32_t> targets{static_cast<std::uint32_t>(table->schema.key_index)};
    RowsAppended written;
    auto ended = co_await write_rows(services, context, std::move(table), std::move(targets), true,
                                     std::move(query), written);
    if (ended.has_error()) ended = with_quote_of(std::move(ended).error(), head, sent);
    co_return reply_of(std::move(ended), std::move(written));
}

}  // namespace dl::master
