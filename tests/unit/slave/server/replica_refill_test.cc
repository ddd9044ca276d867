// Copies that are made anew by order, and what tells whether copies are the same.
#include "tests/unit/slave/server/replica_nodes_fixture.h"

namespace dl::slave {
namespace {

class ReplicaRefill : public ReplicaNodes {
  protected:
    std::string refill(std::size_t i, std::uint32_t version) {
        const rpc::RefillCopyRequest request{cluster_, assignment_.replica, version};
        const auto reply = call(i, Method::refill_copy, rpc::encode(request));
        return reply.has_value() ? std::string("ordered") : std::string(error_code_name(reply.error().code));
    }
    std::vector<std::filesystem::path> set_aside(std::size_t i) {
        std::vector<std::filesystem::path> aside;
        for (const auto& file :
             std::filesystem::directory_iterator(root_ + "/" + std::to_string(i) + "/tables/t5"))
            if (file.path().filename().string().starts_with("p0.damaged.")) aside.push_back(file.path());
        return aside;
    }
    Result<rpc::LogDigestReply> digest(std::size_t i, Offset from, Offset end) {
        const rpc::LogDigestRequest request{{TableId{kTable}, "t5", 1005}, PartitionId{0}, from, end, 10000};
        const auto reply = call(i, Method::log_digest, rpc::encode(request));
        if (reply.has_error()) return reply.error();
        return rpc::decode_reply<rpc::LogDigestReply>(reply->end_json);
    }
};

TEST_F(ReplicaRefill, AFollowerIsMadeAnewByOrderOnceItIsInNoSet) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    EXPECT_EQ(refill(0, assignment_.version), "INVALID_REQUEST") << "it leads";
    EXPECT_EQ(refill(2, assignment_.version + 1), "UNAVAILABLE") << "it has not heard of that placement";
    EXPECT_TRUE(set_aside(2).empty());
    EXPECT_EQ(append(0, 11), "10-10") << "what was refused has changed nothing";
    ASSERT_EQ(refill(2, assignment_.version), "ordered");
    const auto lost = [&] {
        const auto asked = proposals(0);
        return !asked.empty() && asked[0].lost == std::vector<NodeId>{NodeId{3}};
    };
    ASSERT_TRUE(eventually(lost));
    EXPECT_TRUE(set_aside(2).empty()) << "while it counts it is left where it is";
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}, NodeId{2}};
    assign();
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}, NodeId{3}}));
    ASSERT_EQ(set_aside(2).size(), 1u) << "what was there is kept";
    EXPECT_EQ(append_soon(0, 12), "11-11");
    std::filesystem::remove_all(set_aside(2)[0]);
    EXPECT_TRUE(eventually([&] { return log_of(0) == log_of(2); }));
    EXPECT_TRUE(eventually([&] { return checked(2) == checked(0); })) << checked(2);
}

TEST_F(ReplicaRefill, ANodeThatIsStartedBeforeThatOpensTheCopyAsItWas) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    ASSERT_EQ(refill(2, assignment_.version), "ordered");
    stop(nodes_[2]);
    start(2);
    assign();
    EXPECT_EQ(append_soon(0, 11), "10-10");
    EXPECT_TRUE(eventually([&] { return log_of(0) == log_of(2); }));
    EXPECT_TRUE(set_aside(2).empty());
}

// Files of a leader of before would take away what was acknowledged since.
TEST_F(ReplicaRefill, FilesOfAnEarlierLeaderDoNotReplaceACopyThatIsInSyncAgain) {
    assignment_.leader = NodeId{2};
    assign();
    ASSERT_EQ(append_soon(1, 1, 10), "0-9");
    ASSERT_TRUE(eventually([&] { return log_of(1) == log_of(2); }));
    stop(nodes_[2]);
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}, NodeId{2}};
    assign();
    for (int i = 0; i < 30; ++i)
        append_soon(1, 11 + i * 100, 1000);
    // Node 0 has never heard of node 2, and keeps no records for it.
    elect(1, {NodeId{1}, NodeId{2}});
    ASSERT_TRUE(eventually([&] { return end(0) == "30010"; })) << end(0);
    auto without_history = make_table();
    without_history.history.hours = 0;
    ASSERT_TRUE(
        call(0, Method::update_table, rpc::encode(rpc::UpdateTableRequest{without_history, {}})).has_value());
    rpc::CompressRequest compress;
    compress.table = {TableId{kTable}, "t5", 1005};
    compress.partitions = {PartitionId{0}};
    const auto compressed = call(0, Method::compress, rpc::encode(compress), {}, 60000);
    ASSERT_TRUE(compressed.has_value()) << compressed.error().to_text();
    // Its log does not go on from that of node 0 any more, from that of node 1 it does. Slow enough to see
    // it.
    refill_rate_ = "40k";
    start(2);
    assign();
    const auto draft = root_ + "/2/tables/t5/p0.refill";
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(draft); }));
    elect(2, {NodeId{1}, NodeId{2}});
    ASSERT_TRUE(accept_proposal(1, {NodeId{1}, NodeId{2}, NodeId{3}}));
    ASSERT_EQ(append_soon(1, 5), "30010-30010");
    const auto led = digest(1, 0, 30011).value();
    const auto is_whole = [&] {
        const auto copy = digest(2, 0, 30011);
        return copy.has_value() && copy->first == led.first && copy->end == led.end &&
               copy->digest == led.digest;
    };
    ASSERT_EQ(led.first, 0);
    ASSERT_TRUE(eventually(is_whole)) << digest(2, 0, 30011)->first;
    // Longer than the files would have taken.
    for (const auto until = steady_clock::now() + std::chrono::seconds(6); steady_clock::now() < until;
         std::this_thread::sleep_for(milliseconds(50)))
        ASSERT_TRUE(is_whole()) << "it was replaced";
    EXPECT_EQ(append_soon(1, 6), "30011-30011");
    EXPECT_EQ(checked(2), checked(1));
}

TEST_F(ReplicaRefill, LogsOfTheSameContentHaveTheSameDigest) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    ASSERT_EQ(append(0, 11, 5), "10-14");
    EXPECT_TRUE(eventually([&] { return digest(1, 0, 0)->end == 15; }));
    const auto leader = digest(0, 0, 15).value(), follower = digest(1, 0, 15).value();
    EXPECT_EQ(leader.first, 0);
    EXPECT_EQ(leader.end, 15);
    EXPECT_EQ(leader.batches, 2u);
    EXPECT_EQ(follower.batches, 2u);
    EXPECT_EQ(leader.digest, follower.digest);
    // Whole batches within the range only; another range is another digest.
    EXPECT_EQ(digest(0, 0, 14)->batches, 1u);
    EXPECT_EQ(digest(0, 1, 15)->batches, 1u);
    EXPECT_NE(digest(0, 0, 14)->digest, leader.digest);
    EXPECT_EQ(digest(0, 0, 1000)->digest, leader.digest) << "beyond the end there is nothing";
}

}  // namespace
}  // namespace dl::slave
