// A SQL engine that knows a few made-up statements.
#pragma once

#include <atomic>
#include <map>
#include <thread>

#include "master/sql/query_coordinator.h"
namespace dl::master::testing {

// Answers every query with `rows` numbers; "select hang" blocks until it is cancelled.
class FakeCoordinator final : public QueryCoordinator {
  public:
    std::uint64_t rows = 3;
    std::atomic<int> hanging{0}, cancelled{0}, opened{0};  // so far
    std::chrono::milliseconds deaf_for{0};  // how long a hanging query goes on once it is cancelled

    Result<std::unique_ptr<QueryStream>> run(std::string_view sql, const TableLookup& lookup,
                                             const QueryOptions&,
                                             std::shared_ptr<QueryCancel> cancel) override {
        if (sql.find("missing") != std::string_view::npos) {
            DL_TRY_ASSIGN([[maybe_unused]] auto table, lookup("missing"));
        }
        if (sql.find("throw") != std::string_view::npos) throw std::runtime_error("boom");
        if (sql.find("hang") != std::string_view::npos) {
            ++hanging;
            while (!cancel->reason())
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            std::this_thread::sleep_for(deaf_for);
            ++cancelled;
            return make_error(*cancel->reason(), "the query was cancelled");
        }
        ++opened;
        return std::unique_ptr<QueryStream>(std::make_unique<Stream>(rows));
    }

    Result<AwaitedOffsets> awaited(std::string_view, const TableLookup& lookup,
                                   const QueryOptions& options) override {
        DL_TRY_ASSIGN(auto table, lookup("t"));
        return AwaitedOffsets{std::move(table), options.cut.min_offsets};
    }

    Result<StatementShape> describe(std::string_view, const TableLookup&, const QueryOptions&,
                                    std::shared_ptr<QueryCancel>) override {
        const DataType number{TypeKind::int64};
        return StatementShape{{{"n", number}, {"n", number}}, {number, std::nullopt}};
    }

  private:
    class Stream final : public QueryStream {
      public:
        explicit Stream(std::uint64_t rows) : left_(rows) {
            columns_.push_back({"n", DataType{TypeKind::int64}});
            offsets_["t"][0] = 7;
        }
        const std::vector<ResultColumn>& columns() const override { return columns_; }
        const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
            return offsets_;
        }
        const std::map<std::string, std::uint64_t>& behind() const override { return behind_; }
        Result<std::optional<ColumnBatch>> next() override {
            if (left_ == 0) return std::optional<ColumnBatch>();
            ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
            const auto rows = std::min<std::uint64_t>(left_, 2000);
            for (std::uint64_t i = 0; i < rows; ++i) {
                builder.append_fixed(0, static_cast<std::int64_t>(next_++));
                builder.finish_row(false);
            }
            left_ -= rows;
            DL_TRY_ASSIGN(auto batch, ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                                                          static_cast<std::uint32_t>(rows)));
            return std::optional<ColumnBatch>(std::move(batch));
        }

      private:
        std::uint64_t left_;
        std::uint64_t next_ = 0;
        std::vector<ResultColumn> columns_;
        std::map<std::string, std::map<std::uint32_t, Offset>> offsets_;
        std::map<std::string, std::uint64_t> behind_;
    };
};

}  // namespace dl::master::testing
