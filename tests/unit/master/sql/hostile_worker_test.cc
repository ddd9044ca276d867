// A process for SELECTs that does what it wants: the master believes nothing of it, and the next statement is
// answered.
#include "tests/unit/common/worker/hostile_worker.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "common/base/log.h"
#include "master/sql/worker_messages.h"
#include "tests/unit/master/sql/hostile_select_worker.h"
#include "tests/unit/master/sql/query_coordinator_fixture.h"

namespace dl::master::test {
namespace {

using dl::test::HostileWorker;
using Clock = std::chrono::steady_clock;

std::string call_bytes(std::uint32_t id, WorkerCall method, const std::string& json,
                       std::string_view attached = {}) {
    std::string bytes;
    append_le(bytes, id);
    append_le(bytes, static_cast<std::uint8_t>(method));
    append_string(bytes, json);
    return bytes += attached;
}

NodePin flights(std::uint64_t table = 1, std::uint32_t partition = 0) {
    NodePin pin{"a:1", {}};
    auto& asked = pin.tables.emplace_back();
    asked.table.id = TableId{table};
    asked.table.incarnation = 1;
    asked.schema = SchemaId{1};
    auto& part = asked.partitions.emplace_back();
    part.partition = PartitionId{partition};
    part.leader_epoch = LeaderEpoch{1};
    return pin;
}

void act(HostileWorker& worker, std::string_view what) {
    const auto call = [&](WorkerCall method, const std::string& json, std::string_view attached = {}) {
        worker.send(WorkerFrame::call, call_bytes(7, method, json, attached));
    };
    const auto head = [&](const std::string& json) {
        std::string bytes;
        append_string(bytes, json);
        worker.send(WorkerFrame::columns, bytes);
    };
    const auto pinned = [&] {
        call(WorkerCall::pin, rpc::encode(PinAsked{{flights()}, 1000}));
        worker.await_answer();
    };
    const auto opened = [&] {
        pinned();
        call(WorkerCall::open, rpc::encode(OpenAsked{0, {{"flights", TableId{1}}}, {}}),
             "SELECT * FROM flights");
        worker.await_answer();
    };
    if (what == "short call") return worker.send(WorkerFrame::call, "ab");
    if (what == "no call") return worker.send(WorkerFrame::call, call_bytes(1, WorkerCall{77}, "{}"));
    if (what == "no envelope") {
        std::string bytes;
        append_le(bytes, std::uint32_t{1});
        append_le(bytes, static_cast<std::uint8_t>(WorkerCall::table));
        append_le(bytes, std::uint32_t{4'000'000'000u});
        return worker.send(WorkerFrame::call, bytes);
    }
    if (what == "no json") return call(WorkerCall::table, "{\"name\":");
    if (what == "deep json") return call(WorkerCall::pin, std::string(5'000'000, '['));
    if (what == "text json") return call(WorkerCall::table, "{\"name\":\"\xff\xfe\"}");
    if (what == "other table") return call(WorkerCall::pin, rpc::encode(PinAsked{{flights(2)}, 1000}));
    if (what == "no table") return call(WorkerCall::pin, rpc::encode(PinAsked{{flights(4711)}, 1000}));
    if (what == "no partition") return call(WorkerCall::pin, rpc::encode(PinAsked{{flights(1, 9)}, 1000}));
    if (what == "no partition, far")
        return call(WorkerCall::leader, rpc::encode(LeaderAsked{"flights", PartitionId{99}}));
    if (what == "many pins")
        return call(WorkerCall::pin, rpc::encode(PinAsked{std::vector<NodePin>(5000, flights()), 1000}));
    if (what == "no lease") return call(WorkerCall::pin, rpc::encode(PinAsked{{flights()}, -5}));
    if (what == "no cut") return call(WorkerCall::open, rpc::encode(OpenAsked{3, {}, {}}), "SELECT 1");
    if (what == "no broadcast") {
        pinned();
        return call(WorkerCall::open, rpc::encode(OpenAsked{0, {}, {5}}), "SELECT 1");
    }
    if (what == "broadcast")
        return call(WorkerCall::broadcast,
                    "{\"name\":\"b\",\"columns\":[],\"batches\":[{\"rows\":9,\"bytes\":900}]}", "xyz");
    if (what == "no stream") return call(WorkerCall::next, rpc::encode(Numbered{12}));
    if (what == "close nothing") return call(WorkerCall::close, rpc::encode(Numbered{12}));
    if (what == "close twice") {
        opened();
        call(WorkerCall::close, rpc::encode(Numbered{1}));
        return call(WorkerCall::close, rpc::encode(Numbered{1}));
    }
    if (what == "next behind close") {
        opened();
        call(WorkerCall::close, rpc::encode(Numbered{1}));
        return call(WorkerCall::next, rpc::encode(Numbered{1}));
    }
    if (what == "endless opens") {
        pinned();
        for (;;)
            call(WorkerCall::open, rpc::encode(OpenAsked{0, {{"flights", TableId{1}}}, {}}),
                 "SELECT id FROM flights");
    }
    if (what == "whole of others") {
        return head(rpc::encode(ResultHead{{}, WholeAsked{flights(2), {}}}));
    }
    if (what == "head") return head("[]");
    if (what == "head text") return head("{\"columns\":[{\"name\":\"\xff\",\"type\":\"int\"}]}");
    if (what == "rows first") return worker.send(WorkerFrame::rows, std::string(100, 'x'));
    if (what == "kind") return worker.send_kind(4711, "");
    if (what == "silence") HostileWorker::sleep();
    if (what == "deaf") {
        // Asks for ever, reads no answer.
        for (;;)
            call(WorkerCall::table, rpc::encode(TableAsked{"flights"}));
    }
    if (what == "left open") {
        opened();
        call(WorkerCall::next, rpc::encode(Numbered{1}));
    }
    head(rpc::encode(ResultHead{{{"n", {TypeKind::int32, 0, 0}}}, {}}));
    std::string bytes;
    append_le(bytes, std::uint32_t{1});
    bytes += dl::test::text_batch({{FieldId{1}, type_of("int")}}, {{"42"}}).body().view();
    worker.send(WorkerFrame::rows, bytes);
    worker.send(WorkerFrame::end, "");
}

class HostileWorkerTest : public CoordinatorFixture {
  protected:
    HostileWorkerTest() {
        set_log_level(LogLevel::off);
        auto settings = worker_settings();
        settings.program = dl::test::hostile_program(folder_.path("taken over"));
        auto started = WorkerCoordinator::start(std::move(settings), slaves_);
        EXPECT_TRUE(started) << started.error().to_text();
        coordinator_ = std::move(*started);
    }
    ~HostileWorkerTest() override {
        coordinator_.reset();
        set_log_level(LogLevel::info);
    }
    Result<Rows> told(const std::string& what, std::chrono::milliseconds time = 30s) {
        cancel_ = std::make_shared<QueryCancel>();
        return run("SELECT 'hostile:" + what + "' FROM flights", time);
    }
    void expect_serving(const std::string& behind) {
        const auto rows = told("good");
        ASSERT_TRUE(rows) << behind << ": " << rows.error().to_text();
        EXPECT_EQ(*rows, (Rows{{"42"}})) << behind;
        EXPECT_EQ(slaves_.pinned_now, 0u) << behind;
    }

    dl::test::TempFolder folder_;
};

TEST_F(HostileWorkerTest, WhatIsNoAnswerEndsItsStatementAlone) {
    expect_serving("the start");
    for (const char* what :
         {"short call",      "no call",       "no envelope", "no json",           "deep json",
          "text json",       "other table",   "no table",    "no partition",      "no partition, far",
          "many pins",       "no lease",      "no cut",      "no broadcast",      "broadcast",
          "no stream",       "close nothing", "close twice", "next behind close", "endless opens",
          "whole of others", "head",          "head text",   "rows first",        "kind"}) {
        const auto rows = told(what);
        ASSERT_FALSE(rows) << what;
        EXPECT_EQ(rows.error().code, ErrorCode::crashed) << what << ": " << rows.error().to_text();
        expect_serving(what);
    }
}

TEST_F(HostileWorkerTest, WhoAsksForEverOrNeverEndsWithItsTime) {
    for (const char* what : {"silence", "deaf"}) {
        const auto begin = Clock::now();
        const auto rows = told(what, 400ms);
        ASSERT_FALSE(rows) << what;
        EXPECT_EQ(rows.error().code, ErrorCode::timeout) << what << ": " << rows.error().to_text();
        EXPECT_LT(Clock::now() - begin, 5s) << what;
        expect_serving(what);
    }
}

TEST_F(HostileWorkerTest, WhatItLeavesOpenIsClosed) {
    const auto rows = told("left open");
    ASSERT_TRUE(rows) << rows.error().to_text();
    expect_serving("what was left open");
}

}  // namespace

void serve_hostile_selects() {
    HostileWorker().serve(act);
}

}  // namespace dl::master::test
