#include "master/execution/replanning.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "master/routing/route_table.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPause{50};

class StreamWithFirstRows final : public QueryStream {
  public:
    StreamWithFirstRows(std::unique_ptr<QueryStream> rows, std::optional<ColumnBatch> first)
        : rows_(std::move(rows)), first_(std::move(first)) {}

    const std::vector<ResultColumn>& columns() const override { return rows_->columns(); }
    Result<std::optional<ColumnBatch>> next() override {
        if (!first_) return rows_->next();
        auto batch = std::exchange(first_, std::nullopt);
        return batch;
    }
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return rows_->offsets();
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return rows_->behind(); }

  private:
    std::unique_ptr<QueryStream> rows_;
    std::optional<ColumnBatch> first_;
};

}  // namespace

asio::awaitable<bool> Replanning::goes_on(const Error& error) {
    if (error.code != ErrorCode::not_leader && !(error.code == ErrorCode::unavailable && lacks_leader()))
        co_return false;
    const auto now = std::chrono::steady_clock::now();
    if (!until_) until_ = std::min(context_.deadline, now + services_.limits.copies_wait);
    if (context_.cancel->reason() || now + kPause >= *until_) co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor, kPause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return !context_.cancel->reason();
}

Error Replanning::told(Error error) {
    if (error.code != ErrorCode::not_leader) return error;
    return make_error(ErrorCode::unavailable,
                      "another slave is about to lead a partition of the query, which takes longer than it "
                      "should (" +
                          error.message + "); repeat the query");
}

bool Replanning::lacks_leader() const {
    const auto& catalog = services_.catalog.tables();
    for (const auto& table : catalog.list()) {
        const auto placement = catalog.placement(table->id);
        if (placement == nullptr || !has_copies(*placement)) continue;
        for (const auto& placed : placement->partitions)
            if (placed.leader == NodeId{}) return true;
    }
    return false;
}

Result<std::unique_ptr<QueryStream>> with_first_rows(std::unique_ptr<QueryStream> rows) {
    DL_TRY_ASSIGN(auto first, rows->next());
    return std::unique_ptr<QueryStream>(
        std::make_unique<StreamWithFirstRows>(std::move(rows), std::move(first)));
}

}  // namespace dl::master
