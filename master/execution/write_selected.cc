// INSERT ... SELECT, DELETE ... WHERE, TRUNCATE and CREATE TABLE ... AS: one read cut, taken at the start,
// whose rows are written in batches as they come. Each batch is one of a producer of its own, so that a lost
// answer is asked for again and nothing is written twice.
#include "master/execution/write_selected.h"

#include <random>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/duck/parquet_file.h"
#include "common/types/value_text.h"
#include "master/execution/command_runs.h"
#include "master/execution/sql_rows.h"
#include "master/sql/ddl_token.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::uint32_t kBatchRows = 10'000;
constexpr std::size_t kBatchBytes = 4u << 20;
// Of a batch: as columns, and as the bodies that are sent.
constexpr std::size_t kWorkBytes = 2 * kBatchBytes;

std::string new_producer_id() {
    std::random_device random;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string id = "select-";
    for (int word = 0; word < 4; ++word) {
        auto bits = random();
        for (int i = 0; i < 8; ++i, bits >>= 4)
            id += kDigits[bits & 15];
    }
    return id;
}

// Adds where the rows of one more batch lie.
void add_offsets(OffsetRangeMap& all, const OffsetRangeMap& more) {
    for (const auto& [partition, range] : more) {
        const auto [at, is_new] = all.emplace(partition, range);
        if (!is_new) at->second.second = range.second;
    }
}

Error after_rows(Error error, std::uint64_t rows) {
    if (rows == 0) return error;
    const auto text = "the statement ended early, " + std::to_string(rows) +
                      " rows were written before: " + error.to_text();
    return make_error(error.code == ErrorCode::unknown_outcome ? error.code : ErrorCode::partial, text);
}

// Writes all rows of `query` into `table`.
asio::awaitable<Result<Reply>> write_rows(Services& services, CommandContext& context, TablePtr table,
                                          std::vector<std::uint32_t> targets, bool deletes, Query query) {
    context.client.cancel_when_client_leaves();
    DL_CO_TRY_ASSIGN(const auto memory, co_await services.work_bytes.acquire(kWorkBytes, context.deadline));
    DL_CO_TRY_ASSIGN(const auto cursor, co_await open_rows(services, context, std::move(query)));
    if (cursor->columns().size() != targets.size())
        co_return make_error(ErrorCode::invalid_request,
                             "the SELECT has " + std::to_string(cursor->columns().size()) + " columns, " +
                                 std::to_string(targets.size()) +
                                 " are to be written; name them behind the table");
    BatchId id{new_producer_id(), 0};
    RowsAppended written;
    for (bool more = true; more;) {
        const auto sink = std::make_shared<SelectedRowSink>(table, targets, deletes, written.rows);
        auto filled = co_await cursor->fill(sink);
        if (filled.has_error()) co_return after_rows(std::move(filled).error(), written.rows);
        more = *filled;
        auto split = [sink] { return guarded([&] { return sink->finish(); }); };
        auto batch = co_await run_on(services.work_pool, split);
        if (batch.has_error()) co_return after_rows(std::move(batch).error(), written.rows);
        if (batch->rows == 0) continue;
        ++id.sequence;
        const auto rows = batch->rows;
        const auto results = co_await services.appends.append(
            table, std::make_shared<const PartitionedBatch>(std::move(*batch)), id, context.deadline);
        auto outcome = append_outcome(results, true);
        if (outcome.has_error()) co_return after_rows(std::move(outcome).error(), written.rows);
        written.rows += rows;
        add_offsets(written.whole->offsets, outcome->offsets);
    }
    co_return reply_with(std::move(written));
}

Result<std::vector<std::uint32_t>> targets_of(const std::vector<std::string>& names, const TableMeta& table) {
    DL_TRY_ASSIGN(const auto builder, PartitionedBatchBuilder::create(table, 0));
    std::vector<std::uint32_t> targets;
    for (const auto& name : names) {
        DL_TRY_ASSIGN(const auto target, builder.resolve(name));
        if (target == PartitionedBatchBuilder::kCrud)
            return make_error(ErrorCode::column_not_found, "table " + quoted_value(table.name) +
                                                               " has no column " + quoted_value(name) +
                                                               "; rows are deleted by DELETE FROM");
        for (const auto other : targets)
            if (other == target)
                return make_error(ErrorCode::invalid_request,
                                  "column " + quoted_value(name) + " is named twice");
        targets.push_back(target);
    }
    if (!names.empty()) return targets;
    for (std::uint32_t i = 0; i < table.schema.fields.size(); ++i)
        targets.push_back(i);
    return targets;
}

// Within parentheses it could end early and go on as something else.
Result<void> check_parentheses(const std::string& condition) {
    int depth = 0;
    for (const auto& token : tokenize_ddl(condition)) {
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

bool SelectedRowSink::full() const {
    return rows_ >= kBatchRows || (builder_ && builder_->staged_bytes() >= kBatchBytes);
}

bool SelectedRowSink::put(std::uint32_t target, const ColumnView& values, std::uint32_t row) {
    auto& builder = *builder_;
    if (values.is_null(row)) return builder.put_null(target);
    const auto& type = table_->schema.fields[target].type;
    if (values.type == type) return builder.put_value(target, values, row);
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

CommandRun run(Services& services, CommandContext& context, InsertSelected command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    DL_CO_TRY_ASSIGN(auto targets, targets_of(command.columns, *table));
    co_return co_await write_rows(services, context, std::move(table), std::move(targets), false,
                                  std::move(command.rows));
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
    return check_parentheses(erase->statement.condition);
}

CommandRun run(Services& services, CommandContext& context, DeleteRows command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.statement.table));
    const auto& key = table->schema.key().name;
    Query query;
    query.sql = "SELECT " + sql_identifier(key) + " FROM " + sql_identifier(table->name);
    if (!command.statement.condition.empty()) query.sql += " WHERE (" + command.statement.condition + "\n)";
    query.params = std::move(command.params);
    std::vector<std::uint32_t> targets{static_cast<std::uint32_t>(table->schema.key_index)};
    co_return co_await write_rows(services, context, std::move(table), std::move(targets), true,
                                  std::move(query));
}

}  // namespace dl::master
