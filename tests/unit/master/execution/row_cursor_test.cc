#include "master/execution/row_cursor.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <thread>

#include "tests/unit/common/net/run_coroutine.h"

namespace dl::master {
namespace {

using namespace std::chrono_literals;

// A row a batch, for ever. Where `held`, next() waits.
class Numbers final : public QueryStream {
  public:
    explicit Numbers(std::shared_future<void> held = {}) : held_(std::move(held)) {}
    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override {
        if (held_.valid()) held_.wait();
        ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
        builder.append_fixed<std::int64_t>(0, 1);
        builder.finish_row(false);
        return std::optional<ColumnBatch>(
            *ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1));
    }
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return offsets_;
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return behind_; }

  private:
    std::shared_future<void> held_;
    std::vector<ResultColumn> columns_{{"n", DataType{TypeKind::int64}}};
    std::map<std::string, std::map<std::uint32_t, Offset>> offsets_;
    std::map<std::string, std::uint64_t> behind_;
};

// Full with each row.
class OneRow final : public RowSink {
  public:
    Result<std::uint32_t> take(const ColumnBatch&, std::uint32_t row) override {
        full_ = true;
        return row + 1;
    }
    bool full() const override { return full_; }

  private:
    bool full_ = false;
};

class RowCursorTest : public ::testing::Test {
  protected:
    ~RowCursorTest() override { pool_.stop(); }
    // Takes a slot.
    std::unique_ptr<RowCursor> open() {
        auto slot = dl::test::run(loop(), [&]() -> boost::asio::awaitable<Result<net::ByteBudget::Share>> {
            auto share = co_await slots_.acquire(1, dl::test::in_ms(5000));
            co_return std::move(share);
        });
        return std::make_unique<RowCursor>(
            std::make_unique<Numbers>(), std::make_shared<QueryCancel>(),
            RowCursor::Place{work_, net::YieldingSlot(slots_, std::move(*slot)), 1u << 30, &results_});
    }
    std::future<Result<bool>> fill(RowCursor& cursor) {
        return boost::asio::co_spawn(loop(), cursor.fill(std::make_shared<OneRow>()),
                                     boost::asio::use_future);
    }
    boost::asio::any_io_executor loop() { return pool_.executor_of(0); }

    net::NetPool pool_{"net", 1};
    WorkerPool work_{"work", 2};
    net::ByteBudget slots_{1};
    OpenResults results_{2};
};

TEST_F(RowCursorTest, OneThatWaitsForASlotCanBeEndedToo) {
    auto first = open();
    EXPECT_TRUE(*fill(*first).get());
    for (int i = 0; i < 5000 && slots_.in_use() != 0; ++i)
        std::this_thread::sleep_for(1ms);
    auto second = open();  // has the slot that the first one has given up
    auto resumed = fill(*first);
    EXPECT_EQ(resumed.wait_for(200ms), std::future_status::timeout);
    const auto third = results_.add([] {});
    EXPECT_EQ(results_.open(), 2u) << "the number is bounded whatever they wait for";
    second.reset();
    const auto ended = resumed.get();
    ASSERT_TRUE(ended.has_error());
    EXPECT_EQ(ended.error().code, ErrorCode::overloaded);
}

}  // namespace
}  // namespace dl::master
