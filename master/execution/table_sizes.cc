// SHOW SIZES: tables with their rows and bytes, and views.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

// The only value of one row; nullopt when a slave of the table is away.
asio::awaitable<std::optional<std::int64_t>> live_rows(Services& services, CommandContext& context,
                                                       const CatalogTable& table) {
    Query count{"SELECT count(*) FROM \"" + table.name + "\"", {}, {}};
    auto cursor = co_await open_rows(services, context, std::move(count));
    if (cursor.has_error()) co_return std::nullopt;
    class FirstValue final : public RowSink {
      public:
        Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t) override {
            if (batch.rows() > 0) value = batch.columns()[0].fixed<std::int64_t>(0);
            return batch.rows();
        }
        bool full() const override { return false; }
        std::optional<std::int64_t> value;
    };
    const auto first = std::make_shared<FirstValue>();
    const auto filled = co_await (*cursor)->fill(first);
    co_return filled.has_error() ? std::nullopt : first->value;
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ListSizes) {
    context.client.cancel_when_client_leaves();
    auto sizes = co_await services.tables.bytes_held(context.deadline);
    const DataType text{TypeKind::string};
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {
        {"table_name", text}, {"kind", text}, {"rows", number}, {"bytes", number}, {"partitions", number}};
    ColumnBatchBuilder builder(listed_columns(columns));
    const auto put = [&builder](std::size_t column, std::optional<std::int64_t> value) {
        if (value)
            builder.append_fixed(column, *value);
        else
            builder.append_null(column);
    };
    for (const auto& table : services.catalog.tables().list()) {
        // One whose slave is away is not waited for: not for each table, and a look at the others is wanted.
        std::optional<std::int64_t> rows;
        if (sizes[table->id].is_led) {
            rows = co_await live_rows(services, context, *table);
            // A slave went meanwhile: which tables need it is to be known before the next one waits for it.
            if (!rows && !context.cancel->reason())
                sizes = co_await services.tables.bytes_held(context.deadline);
        }
        if (const auto why = context.cancel->reason())
            co_return make_error(*why, "the statement was stopped before all tables were counted");
        const auto& bytes = sizes[table->id].bytes;
        builder.append_bytes(0, table->name);
        builder.append_bytes(1, "table");
        put(2, rows);
        put(3, bytes ? std::optional(static_cast<std::int64_t>(*bytes)) : std::nullopt);
        put(4, std::int64_t{table->partition_count});
        builder.finish_row(false);
    }
    for (const auto& view : services.catalog.tables().views()) {
        builder.append_bytes(0, view->name);
        builder.append_bytes(1, "view");
        for (const std::size_t column : {2u, 3u, 4u})
            builder.append_null(column);
        builder.finish_row(false);
    }
    DL_CO_TRY_ASSIGN(auto rows, listed_rows(services, context, columns, builder));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
