// Tables with several copies, as their users see them.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/support/copies_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

class CopiesTest : public CopiesFixture {
  protected:
    std::size_t held_by_all() {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < cluster().slave_count(); ++i)
            sum += held(i).size();
        return sum;
    }
    // The table t, in ten batches, with so many copies beside the first one, all in sync.
    void write_thousand_rows(RawClient& client, int others) {
        must(client,
             sql("create table t(id int primary key, v int) replicas.number = " + std::to_string(others)));
        for (int i = 0; i < 10; ++i)
            must(client, batch(i * 100, i * 100 + 100));
        ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    }
    // Acknowledged records are gone from every log of a slave that is stopped.
    void cut_logs(std::size_t slave) {
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(cluster().slave_data(slave) + "/tables"))
            if (file.path().extension() == ".log") std::filesystem::resize_file(file.path(), 100);
    }
};

TEST_F(CopiesTest, CopiesThatAreNotWantedAnyMoreGo) {
    start({.slaves = 3});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) partition.number = 3, replicas.number = 2"));
    must(client, batch(0, 300));
    EXPECT_EQ(held_by_all(), 9u);
    must(client, sql("alter table t set copies = 1"));
    EXPECT_TRUE(wait_until(seconds(30), [&] { return held_by_all() == 3; }));
    EXPECT_EQ(value(client, "select count(*) from t"), 300);
    // Every statement about the table goes on without those that have none of it.
    must(client, sql("alter table t add extra string default 'e'"));
    must(client, sql("alter table t set copies = 2"));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    EXPECT_EQ(held_by_all(), 6u);
    EXPECT_EQ(value(client, "select count(*) from t where extra = 'e'"), 300);
    must(client, sql("drop table t"));
    EXPECT_TRUE(wait_until(seconds(30), [&] { return held_by_all() == 0; }));
    EXPECT_TRUE(must(client, sql("show orphans")).frames.empty());
}

// Nobody writes meanwhile: it leaves the set all the same.
TEST_F(CopiesTest, ADamagedFollowerIsMadeAnewByItself) {
    start({.slaves = 2});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 1"));
    must(client, batch(0, 1000));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    const auto damaged = (slave_at(leader(client)) + 1) % 2;
    cluster().slave(damaged).stop();  // in good order: what is missing is noticed
    cut_logs(damaged);
    cluster().start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return held(damaged).size() == 2; })) << health();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    EXPECT_TRUE(held(damaged).begin()->starts_with("p0"));
    EXPECT_TRUE(held(damaged).rbegin()->starts_with("p0.damaged.")) << "what was damaged is kept";
    // It holds everything: the other goes.
    cluster().slave(1 - damaged).stop();
    EXPECT_TRUE(wait_until(seconds(30), [&] {
        auto reader = connect();
        const auto counted = reader.request(sql("select count(*) as n from t"));
        return counted.ok() && !counted.frames.empty() && counted.frames[0].find("1000") != std::string::npos;
    }));
}

TEST_F(CopiesTest, TheStatusSaysWhatASlaveSaysOfItsCopy) {
    start({.slaves = 2});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int)"));
    must(client, batch(0, 100));
    const auto damaged = slave_at(leader(client));
    cluster().slave(damaged).stop();  // in good order: what is missing is noticed
    cut_logs(damaged);
    cluster().slave(damaged).start();
    ASSERT_TRUE(wait_until(seconds(30), [&] {
        return health().find("which leads it, says:") != std::string::npos;
    })) << health();
    EXPECT_THAT(health(), HasSubstr("not served"));
    EXPECT_THAT(health(), HasSubstr("CORRUPT_DATA"));
    EXPECT_THAT(health(), HasSubstr("accept loss of table t partition 0"));
    EXPECT_EQ(held(damaged).size(), 1u) << "the only copy is left as it is";
}

// Column files have been merged, so that what was replaced is in the leader's log alone.
TEST_F(CopiesTest, ACopyMadeAnewHasTheHistory) {
    start({.slaves = 2,
           .slave_properties = {{"slave.file.segment.bytes", "65536"},
                                {"slave.compaction.bytes.min", "0"},
                                {"slave.compaction.files.min", "2"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 1"));
    constexpr int kRounds = 150;
    for (int i = 0; i < kRounds; ++i)
        must(client, batch(0, 300));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    for (std::size_t i = 0; i < 2; ++i)
        ASSERT_TRUE(wait_until(seconds(30), [&] {
            return cluster().slave(i).log_text().find("compaction: partition") != std::string::npos;
        }));
    const auto offsets = must(client, sql("show offsets t")).frames;
    const auto led = slave_at(leader(client));
    must(client, sql("refill table t"));
    ASSERT_TRUE(wait_until(seconds(60), [&] { return held(1 - led).size() == 2 && is_well(); })) << health();
    cluster().slave(led).stop();
    std::vector<std::string> now;
    EXPECT_TRUE(wait_until(seconds(30),
                           [&] {
                               now = connect().request(sql("show offsets t")).frames;
                               return now == offsets;
                           }))
        << ::testing::PrintToString(offsets) << ::testing::PrintToString(now);
    auto reader = connect();
    const auto read = must(reader, R"({"stream_read":{"table_name":"t","read_count":1000000},)"
                                   R"("options":{"format":"json"}})");
    std::int64_t records = 0;
    for (const auto& frame : read.frames) {
        const auto record = json::parse(frame);
        if (!record.contains("offset")) continue;
        ASSERT_EQ(record["offset"], records);
        ++records;
    }
    EXPECT_EQ(records, 300 * kRounds);
}

// Each of the two orders would leave enough, and both together too few.
TEST_F(CopiesTest, TwoCopiesOfAPartitionAreNotGivenUpTogether) {
    start({.slaves = 3});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 2"));
    must(client, batch(0, 1000));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    const auto led = slave_at(leader(client));
    std::vector<std::size_t> followers{(led + 1) % 3, (led + 2) % 3};
    const auto give_up = [&](std::size_t slave) {
        auto own = connect();
        return own.request(sql("refill table t partition 0 on '" + cluster().slave(slave).address() + "'"));
    };
    // One right behind the other, then both at once.
    EXPECT_TRUE(give_up(followers[0]).ok());
    const auto second = give_up(followers[1]);
    EXPECT_EQ(second.code(), "INVALID_REQUEST") << second.text;
    EXPECT_THAT(second.text, HasSubstr("a write needs 2 (min_in_sync)"));
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    EXPECT_EQ(held(followers[0]).size(), 2u) << "what was there is kept";
    EXPECT_EQ(held(followers[1]).size(), 1u) << "it was left as it is";
    std::vector<Reply> replies(2);
    {
        std::vector<std::thread> both;
        for (std::size_t i = 0; i < 2; ++i)
            both.emplace_back([&, i] { replies[i] = give_up(followers[i]); });
        for (auto& one : both)
            one.join();
    }
    EXPECT_NE(replies[0].ok(), replies[1].ok()) << replies[0].text << "\n" << replies[1].text;
    const auto& refused = replies[0].ok() ? replies[1] : replies[0];
    EXPECT_EQ(refused.code(), "INVALID_REQUEST") << refused.text;
    must(client, batch(1000, 1100));
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    EXPECT_EQ(held(followers[0]).size() + held(followers[1]).size(), 4u);
    EXPECT_EQ(value(client, "select count(*) from t"), 1100);
}

// No copy is whole: that is said, nothing is elected or made anew, and after the loss is accepted there are
// as many copies as before.
TEST_F(CopiesTest, WhenAllCopiesHaveLostRecordsTheLossIsAcceptedByOrder) {
    start({.slaves = 2});
    auto client = connect();
    write_thousand_rows(client, 1);
    for (std::size_t i = 0; i < 2; ++i)
        cluster().slave(i).stop();  // in good order: what is missing is noticed
    for (std::size_t i = 0; i < 2; ++i)
        cut_logs(i);
    cluster().slave(0).start();
    EXPECT_TRUE(wait_until(seconds(30), [&] { return health().find("no leader") != std::string::npos; }))
        << health();
    EXPECT_THAT(must_fail(client, sql("accept loss of table t partition 0"), "UNAVAILABLE"),
                HasSubstr(cluster().slave(1).address()))
        << "one that is away may be whole";
    cluster().slave(1).start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return health().find("CORRUPT_DATA") != std::string::npos; }))
        << health();
    EXPECT_EQ(held(0).size() + held(1).size(), 2u) << "nothing is made anew from nothing";
    EXPECT_THAT(health(), HasSubstr("impaired"));
    EXPECT_THAT(health(), HasSubstr("accept loss of table t partition 0"));
    std::string text;
    ASSERT_TRUE(wait_until(seconds(30),
                           [&] {
                               const auto reply = client.request(sql("accept loss of table t partition 0"));
                               text = reply.text;
                               for (const auto& frame : reply.frames)
                                   text += frame;
                               return reply.ok();
                           }))
        << text << health();
    EXPECT_THAT(text, HasSubstr("first_offset"));
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    client = connect();
    must(client, batch(5000, 5010));
    EXPECT_GE(value(client, "select count(*) from t").get<int>(), 10);
    EXPECT_GE(held(0).size() + held(1).size(), 3u) << "the other one was made anew, what it had is kept";
}

// What is missing is as bad as what is damaged.
TEST_F(CopiesTest, ACopyThatMissesAFileIsMadeAnew) {
    start({.slaves = 3, .slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    // Without a history, so that the log has no records to write a column file anew from.
    must(client, sql("create table t(id int primary key, v int) replicas.number = 2, history.hours = 0"));
    for (int i = 0; i < 30; ++i)
        must(client, batch(i * 1000, i * 1000 + 1000));
    must(client, sql("compress t"));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    const auto damaged = (slave_at(leader(client)) + 1) % 3;
    for (const std::string missing : {".parquet", "manifest", "batch-ids"}) {
        cluster().slave(damaged).stop();
        std::vector<std::filesystem::path> files;
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(cluster().slave_data(damaged) + "/tables"))
            if (file.path().filename().string().find(missing) != std::string::npos &&
                file.path().string().find("damaged") == std::string::npos)
                files.push_back(file.path());
        ASSERT_FALSE(files.empty()) << missing;
        std::filesystem::remove(*std::min_element(files.begin(), files.end()));
        cluster().slave(damaged).start();
        ASSERT_TRUE(wait_until(seconds(60), [&] { return held(damaged).size() > 1 && is_well(); }))
            << missing << health();
        for (const auto& name : held(damaged))
            if (name != "p0")
                std::filesystem::remove_all(cluster().slave_data(damaged) + "/tables/t1/" + name);
    }
    EXPECT_EQ(value(client, "select count(*) from t"), 30000);
}

// The master's catalog is put back as it was before an election; who led then comes back, too.
TEST_F(CopiesTest, ACatalogOlderThanAnElectionGivesNoEpochTwice) {
    start({.slaves = 3});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v int) replicas.number = 1"));
    must(client, batch(0, 500));
    ASSERT_TRUE(wait_until(seconds(30), [&] { return is_well(); })) << health();
    const auto first = leader(client);
    const auto data = cluster().master_data(), backup = data + ".backup";
    const auto start_master = [&] {
        cluster().master().start();
        ASSERT_TRUE(wait_until(seconds(30), [&] { return !health().empty(); }));
    };
    cluster().master().stop();
    std::filesystem::copy(data, backup, std::filesystem::copy_options::recursive);
    start_master();
    auto& held_one = cluster().slave(slave_at(first));
    held_one.send_signal(SIGSTOP);
    ASSERT_TRUE(wait_until(seconds(30), [&] {
        auto writer = connect();
        return writer.request(batch(500, 1000)).ok();
    })) << health();
    cluster().master().stop();
    std::filesystem::remove_all(data);
    std::filesystem::rename(backup, data);
    held_one.send_signal(SIGCONT);
    start_master();
    ASSERT_TRUE(wait_until(seconds(60), [&] {
        auto writer = connect();
        return writer.request(batch(1000, 1500)).ok() && is_well();
    })) << health();
    auto reader = connect();
    EXPECT_EQ(value(reader, "select count(*) from t"), 1500);
    EXPECT_EQ(value(reader, "select count(distinct id) from t"), 1500);
}

// Who led when everything stopped comes back without its records, and is still taken for the leader for a
// moment: what it says alone is not enough.
TEST_F(CopiesTest, NoLossIsAcceptedWhileACopyIsAwayThatMayBeWhole) {
    start({.slaves = 3});
    auto client = connect();
    write_thousand_rows(client, 2);
    const auto away = (slave_at(leader(client)) + 1) % 3;
    cluster().master().stop();
    for (std::size_t i = 0; i < 3; ++i)
        cluster().slave(i).stop();
    for (std::size_t i = 0; i < 3; ++i) {
        if (i == away) continue;
        cut_logs(i);
        cluster().slave(i).start();
    }
    cluster().master().start();
    ASSERT_TRUE(wait_until(seconds(30), [&] { return !health().empty(); }));
    auto again = connect();
    const auto until = std::chrono::steady_clock::now() + seconds(5);
    do {
        const auto reply = again.request(sql("accept loss of table t partition 0"));
        ASSERT_FALSE(reply.ok()) << health();
        ASSERT_EQ(reply.code(), "UNAVAILABLE") << reply.text;
    } while (std::chrono::steady_clock::now() < until);
    cluster().slave(away).start();
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    auto reader = connect();
    EXPECT_EQ(value(reader, "select count(*) from t"), 1000);
    EXPECT_THAT(must_fail(reader, sql("accept loss of table t partition 0"), "INVALID_REQUEST"),
                HasSubstr("there is no loss to accept"));
}

// The rows of a table of 1 000 on three slaves are lost on two of them, and given up; the third has them all.
class CopyBeyondALossTest : public CopiesTest {
  protected:
    void SetUp() override {
        start({.slaves = 3});
        auto client = connect();
        write_thousand_rows(client, 2);
        for (std::size_t i = 0; i < 3; ++i)
            cluster().slave(i).stop();
        cut_logs(0);
        cut_logs(1);
    }
    // Without the slave that is away; the first answer after both others are known to be there.
    Reply accept_loss() {
        Reply reply;
        const auto way = " without node '" + cluster().slave(2).address() + "' confirm";
        EXPECT_TRUE(wait_until(seconds(30),
                               [&] {
                                   auto client = connect();
                                   reply = client.request(sql("accept loss of table t partition 0" + way));
                                   return reply.code() != "UNAVAILABLE";
                               }))
            << reply.text << health();
        return reply;
    }
    // Connections read different copies.
    std::set<int> counts_of_all() {
        std::set<int> counts;
        for (int i = 0; i < 40; ++i) {
            auto client = connect();
            const auto reply = client.request(
                json{{"query", "select count(*) as n from t"}, {"options", {{"read", "any"}}}}.dump());
            if (reply.ok() && !reply.frames.empty())
                counts.insert(json::parse(reply.frames[0]).at("n").get<int>());
        }
        return counts;
    }
};

TEST_F(CopyBeyondALossTest, WhatWasGivenUpDoesNotComeBackWithACopyThatHadIt) {
    cluster().slave(0).start();
    cluster().slave(1).start();
    const auto accepted = accept_loss();
    ASSERT_TRUE(accepted.ok()) << accepted.text;
    ASSERT_TRUE(wait_until(seconds(60), [&] {
        auto writer = connect();
        return writer.request(batch(5000, 5100)).ok();
    })) << health();
    cluster().slave(2).start();
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    EXPECT_EQ(counts_of_all(), std::set<int>{100});
    EXPECT_TRUE(held(2).contains("p0"));
    ASSERT_EQ(held(2).size(), 2u) << "what it had is kept";
    EXPECT_TRUE(held(2).rbegin()->starts_with("p0.damaged."));
    for (std::size_t i = 0; i < 2; ++i)
        cluster().slave(i).stop();
    auto reader = connect();
    EXPECT_TRUE(wait_until(seconds(30), [&] {
        const auto counted = reader.request(sql("select count(*) as n from t"));
        return counted.ok() && counted.frames[0].find("100") != std::string::npos;
    })) << health();
}

TEST_F(CopyBeyondALossTest, ACopyThatGaveUpRecordsIsMadeAnewFromOneThatHasThem) {
    for (std::size_t i = 0; i < 2; ++i) {
        cluster().slave(i).environment() = {{"DL_FAILPOINT", "accept.before-log-rename:kill:1"}};
        cluster().slave(i).start();
    }
    EXPECT_FALSE(accept_loss().ok()) << "the slave died in it";
    ASSERT_TRUE(wait_until(seconds(30), [&] {
        return !cluster().slave(0).alive() || !cluster().slave(1).alive();
    })) << health();
    for (std::size_t i = 0; i < 2; ++i) {
        cluster().slave(i).kill_hard();
        cluster().slave(i).environment() = {};
    }
    cluster().slave(2).start();
    ASSERT_TRUE(wait_until(seconds(60), [&] {
        auto reader = connect();
        return rows(reader,
                    "select 1 from system.partitions where leader = '" + cluster().slave(2).address() + "'")
                   .size() == 1;
    })) << health();
    cluster().slave(0).start();
    cluster().slave(1).start();
    ASSERT_TRUE(wait_until(seconds(60), [&] { return is_well(); })) << health();
    // Also when the lead has gone back to the first copy.
    std::this_thread::sleep_for(seconds(8));
    EXPECT_TRUE(is_well()) << health();
    EXPECT_EQ(counts_of_all(), std::set<int>{1000});
}

// As before, and the slave that was away has burnt down.
TEST_F(CopiesTest, ALossIsAcceptedWithoutASlaveThatIsGoneForGood) {
    start({.slaves = 3});
    auto client = connect();
    write_thousand_rows(client, 2);
    const auto gone = slave_at(leader(client));
    for (std::size_t i = 0; i < 3; ++i)
        cluster().slave(i).stop();  // in good order: what is missing is noticed
    for (std::size_t i = 0; i < 3; ++i) {
        if (i == gone) continue;
        cut_logs(i);
        cluster().slave(i).start();
    }
    const auto address = cluster().slave(gone).address();
    const auto other = cluster().slave((gone + 1) % 3).address();
    const std::string accept = "accept loss of table t partition 0";
    const auto answer = [&](const std::string& rest) {
        const auto reply = client.request(sql(accept + rest));
        auto text = reply.text;
        for (const auto& frame : reply.frames)
            text += frame;
        return text;
    };
    ASSERT_TRUE(wait_until(seconds(30), [&] { return health().find("CORRUPT_DATA") != std::string::npos; }))
        << health();
    const auto way = " without node '" + address + "'";
    // The two that are there are seen by the master.
    ASSERT_TRUE(wait_until(seconds(30), [&] { return answer("").ends_with(accept + way); }))
        << answer("") << health();
    EXPECT_THAT(answer(""), ::testing::StartsWith("UNAVAILABLE"));
    EXPECT_THAT(answer(" without node '" + other + "'"), HasSubstr("answers, and is asked what it holds"));
    EXPECT_THAT(answer(" without node '1.2.3.4:5'"), HasSubstr("'1.2.3.4:5' is to have no copy"));
    const auto said = answer(way);
    EXPECT_THAT(said, ::testing::StartsWith("INVALID_REQUEST"));
    EXPECT_THAT(said, HasSubstr("slave " + address + " has not been asked"));
    EXPECT_THAT(said, HasSubstr("'confirm'"));
    EXPECT_THAT(health(), HasSubstr("impaired")) << "nothing was changed yet";
    EXPECT_THAT(answer(way + " confirm"), HasSubstr("first_offset"));
    // The other one is made anew from the one that leads: enough are in sync again.
    EXPECT_TRUE(wait_until(seconds(60), [&] {
        auto writer = connect();
        return writer.request(batch(5000, 5010)).ok();
    })) << health();
    EXPECT_TRUE(wait_until(seconds(30), [&] { return health().find("2 of 3 copies") != std::string::npos; }))
        << health();
    EXPECT_GE(value(client, "select count(*) from t").get<int>(), 10);
    EXPECT_THAT(health(), HasSubstr("start " + address));
}

}  // namespace
}  // namespace dl::test
