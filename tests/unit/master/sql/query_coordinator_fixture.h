// A coordinator over slaves that are databases of this process.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "master/sql/query_planner.h"
#include "master/sql/system_tables.h"
#include "master/sql/worker_coordinator.h"
#include "tests/unit/common/duck/drained_rows.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master::test {

using namespace dl::test;
using namespace std::chrono_literals;

// Who leads the partitions of the tables below, by name.
inline std::map<std::string, std::vector<std::string>> leaders_of;

inline Result<std::string> leader_of(const TableMeta& table, PartitionId partition) {
    const auto& leader = leaders_of.at(table.name).at(partition.value);
    if (!leader.empty()) return leader;
    return make_error(ErrorCode::unavailable, "partition " + std::to_string(partition.value) + " of table '" +
                                                  table.name + "' is on no slave");
}

inline std::shared_ptr<TableMeta> table(std::uint64_t id, const std::string& name,
                                        std::vector<std::string> leaders) {
    auto meta = std::make_shared<TableMeta>();
    meta->id = TableId{id};
    meta->name = name;
    meta->schema.fields = {{FieldId{3}, "id", type_of("int"), true, {}},
                           {FieldId{7}, "city", type_of("string"), false, {}},
                           {FieldId{9}, "price", type_of("decimal(9,2)"), false, {}}};
    meta->next_field_id = FieldId{10};
    meta->schema.id = SchemaId{1};
    meta->incarnation = 1;
    meta->partition_count = static_cast<std::uint32_t>(leaders.size());
    meta->slot_map = default_slot_map(meta->partition_count);
    leaders_of[name] = std::move(leaders);
    return meta;
}

// Slaves as DuckDB databases of their own.
class FakeSlaves : public FragmentRunner {
  public:
    void add_rows(const std::string& node, const std::string& name, const Rows& texts) {
        rows_[node][name].push_back({text_batch({{FieldId{1}, type_of("int")},
                                                 {FieldId{2}, type_of("string")},
                                                 {FieldId{3}, type_of("decimal(9,2)")}},
                                                texts)});
    }
    Result<std::string> leader_of(const TableMeta& meta, PartitionId partition) const override {
        return test::leader_of(meta, partition);
    }
    Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins, std::chrono::milliseconds,
                                            const FragmentCall&) override {
        const std::lock_guard lock(mutex);
        std::vector<PinnedFragment> pinned;
        for (const auto& pin : pins) {
            if (pin.node == down) {
                return make_error(ErrorCode::unavailable, "slave " + pin.node + " does not answer");
            }
        }
        for (const auto& pin : pins) {
            PinnedFragment one{pin.node, next_view++, {}};
            for (const auto& share : pin.tables) {
                auto& cut = one.cut.emplace_back();
                cut.table = share.asked.table.id;
                for (const auto& part : share.asked.partitions) {
                    cut.partitions.push_back({part.partition, 100 + Offset{part.partition.value}});
                    if (part.min_offset) min_offsets[part.partition.value] = *part.min_offset;
                }
                if (const auto told = table_rows.find(cut.table.value); told != table_rows.end())
                    cut.rows = told->second;
            }
            pinned.push_back(one);
            ++pinned_now;
        }
        return pinned;
    }
    Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                  const FragmentStatement& statement,
                                                  const FragmentCall& call) override {
        const auto& [sql, names, broadcasts] = statement;
        {
            const std::lock_guard lock(mutex);
            statements.push_back(pinned.node + ": " + sql);
            for (const auto& table : broadcasts)
                sent_rows.push_back(table->rows());
        }
        auto stream = std::make_unique<Stream>();
        stream->owner = this;
        stream->call = call;
        stream->node = pinned.node;
        stream->session = open_session(*database_);
        for (const auto& [name, id] : names) {
            const auto handle = stream->session->add_scan(std::make_shared<MemorySource>(
                std::vector{field_column("id", 1, "int"), field_column("city", 2, "string"),
                            field_column("price", 3, "decimal(9,2)")},
                rows_[pinned.node][name]));
            DL_TRY(
                stream->session->create_view(name, "SELECT * FROM dl_scan(" + std::to_string(handle) + ")"));
        }
        for (const auto& table : broadcasts) {
            std::vector<ScanColumn> columns;
            auto positions = std::make_shared<std::vector<std::uint32_t>>();
            for (const auto& column : table->columns) {
                positions->push_back(static_cast<std::uint32_t>(columns.size()));
                columns.push_back({column.name, ScanColumn::Source::field, FieldId{0}, column.type, {}});
            }
            std::vector<ScanUnit> units;
            for (const auto& batch : table->batches) {
                units.push_back({batch});
                units.back().batch_columns = positions;
            }
            const auto handle = stream->session->add_scan(std::make_shared<MemorySource>(columns, units));
            DL_TRY(stream->session->create_view(table->name,
                                                "SELECT * FROM dl_scan(" + std::to_string(handle) + ")"));
        }
        DL_TRY_ASSIGN(stream->result, stream->session->query(sql));
        return std::unique_ptr<FragmentStream>(std::move(stream));
    }
    Result<PinnedStream> pin_and_query(const FragmentPin& asked, const std::string& sql,
                                       const std::map<std::string, TableId>& names,
                                       const FragmentCall& call) override {
        DL_TRY_ASSIGN(auto pinned, pin({asked}, 1s, call));
        PinnedStream started;
        started.cut = pinned.front();
        auto stream = query(pinned.front(), {sql, names, {}}, call);
        unpin(pinned);
        if (!stream) return stream.error();
        started.stream = std::move(*stream);
        return started;
    }
    void unpin(const std::vector<PinnedFragment>& pinned) override {
        const std::lock_guard lock(mutex);
        pinned_now -= pinned.size();
    }

    struct Stream : FragmentStream {
        const std::vector<ResultColumn>& columns() const override { return result->columns(); }
        Result<std::optional<ColumnBatch>> next() override {
            if (owner->hang) {
                while (!call.cancel->reason())
                    std::this_thread::sleep_for(1ms);
                return make_error(ErrorCode::unavailable, "connection to slave " + node + " was closed");
            }
            if (node == owner->breaks)
                return make_error(ErrorCode::unavailable, "slave " + node + " is gone");
            return result->next();
        }
        FakeSlaves* owner = nullptr;
        FragmentCall call;
        std::string node;
        std::unique_ptr<DuckSession> session;
        std::unique_ptr<DuckResult> result;
    };

    std::mutex mutex;
    std::vector<std::string> statements;
    std::map<std::uint32_t, Offset> min_offsets;
    std::map<std::uint64_t, std::uint64_t> table_rows;  // by table id: what each slave tells of it
    std::vector<std::size_t> sent_rows;                 // of tables that went along
    std::size_t pinned_now = 0;
    std::uint64_t next_view = 1;
    std::string down, breaks;
    std::atomic<bool> hang{false};

  private:
    std::shared_ptr<DuckDatabase> database_ = open_database();
    std::map<std::string, std::map<std::string, std::vector<ScanUnit>>> rows_;
};

// Of a catalog without views.
class NoViews final : public SystemTables {
  public:
    Result<SystemTable> read(const std::string& schema, const std::string& table) const override {
        if (schema != "system" || table != "views")
            return make_error(ErrorCode::table_not_found, "no table " + schema + "." + table);
        return SystemTable{{{"name", "VARCHAR"}, {"columns", "VARCHAR"}, {"sql", "VARCHAR"}}, "[]"};
    }
};

class CoordinatorFixture : public ::testing::Test {
  protected:
    CoordinatorFixture() {
        tables_["flights"] = table(1, "flights", {"a:1", "b:1", "a:1"});
        tables_["cities"] = table(2, "cities", {"b:1"});
        slaves_.add_rows("a:1", "flights", {{"1", "Rome", "1.50"}, {"2", "Oslo", "2.50"}, {"4", "~", "~"}});
        slaves_.add_rows("b:1", "flights", {{"3", "Rome", "10.00"}});
        slaves_.add_rows("b:1", "cities",
                         {{"1", "Rome", "0.00"}, {"2", "Oslo", "0.00"}, {"3", "Bern", "0.00"}});
    }
    ~CoordinatorFixture() override { EXPECT_EQ(slaves_.pinned_now, 0u); }

    TableLookup lookup() {
        return [this](const std::string& name) -> Result<std::shared_ptr<const TableMeta>> {
            const auto found = tables_.find(name);
            if (found == tables_.end())
                return make_error(ErrorCode::table_not_found,
                                  "no table '" + name + "', did you mean 'flights'?");
            return std::shared_ptr<const TableMeta>(found->second);
        };
    }
    Result<std::unique_ptr<QueryStream>> start(const std::string& sql, std::chrono::milliseconds time = 10s,
                                               std::map<std::uint32_t, Offset> min = {}) {
        return coordinator_->run(
            sql, lookup(), {std::chrono::steady_clock::now() + time, {std::move(min), {}}, params_}, cancel_);
    }
    // "name type, ...; type; ..." of columns and parameters.
    std::string shape(const std::string& sql) {
        const auto shape = coordinator_->describe(
            sql, lookup(), {std::chrono::steady_clock::now() + 10s, {}, params_}, cancel_);
        if (!shape) return shape.error().to_text();
        std::string text;
        for (const auto& column : shape->columns)
            text += (text.empty() ? "" : ", ") + column.name + ' ' +
                    (column.type ? type_name(*column.type) : "any");
        for (const auto& type : shape->parameters)
            text += "; " + (type ? type_name(*type) : "any");
        return text;
    }
    Result<Rows> run(const std::string& sql, std::chrono::milliseconds time = 10s) {
        DL_TRY_ASSIGN(auto stream, start(sql, time));
        return dl::test::drained(*stream);
    }
    Rows rows(const std::string& sql) { return dl::test::expected_rows(sql, run(sql)); }

    FakeSlaves slaves_;
    SqlParameters params_;
    std::map<std::string, std::shared_ptr<const TableMeta>> tables_;
    std::shared_ptr<QueryCancel> cancel_ = std::make_shared<QueryCancel>();
    std::unique_ptr<QueryCoordinator> coordinator_;  // over `slaves_`
};

inline WorkerSettings worker_settings() {
    WorkerSettings settings;
    settings.ready = 1;
    settings.threads = 2;
    settings.memory_bytes = 512u << 20;
    return settings;
}

}  // namespace dl::master::test
