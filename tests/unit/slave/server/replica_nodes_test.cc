// Who leads, who follows, what is acknowledged and what is cut.
#include "tests/unit/slave/server/replica_nodes_fixture.h"

namespace dl::slave {
namespace {

TEST_F(ReplicaNodes, AnAcknowledgedRowIsInTheLogOfEveryInSyncCopy) {
    assign();
    EXPECT_EQ(append_soon(0, 1, 10), "0-9");
    EXPECT_EQ(append(0, 11, 5), "10-14");
    EXPECT_EQ(log_of(0), log_of(1));
    EXPECT_EQ(log_of(0), log_of(2));
    EXPECT_EQ(end(0), "15");
    // Followers neither serve nor take writes.
    EXPECT_NE(end(1).find("NOT_LEADER"), std::string::npos);
    EXPECT_NE(append(1, 90).find("NOT_LEADER"), std::string::npos);
}

TEST_F(ReplicaNodes, NobodyLeadsBeforeItIsAssigned) {
    EXPECT_NE(append(0, 1).find("NOT_LEADER"), std::string::npos) << append(0, 1);
    EXPECT_NE(end(0).find("NOT_LEADER"), std::string::npos);
}

TEST_F(ReplicaNodes, WithoutAFollowerNothingIsAcknowledgedUntilItIsOutOfTheSet) {
    assign();
    ASSERT_EQ(append_soon(0, 1), "0-0");
    stop(nodes_[2]);
    auto waiting = std::async(std::launch::async, [&] { return append(0, 2); });
    EXPECT_EQ(waiting.wait_for(milliseconds(300)), std::future_status::timeout);
    EXPECT_EQ(end(0), "1");
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}}));
    EXPECT_EQ(waiting.get(), "1-1");
    // With too few it refuses before it writes.
    stop(nodes_[1]);
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}};
    assign();
    const auto refused = append(0, 3);
    EXPECT_NE(refused.find("UNAVAILABLE"), std::string::npos) << refused;
    EXPECT_NE(refused.find("min_in_sync"), std::string::npos) << refused;
    // One that comes back catches up and is taken in again.
    start(1);
    assign();
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}}));
    EXPECT_EQ(append_soon(0, 3), "2-2");
    EXPECT_EQ(log_of(0), log_of(1));
}

TEST_F(ReplicaNodes, ANewLeaderHasAllThatWasAcknowledgedAndKnowsTheBatches) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 100, "first"), "0-99");
    ASSERT_EQ(append(0, 101, 100, "second"), "100-199");
    stop(nodes_[0]);
    elect(2, {NodeId{2}, NodeId{3}});
    EXPECT_EQ(append_soon(1, 101, 100, "second"), "100-199 again");
    EXPECT_EQ(append_soon(1, 201, 1, "third"), "200-200");
    EXPECT_EQ(end(1), "201");
    // The old one comes back as a follower.
    start(0);
    assign();
    ASSERT_TRUE(accept_proposal(1, {NodeId{2}, NodeId{3}, NodeId{1}}));
    EXPECT_EQ(append_soon(1, 202), "201-201");
    EXPECT_EQ(log_of(0), log_of(1));
}

// What only the old leader had was never acknowledged: it goes, and its offsets are other records'.
TEST_F(ReplicaNodes, AnOldLeaderCutsWhatNobodyElseHas) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    stop(nodes_[1]);
    stop(nodes_[2]);
    auto lost = std::async(std::launch::async, [&] { return append(0, 500, 7, "lost", 3000); });
    const auto before = log_of(1);
    EXPECT_TRUE(eventually([&] { return log_of(0).size() > before.size(); }));
    pause_heartbeats(0, false);
    start(1);
    start(2);
    elect(2, {NodeId{2}, NodeId{3}});
    EXPECT_EQ(append_soon(1, 11, 3), "10-12");
    // Its lease is over: it says so, and acknowledges nothing.
    EXPECT_TRUE(eventually([&] { return end(0).find("NOT_LEADER") != std::string::npos; }));
    pause_heartbeats(0, true);
    assign();
    EXPECT_EQ(lost.get().substr(0, 3).find_first_of("0123456789"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return log_of(0) == log_of(1); }));
    ASSERT_TRUE(accept_proposal(1, {NodeId{2}, NodeId{3}, NodeId{1}}));
    EXPECT_EQ(append_soon(1, 500, 7, "lost"), "13-19");
}

TEST_F(ReplicaNodes, AStartedAnewLeaderDoesNotGoOnInItsOldEpoch) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    stop(nodes_[0]);
    start(0);
    assign();
    EXPECT_TRUE(eventually([&] {
        const auto asked = proposals(0);
        return !asked.empty() && asked[0].resigns;
    }));
    EXPECT_NE(append(0, 11).find("NOT_LEADER"), std::string::npos);
    elect(1, {NodeId{1}, NodeId{2}, NodeId{3}});
    EXPECT_EQ(append_soon(0, 11), "10-10");
    EXPECT_EQ(log_of(0), log_of(2));
}

// An old state of one copy is put back while all are stopped, and it is elected.
TEST_F(ReplicaNodes, ALeaderThatLostRecordsLeadsNoMoreAndNobodyCutsThem) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    stop(nodes_[0]);
    const auto kept = root_ + "/kept";
    std::filesystem::copy(root_ + "/0", kept, std::filesystem::copy_options::recursive);
    elect(2, {NodeId{2}, NodeId{3}});
    ASSERT_EQ(append_soon(1, 11, 50), "10-59");
    stop(nodes_[1]);
    stop(nodes_[2]);
    const auto good = log_of(1);
    std::filesystem::remove_all(root_ + "/0");
    std::filesystem::rename(kept, root_ + "/0");
    start(0);
    start(1);
    elect(1, {NodeId{1}});
    EXPECT_TRUE(eventually([&] {
        const auto asked = proposals(0);
        return !asked.empty() && asked[0].resigns && asked[0].version == assignment_.version;
    })) << "its follower knows more to be committed than it has";
    EXPECT_NE(end(0).find("NOT_LEADER"), std::string::npos) << "nobody reads back in time: " << end(0);
    EXPECT_EQ(log_of(1), good);
    start(2);
    elect(2, {NodeId{2}, NodeId{3}});
    EXPECT_EQ(append_soon(1, 61, 1), "60-60");
    EXPECT_TRUE(eventually([&] { return log_of(0) == log_of(1); }));
}

TEST_F(ReplicaNodes, ACopyThatCannotBeOpenedLeadsNothing) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    stop(nodes_[0]);
    for (const auto& file : std::filesystem::recursive_directory_iterator(root_ + "/0"))
        if (file.path().extension() == ".log") std::filesystem::resize_file(file.path(), 100);
    start(0);
    elect(1, {NodeId{1}, NodeId{2}, NodeId{3}});
    EXPECT_TRUE(eventually([&] {
        const auto asked = proposals(0);
        return !asked.empty() && asked[0].resigns;
    }));
}

TEST_F(ReplicaNodes, FollowersApplyAndFlushAsTheLeaderDoes) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 1000), "0-999");
    for (int i = 1; i < 20; ++i)
        ASSERT_EQ(append(0, 1, 1000), std::to_string(i * 1000) + "-" + std::to_string(i * 1000 + 999));
    stop(nodes_[0]);
    elect(3, {NodeId{2}, NodeId{3}});
    EXPECT_TRUE(eventually([&] { return end(2) == "20000"; })) << end(2);
}

// The log of the leader has only the newest records: a copy that begins empty takes the files first.
TEST_F(ReplicaNodes, AnEmptyCopyTakesTheFilesThatTheLogNoLongerHas) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 1000, "first"), "0-999");
    for (int i = 1; i < 40; ++i)
        ASSERT_EQ(append(0, 1 + i * 100, 1000),
                  std::to_string(i * 1000) + "-" + std::to_string(i * 1000 + 999));
    rpc::CompressRequest compress;
    compress.table = {TableId{kTable}, "t5", 1005};
    compress.partitions = {PartitionId{0}};
    const auto compressed = call(0, Method::compress, rpc::encode(compress), {}, 60000);
    ASSERT_TRUE(compressed.has_value()) << compressed.error().to_text();
    const auto before = checked(0);
    EXPECT_EQ(checked(1), before);
    stop(nodes_[2]);
    std::filesystem::remove_all(root_ + "/2");
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}, NodeId{2}};
    assign();
    start(2);
    join(2);
    assign();
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}, NodeId{3}}));
    EXPECT_EQ(checked(2), before);
    ASSERT_EQ(append_soon(0, 7, 1), "40000-40000");
    stop(nodes_[0]);
    stop(nodes_[1]);
    assignment_.min_in_sync = 1;
    elect(3, {NodeId{3}});
    EXPECT_EQ(append_soon(2, 1, 1000, "first"), "0-999 again");
    EXPECT_EQ(append_soon(2, 8, 1), "40001-40001");
}

// What it says that it holds counts no more, at once: also when nobody writes.
TEST_F(ReplicaNodes, ADamagedFollowerIsMadeAnewByItselfOnceItIsInNoSet) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    ASSERT_TRUE(eventually([&] { return log_of(0) == log_of(2); }));
    stop(nodes_[2]);
    for (const auto& file : std::filesystem::recursive_directory_iterator(root_ + "/2"))
        if (file.path().extension() == ".log") std::filesystem::resize_file(file.path(), 100);
    start(2);
    assign();
    const auto lost = [&] {
        const auto asked = proposals(0);
        return !asked.empty() && asked[0].lost == std::vector<NodeId>{NodeId{3}};
    };
    ASSERT_TRUE(eventually(lost));
    EXPECT_NE(log_of(2), log_of(0)) << "while it counts it is left as it is";
    // Too few are in sync without it: it is not to be elected either.
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}};
    assignment_.eligible = {NodeId{3}};
    assign();
    ASSERT_TRUE(eventually(lost));
    EXPECT_NE(log_of(2), log_of(0));
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}, NodeId{2}};
    assignment_.eligible = {};
    assign();
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}, NodeId{3}}));
    EXPECT_EQ(append_soon(0, 11, 1), "10-10");
    std::vector<std::filesystem::path> aside;
    for (const auto& file : std::filesystem::directory_iterator(root_ + "/2/tables/t5"))
        if (file.path().filename().string().starts_with("p0.damaged.")) aside.push_back(file.path());
    ASSERT_EQ(aside.size(), 1u) << "what was damaged is set aside";
    std::filesystem::remove_all(aside[0]);
    EXPECT_TRUE(eventually([&] { return log_of(0) == log_of(2); }));
}

TEST_F(ReplicaNodes, ACopyIsRemovedOnlyOnceItIsNone) {
    const auto drop_copy = [&](std::uint32_t version, std::string process = "") {
        rpc::DropCopyRequest request;
        request.cluster_id = cluster_;
        request.controller = std::string(16, 'd');
        {
            const std::lock_guard lock(mutex_);
            request.process = process.empty() ? nodes_[2].process : process;
        }
        request.replica = assignment_.replica;
        request.version = version;
        const auto reply = call(2, Method::drop_copy, rpc::encode(request));
        return reply.has_value() ? std::string("removed") : std::string(error_code_name(reply.error().code));
    };
    const auto is_there = [&] { return std::filesystem::exists(root_ + "/2/tables/t5"); };
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    EXPECT_EQ(drop_copy(assignment_.version + 1), "INVALID_REQUEST") << "it is a copy";
    EXPECT_TRUE(is_there());
    assignment_.in_sync = assignment_.replicas = {NodeId{1}, NodeId{2}};
    ++assignment_.version;
    assign();
    EXPECT_EQ(drop_copy(assignment_.version, std::string(16, 'x')), "INVALID_REQUEST") << "another life";
    EXPECT_TRUE(is_there());
    EXPECT_EQ(drop_copy(assignment_.version), "removed");
    EXPECT_FALSE(is_there()) << "with the table: it was its last partition there";
    EXPECT_EQ(drop_copy(assignment_.version), "removed") << "a repeat is fine";
    EXPECT_EQ(append_soon(0, 11, 1), "10-10");
    // It can become one again.
    assignment_.replicas = {NodeId{1}, NodeId{2}, NodeId{3}};
    ++assignment_.version;
    join(2);
    assign();
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}, NodeId{3}}));
    EXPECT_EQ(log_of(0), log_of(2));
}

}  // namespace
}  // namespace dl::slave
