// A slave's surroundings in memory, for tests of handlers and stream readers: partitions, registry, queries.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "common/base/crc32c.h"
#include "slave/handlers/query_service.h"
#include "slave/handlers/table_registry.h"

namespace dl::slave::test {

// id long primary key, name string.
inline TableMeta make_table(std::uint64_t id, std::uint32_t partitions) {
    TableMeta table;
    table.id = TableId{id};
    table.name = "t" + std::to_string(id);
    table.schema.id = SchemaId{1};
    Field key;
    key.id = FieldId{1};
    key.name = "id";
    key.type.kind = TypeKind::int64;
    key.not_null = true;
    Field name;
    name.id = FieldId{2};
    name.name = "name";
    name.type.kind = TypeKind::string;
    table.schema.fields = {key, name};
    table.partition_count = partitions;
    table.next_field_id = FieldId{3};
    table.slot_map = default_slot_map(partitions);
    return table;
}

// Rows with keys first, first + 1, ...; names of `name_bytes` bytes.
inline std::string make_body(std::int64_t first, std::uint32_t rows, std::size_t name_bytes = 4) {
    DataType key, name;
    key.kind = TypeKind::int64;
    name.kind = TypeKind::string;
    std::vector<ColumnBatchBuilder::ColumnSpec> columns = {{FieldId{1}, key}, {FieldId{2}, name}};
    ColumnBatchBuilder builder(columns);
    for (std::uint32_t row = 0; row < rows; ++row) {
        builder.append_fixed<std::int64_t>(0, first + row);
        builder.append_bytes(1, std::string(name_bytes, static_cast<char>('a' + row % 26)));
        builder.finish_row(false);
    }
    return builder.encode();
}

class FakeView final : public ReadView {
  public:
    explicit FakeView(Offset end, std::atomic<int>* listed = nullptr) : end_(end), listed_(listed) {}
    Offset end_offset() const override { return end_; }
    const std::vector<ViewFile>& files() const override {
        if (listed_ != nullptr) ++*listed_;
        return files_;
    }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn>) const override { return nullptr; }
    std::uint64_t tail_rows() const override { return 0; }
    Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128>, std::span<const Field>) const override {
        return std::vector<ScanUnit>{};
    }

  private:
    Offset end_;
    std::atomic<int>* listed_;
    std::vector<ViewFile> files_;
};

class FakePartition : public Partition {
  public:
    FakePartition(TableId table, PartitionId id) : table_(table), id_(id) {}

    void append(AppendRequest request, std::function<void(Result<AppendAck>)> done) override {
        if (fail_with) {
            done(*fail_with);
            return;
        }
        std::vector<std::function<void()>> wakes;
        AppendAck ack;
        {
            std::lock_guard lock(mutex_);
            ReadSlice slice;
            slice.header.table = table_;
            slice.header.partition = id_;
            slice.header.epoch = LeaderEpoch{1};
            slice.header.schema = request.schema;
            slice.header.base_offset = end_;
            slice.header.count = request.batch.rows();
            slice.header.body_crc = request.body_crc;
            slice.header.body_bytes = slice.header.body_plain_bytes =
                static_cast<std::uint32_t>(request.body.size());
            slice.header.append_time_us = 1'700'000'000'000'000;
            slice.stored_body = request.body;
            slice.batch = request.batch;
            ack.first = end_;
            end_ += slice.header.count;
            ack.last = end_ - 1;
            stored_.push_back(std::move(slice));
            for (auto at = waiters_.begin(); at != waiters_.end();) {
                if (end_ > at->second.first) {
                    wakes.push_back(at->second.second);
                    at = waiters_.erase(at);
                } else {
                    ++at;
                }
            }
        }
        for (auto& wake : wakes)
            wake();
        done(ack);
    }
    void append_rows(std::int64_t first_key, std::uint32_t rows, std::size_t name_bytes = 4) {
        AppendRequest request;
        request.body = SharedBytes::from_string(make_body(first_key, rows, name_bytes));
        request.batch = *ColumnBatch::decode(request.body, rows);
        request.body_crc = crc32c(0, request.body.data(), request.body.size());
        request.schema = SchemaId{1};
        append(std::move(request), [](Result<AppendAck>) {});
    }

    void set_leader_epoch(LeaderEpoch epoch) override { leader_epoch_ = std::max(leader_epoch_, epoch); }
    LeaderEpoch leader_epoch() const override { return leader_epoch_; }
    Result<void> check_epoch(LeaderEpoch named) const override {
        if (named == leader_epoch_) return {};
        return make_error(ErrorCode::not_leader, "another leader epoch");
    }
    Result<void> advance_high_watermark(Offset) override { return {}; }
    std::shared_ptr<const ReadView> pin() const override {
        return std::make_shared<FakeView>(end_offset(), &files_listed);
    }
    mutable std::atomic<int> files_listed{0};  // how often pinned views were asked for their files
    Result<std::shared_ptr<const ReadView>> pin_at(Offset cut) const override {
        if (cut < 5) return make_error(ErrorCode::not_found, "as of offset 5 and later");
        return std::shared_ptr<const ReadView>(std::make_shared<FakeView>(cut));
    }
    Offset first_offset() const override { return 0; }
    Offset history_start() const override { return 0; }
    Result<Offset> offset_for_time(std::int64_t time_us) const override {
        if (time_us < 0) return make_error(ErrorCode::io_error, "the disk is gone");
        return std::min<Offset>(time_us, end_offset());
    }
    Offset end_offset() const override {
        std::lock_guard lock(mutex_);
        return end_;
    }
    Result<std::vector<ReadSlice>> read(Offset from, std::uint64_t max_rows,
                                        std::uint64_t max_bytes) const override {
        std::lock_guard lock(mutex_);
        std::vector<ReadSlice> slices;
        std::uint64_t bytes = 0;
        for (const auto& stored : stored_) {
            if (stored.header.end_offset() <= from) continue;
            if (max_rows == 0 || (bytes >= max_bytes && !slices.empty())) break;
            auto slice = stored;
            slice.first_row =
                static_cast<std::uint32_t>(std::max<Offset>(0, from - stored.header.base_offset));
            slice.end_row = slice.first_row + static_cast<std::uint32_t>(std::min<std::uint64_t>(
                                                  stored.header.count - slice.first_row, max_rows));
            max_rows -= slice.end_row - slice.first_row;
            bytes += slice.stored_body.size();
            slices.push_back(std::move(slice));
        }
        return slices;
    }
    std::shared_ptr<void> notify_beyond(Offset beyond, std::function<void()> wake) override {
        std::unique_lock lock(mutex_);
        if (end_ > beyond) {
            lock.unlock();
            wake();
            return nullptr;
        }
        const auto id = ++next_waiter_;
        waiters_.emplace(id, std::pair(beyond, std::move(wake)));
        return std::shared_ptr<void>(nullptr, [this, id](void*) {
            std::lock_guard guard(mutex_);
            waiters_.erase(id);
        });
    }
    std::size_t waiters() const {
        std::lock_guard lock(mutex_);
        return waiters_.size();
    }
    ~FakePartition() override {
        // The last reference may go with the callback of a compaction, on its own thread.
        for (auto& thread : compressing_) {
            if (thread.get_id() == std::this_thread::get_id())
                thread.detach();
            else
                thread.join();
        }
    }
    void start_compress(std::function<void(Result<void>)> done) override {
        compressed_rows_ = 5;
        const std::lock_guard lock(mutex_);
        compressing_.emplace_back([this, done = std::move(done)] {
            std::this_thread::sleep_for(compress_time);
            compressed_rows_ = 10;
            ++compactions;
            done(Result<void>());
        });
    }
    CompressProgress compress_progress() const override {
        CompressProgress now;
        now.rows_done = compressed_rows_;
        now.rows_total = compressed_rows_ == 0 ? 0 : 10;
        return now;
    }
    Result<void> flush() override { return {}; }
    Result<CheckReport> check(const CheckOptions& options) override {
        if (check_until_stopped)
            while (!options.stop())
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        CheckReport report;
        report.live_rows = static_cast<std::uint64_t>(end_offset());
        report.hash = 0xabc;
        if (options.repair) report.problems = {"repaired: a \"quoted\" file"};
        ++checks;
        return report;
    }
    void update_table(const TableMeta&) override {}
    PartitionStats stats() const override {
        PartitionStats stats;
        stats.end_offset = end_offset();
        stats.appends = stored_.size();
        return stats;
    }
    void close() override {}

    std::optional<Error> fail_with;
    std::chrono::milliseconds compress_time{0};
    std::atomic<int> compactions{0};
    std::atomic<bool> check_until_stopped{false};
    std::atomic<int> checks{0};

  private:
    const TableId table_;
    const PartitionId id_;
    LeaderEpoch leader_epoch_{1};
    mutable std::mutex mutex_;
    Offset end_ = 0;
    std::vector<ReadSlice> stored_;
    std::map<int, std::pair<Offset, std::function<void()>>> waiters_;
    int next_waiter_ = 0;
    std::atomic<std::uint64_t> compressed_rows_{0};
    std::vector<std::thread> compressing_;
};

class FakeRegistry final : public TableRegistry {
  public:
    Result<std::shared_ptr<const TableMeta>> table(TableId id) const override {
        std::lock_guard lock(mutex_);
        const auto found = tables_.find(id);
        if (found == tables_.end())
            return make_error(ErrorCode::table_not_found, "no table " + std::to_string(id.value));
        return found->second.meta;
    }
    Result<std::shared_ptr<Partition>> partition(TableId table, PartitionId id) const override {
        std::lock_guard lock(mutex_);
        const auto found = tables_.find(table);
        if (found == tables_.end()) return make_error(ErrorCode::table_not_found, "no table");
        const auto part = found->second.partitions.find(id);
        if (part == found->second.partitions.end())
            return make_error(ErrorCode::partition_not_found, "no partition " + std::to_string(id.value));
        return std::shared_ptr<Partition>(part->second);
    }
    std::vector<PartitionEntry> partitions(TableId) const override { return {}; }
    std::size_t table_count() const override { return tables_.size(); }
    Result<void> check_schema(TableId, SchemaId, std::uint64_t) const override { return {}; }
    std::vector<HeldTable> held() const override {
        std::lock_guard lock(mutex_);
        std::vector<HeldTable> all;
        for (const auto& [id, entry] : tables_)
            all.push_back({entry.meta, static_cast<std::uint32_t>(entry.partitions.size()), 7, 70});
        return all;
    }
    TableId highest_table() const override { return tables_.empty() ? TableId{} : tables_.rbegin()->first; }
    Result<void> adopt(TableId, std::uint64_t) override { return {}; }
    Result<std::vector<LostRange>> lost_records(TableId, std::uint64_t, PartitionId,
                                                std::optional<LeaderEpoch> accept) override {
        accepted = accept;
        return std::vector<LostRange>{{10, 20, true}};
    }
    std::optional<LeaderEpoch> accepted;
    Result<void> create(const TableMeta& table, const LeaderEpochs& partitions, bool,
                        const StopCheck&) override {
        std::lock_guard lock(mutex_);
        auto& entry = tables_[table.id];
        entry.meta = std::make_shared<const TableMeta>(table);
        for (const auto& [id, epoch] : partitions)
            if (!entry.partitions.contains(id))
                entry.partitions[id] = std::make_shared<FakePartition>(table.id, id);
        return {};
    }
    Result<void> update(const TableMeta& table, const LeaderEpochs& told) override {
        std::lock_guard lock(mutex_);
        epochs = told;
        tables_[table.id].meta = std::make_shared<const TableMeta>(table);
        return {};
    }
    Result<void> drop(TableId table, std::uint64_t) override {
        std::lock_guard lock(mutex_);
        tables_.erase(table);
        return {};
    }
    LeaderEpochs epochs;  // of the last update
    std::shared_ptr<FakePartition> fake(std::uint64_t table, std::uint32_t id) {
        return tables_.at(TableId{table}).partitions.at(PartitionId{id});
    }

  private:
    struct Entry {
        std::shared_ptr<const TableMeta> meta;
        std::map<PartitionId, std::shared_ptr<FakePartition>> partitions;
    };
    mutable std::mutex mutex_;
    std::map<TableId, Entry> tables_;
};

// A "query" gives `batches` batches of 10 rows; "slow" blocks in next() until it is cancelled.
class FakeQueries final : public QueryService {
  public:
    Result<rpc::PinReply> pin(const std::vector<TableToPin>& tables, std::chrono::milliseconds) override {
        rpc::PinReply result;
        result.view = 7;
        for (const auto& table : tables) {
            auto& cut = result.cut.emplace_back();
            cut.table = table.table->id;
            for (const auto& [id, partition] : table.partitions)
                cut.partitions.push_back({id, partition->end_offset()});
        }
        ++pinned;
        return result;
    }
    Result<PinnedRun> start_pinned(const std::vector<TableToPin>& tables, const QueryStatement& statement,
                                   std::chrono::steady_clock::time_point deadline,
                                   const std::shared_ptr<QueryCancel>& cancel) override {
        PinnedRun started;
        for (const auto& table : tables) {
            auto& cut = started.cut.emplace_back();
            cut.table = table.table->id;
            for (const auto& [id, partition] : table.partitions) {
                DL_TRY_ASSIGN(const auto view,
                              partition->pin_at(table.as_of.contains(id) ? table.as_of.at(id)
                                                                         : partition->end_offset()));
                cut.partitions.push_back({id, view->end_offset()});
            }
            cut.behind = 3;
            cut.rows = 5;
            if (table.keys) keys = *table.keys;
        }
        DL_TRY_ASSIGN(started.run, start(7, statement, deadline, cancel));
        return started;
    }
    void unpin(std::uint64_t) override { --pinned; }
    Result<std::unique_ptr<QueryRun>> start(std::uint64_t view, const QueryStatement& statement,
                                            std::chrono::steady_clock::time_point,
                                            const std::shared_ptr<QueryCancel>& cancel) override {
        if (view != 7)
            return make_error(ErrorCode::not_found, "view " + std::to_string(view) + " is not pinned");
        const auto& sql = statement.sql;
        broadcasts = statement.broadcasts;
        if (sql == "bad") return make_error(ErrorCode::query_error, "Parser Error");
        return std::unique_ptr<QueryRun>(
            std::make_unique<Run>(*this, sql == "slow" ? cancel : nullptr, sql == "whole"));
    }
    int batches = 3;
    std::vector<std::string> keys;           // of the last query that named some
    std::vector<BroadcastTable> broadcasts;  // of the last query
    std::atomic<int> pinned{0}, running{0}, cancelled{0};

  private:
    class Run final : public QueryRun {
      public:
        Run(FakeQueries& owner, std::shared_ptr<QueryCancel> cancel, bool whole)
            : owner_(owner), cancel_(std::move(cancel)), whole_(whole) {
            ++owner_.running;
            rpc::NamedType id;
            id.name = "a \"b\"";
            id.type.kind = TypeKind::int64;
            columns_.push_back(id);
        }
        ~Run() override { --owner_.running; }
        const std::vector<rpc::NamedType>& columns() const override { return columns_; }
        bool is_whole() const override { return whole_; }
        Result<std::optional<ColumnBatch>> next() override {
            if (cancel_) {
                for (int i = 0; i < 5000 && !cancel_->reason(); ++i)
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                if (cancel_->reason()) ++owner_.cancelled;
                return make_error(ErrorCode::cancelled, "cancelled");
            }
            if (given_++ == owner_.batches) return std::optional<ColumnBatch>{};
            return std::optional<ColumnBatch>(
                *ColumnBatch::decode(SharedBytes::from_string(make_body(0, 10)), 10));
        }

      private:
        FakeQueries& owner_;
        std::shared_ptr<QueryCancel> cancel_;
        const bool whole_;
        std::vector<rpc::NamedType> columns_;
        int given_ = 0;
    };
};

}  // namespace dl::slave::test
