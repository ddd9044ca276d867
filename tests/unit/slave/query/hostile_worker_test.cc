// A process for queries that does what it wants: the slave believes nothing of it, its memory stays bounded,
// and the next statement is answered.
#include "tests/unit/common/worker/hostile_worker.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>

#include "common/base/log.h"
#include "tests/unit/slave/query/hostile_fragment_worker.h"
#include "tests/unit/slave/query/query_fixture.h"

namespace dl::slave::test {
namespace {

using dl::test::HostileWorker;
using Clock = std::chrono::steady_clock;

const std::vector<ResultColumn> kColumns{{"id", {TypeKind::int32, 0, 0}}, {"text", {TypeKind::string, 0, 0}}};

std::string rows_frame(const ColumnBatch& batch, std::uint32_t rows) {
    std::string bytes;
    append_le(bytes, rows);
    return bytes += batch.body().view();
}

ColumnBatch good_batch() {
    return text_batch({{FieldId{1}, type_of("int")}, {FieldId{2}, type_of("string")}},
                      {{"1", "first"}, {"2", "second"}});
}

std::string with_bad_text(std::string bytes) {
    bytes.replace(bytes.find("first"), 5, "\xff\xfe\x80zz");
    return bytes;
}

std::string json_rows(const std::string& text) {
    return rows_frame(text_batch({{FieldId{1}, type_of("string")}}, {{text}}), 1);
}

// The kind byte of the first column in the directory of a body.
std::string as_json(std::string bytes) {
    const auto from = static_cast<char>(TypeKind::string);
    const auto at = bytes.find(from, 4 + 8);
    bytes[at] = static_cast<char>(TypeKind::json);
    return bytes;
}

void act(HostileWorker& worker, std::string_view what) {
    const auto columns = [&] { worker.send(WorkerFrame::columns, encode_columns(kColumns)); };
    const auto batch = good_batch();
    if (what == "length") return worker.send_raw(4, 0, std::uint64_t{1} << 60, "");
    if (what == "descriptors") return worker.send_raw(4, 7, 0, "");
    if (what == "kind") return worker.send_kind(4711, "");
    if (what == "cut short") {
        worker.send_raw(4, 0, 1000, "only this");
        ::_exit(0);
    }
    if (what == "rows first") return worker.send(WorkerFrame::rows, rows_frame(batch, 2));
    if (what == "end first") return worker.send(WorkerFrame::end, "");
    if (what == "call") return worker.send(WorkerFrame::call, "whatever");
    if (what == "columns twice") {
        columns();
        return columns();
    }
    if (what == "columns cut") {
        std::string bytes;
        append_le(bytes, std::numeric_limits<std::uint32_t>::max());
        return worker.send(WorkerFrame::columns, bytes + "abc");
    }
    if (what == "many columns") {
        constexpr std::uint32_t kMany = 20'000'000;
        std::string bytes, column;
        append_le(bytes, kMany);
        append_string(column, "");
        column += static_cast<char>(TypeKind::int32);
        column += std::string(2, '\0');
        for (std::uint32_t i = 0; i < kMany; ++i)
            bytes += column;
        return worker.send(WorkerFrame::columns, bytes);
    }
    if (what == "type")
        return worker.send(WorkerFrame::columns, encode_columns({{"x", {TypeKind{99}, 0, 0}}}));
    if (what == "decimal")
        return worker.send(WorkerFrame::columns, encode_columns({{"x", {TypeKind::decimal, 200, 250}}}));
    if (what == "name")
        return worker.send(WorkerFrame::columns, encode_columns({{"\xff\xfe", {TypeKind::int32, 0, 0}}}));
    if (what == "json" || what == "good json") {
        worker.send(WorkerFrame::columns, encode_columns({{"j", {TypeKind::json, 0, 0}}}));
        worker.send(WorkerFrame::rows, as_json(json_rows(what == "json" ? "1}, {\"x\": 2" : "[1, 2]")));
        return worker.send(WorkerFrame::end, "");
    }
    if (what.starts_with("error")) {
        WorkerFailure failure{false, make_error(ErrorCode::query_error, "bad \xff\xfe text")};
        auto bytes = failure.encode();
        if (what == "error code") bytes[0] = static_cast<char>(250);
        if (what == "error cut") bytes.resize(4);
        if (what == "error long") {
            failure.error.message.assign(32u << 20, 'x');
            bytes = failure.encode();
        }
        return worker.send(WorkerFrame::failed, bytes);
    }
    if (what == "silence") HostileWorker::sleep();
    columns();
    if (what == "no rows") return worker.send(WorkerFrame::rows, rows_frame(batch, 0));
    if (what == "more rows") return worker.send(WorkerFrame::rows, rows_frame(batch, 4'000'000'000u));
    if (what == "short rows") return worker.send(WorkerFrame::rows, "ab");
    if (what == "no batch") return worker.send(WorkerFrame::rows, std::string(1000, '\x7f'));
    if (what == "other columns") return worker.send(WorkerFrame::rows, json_rows("x"));
    if (what == "text") return worker.send(WorkerFrame::rows, with_bad_text(rows_frame(batch, 2)));
    if (what == "offsets") {
        auto bytes = rows_frame(batch, 2);
        // Offsets of the texts: the end of the second behind the heap.
        for (std::size_t at = 0; at + 12 <= bytes.size(); ++at) {
            char expected[12];
            store_le(expected, std::uint32_t{0});
            store_le(expected + 4, std::uint32_t{5});
            store_le(expected + 8, std::uint32_t{11});
            if (bytes.compare(at, 12, expected, 12) == 0)
                store_le(bytes.data() + at + 8, std::uint32_t{1u << 30});
        }
        return worker.send(WorkerFrame::rows, bytes);
    }
    worker.send(WorkerFrame::rows, rows_frame(batch, 2));
    if (what == "endless") {
        for (;;)
            worker.send(WorkerFrame::rows, rows_frame(batch, 2));
    }
    if (what == "hangs") HostileWorker::sleep();
    worker.send(WorkerFrame::end, "");
    if (what == "more behind the end") {
        columns();
        worker.send(WorkerFrame::rows, rows_frame(batch, 2));
    }
}

std::uint64_t own_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
    return 0;
}

class HostileWorkerTest : public QueryFixture {
  protected:
    HostileWorkerTest() {
        set_log_level(LogLevel::off);
        pin({std::make_shared<TestView>()});
        auto settings = worker_settings();
        settings.program = dl::test::hostile_program(folder_.path("taken over"));
        auto started = WorkerExecutor::create(std::move(settings));
        EXPECT_TRUE(started) << started.error().to_text();
        executor_ = std::move(*started);
    }
    ~HostileWorkerTest() override { set_log_level(LogLevel::info); }
    Result<Rows> told(const std::string& what, std::chrono::milliseconds time = 30s) {
        return run(query("SELECT 'hostile:" + what + "' FROM t", time));
    }
    void expect_serving() {
        const auto rows = told("good");
        ASSERT_TRUE(rows) << rows.error().to_text();
        EXPECT_EQ(*rows, (Rows{{"1", "first"}, {"2", "second"}}));
    }
};

TEST_F(HostileWorkerTest, WhatIsNoAnswerEndsItsStatementAlone) {
    expect_serving();
    const auto before = own_kib();
    for (const char* what :
         {"length", "descriptors",   "kind",        "cut short",    "rows first", "end first",
          "call",   "columns twice", "columns cut", "many columns", "type",       "decimal",
          "name",   "no rows",       "more rows",   "short rows",   "no batch",   "other columns",
          "text",   "offsets",       "json",        "error code",   "error cut"}) {
        const auto rows = told(what);
        ASSERT_FALSE(rows) << what;
        EXPECT_EQ(rows.error().code, ErrorCode::crashed) << what << ": " << rows.error().to_text();
        expect_serving();
    }
    const auto json = told("good json");
    ASSERT_TRUE(json) << json.error().to_text();
    EXPECT_EQ(*json, (Rows{{"[1, 2]"}}));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(own_kib(), before + (512u << 10)) << "KiB: 140 MB is the largest frame of these";
#endif
}

TEST_F(HostileWorkerTest, AnErrorIsReadableAndShort) {
    for (const char* what : {"error", "error long"}) {
        const auto rows = told(what);
        ASSERT_FALSE(rows) << what;
        EXPECT_EQ(rows.error().code, ErrorCode::query_error) << what;
        EXPECT_LE(rows.error().message.size(), 1u << 20) << what;
        EXPECT_EQ(rows.error().message.find('\xff'), std::string::npos) << what;
        expect_serving();
    }
}

// The first rows have come already.
TEST_F(HostileWorkerTest, AnAnswerThatNeverEndsEndsWithItsTime) {
    for (const char* what : {"silence", "hangs", "endless"}) {
        const auto begin = Clock::now();
        const auto rows = told(what, 400ms);
        ASSERT_FALSE(rows) << what;
        EXPECT_EQ(rows.error().code, ErrorCode::timeout) << what << ": " << rows.error().to_text();
        EXPECT_LT(Clock::now() - begin, 4s) << what;
        expect_serving();
    }
}

// Who takes three batches of an endless result is not sent the others.
TEST_F(HostileWorkerTest, RowsThatNobodyTakesStayWithTheirSender) {
    auto running = executor_->start(query("SELECT 'hostile:endless'", 60s));
    ASSERT_TRUE(running) << running.error().to_text();
    const auto before = own_kib();
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE((*running)->next());
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(own_kib(), before + (64u << 10)) << "KiB";
    running->reset();
    expect_serving();
}

TEST_F(HostileWorkerTest, WhatComesBehindTheEndIsNoAnswerToTheNextStatement) {
    for (int i = 0; i < 3; ++i) {
        const auto rows = told("more behind the end");
        ASSERT_TRUE(rows) << rows.error().to_text();
        EXPECT_EQ(rows->size(), 2u);
        std::this_thread::sleep_for(100ms);
        expect_serving();
    }
}

}  // namespace

void serve_hostile_fragments() {
    HostileWorker().serve(act);
}

}  // namespace dl::slave::test
