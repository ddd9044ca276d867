// PIVOT without its values: they are read first.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/sql/pivot_statement.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kValuesMax = 1000;  // of one expression
constexpr std::size_t kPivotsMax = 16;    // each is a read of its own

class Texts final : public RowSink {
  public:
    Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t row) override {
        const auto& column = batch.columns()[0];
        for (; row < batch.rows() && !full(); ++row)
            if (!column.is_null(row)) values.emplace_back(column.bytes(row));
        return row;
    }
    bool full() const override { return values.size() > kValuesMax; }
    std::vector<std::string> values;
};

}  // namespace

asio::awaitable<Result<std::string>> with_pivot_values(Services& services, CommandContext& context,
                                                       Query query) {
    for (std::size_t pivots = 0; may_pivot(query.sql); ++pivots) {
        DL_CO_TRY_ASSIGN(const auto pivot, PivotStatement::parse(query.sql));
        if (!pivot) break;
        if (pivots == kPivotsMax)
            co_return make_error(ErrorCode::limit_exceeded,
                                 "a statement has at most " + std::to_string(kPivotsMax) +
                                     " PIVOTs whose values are not named; name them: on c in ('a', 'b')");
        context.client.cancel_when_client_leaves();
        std::vector<std::vector<std::string>> values;
        for (auto& sql : pivot->value_queries()) {
            Query one{std::move(sql), query.cut, query.params};
            DL_CO_TRY_ASSIGN(const auto cursor, co_await open_rows(services, context, std::move(one)));
            const auto texts = std::make_shared<Texts>();
            DL_CO_TRY_ASSIGN(const bool more, co_await cursor->fill(texts));
            if (more || texts->full())
                co_return make_error(ErrorCode::limit_exceeded,
                                     "PIVOT would make more than " + std::to_string(kValuesMax) +
                                         " columns; name the values: on c in ('a', 'b')");
            if (texts->values.empty())
                co_return make_error(
                    ErrorCode::query_error,
                    "PIVOT finds no values to make columns of; name them: on c in ('a', 'b')");
            values.push_back(std::move(texts->values));
        }
        query.sql = pivot->with_values(values);
    }
    co_return std::move(query.sql);
}

}  // namespace dl::master
