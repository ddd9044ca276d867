// Reads of copies that follow.
#include "tests/unit/slave/server/replica_nodes_fixture.h"

namespace dl::slave {
namespace {

class ReplicaReads : public ReplicaNodes {
  protected:
    // Where a read of all records ends that any copy may answer; its error otherwise.
    std::string read_to(std::size_t i, Offset min_offset = 0, bool any = true, Offset from = 0) {
        rpc::ReadRequest request;
        request.table = {TableId{kTable}, "t5", 1005};
        request.schema = SchemaId{1};
        request.partitions = {{PartitionId{0}, assignment_.leader_epoch, from, min_offset}};
        request.read_count = 1000;
        request.format = "rows";
        request.any = any;
        const auto reply = call(i, Method::read, rpc::encode(request));
        if (reply.has_error()) return reply.error().to_text();
        return std::to_string(rpc::decode_reply<rpc::ReadReply>(reply->end_json)->partitions.at(0).next);
    }
    // The cut that a pin of any copy takes.
    std::string pinned_at(std::size_t i, std::optional<Offset> min_offset = std::nullopt, bool any = true) {
        rpc::PinRequest request;
        rpc::PinTable table;
        table.table = {TableId{kTable}, "t5", 1005};
        table.schema = SchemaId{1};
        table.partitions = {{PartitionId{0}, assignment_.leader_epoch, min_offset, std::nullopt}};
        table.any = any;
        request.tables = {table};
        request.lease_ms = 10000;
        const auto reply = call(i, Method::pin, rpc::encode(request));
        if (reply.has_error()) return reply.error().to_text();
        return std::to_string(
            rpc::decode_reply<rpc::PinReply>(reply->end_json)->cut.at(0).partitions.at(0).offset);
    }
    std::uint64_t follower_reads(std::size_t i) {
        const auto reply = call(i, Method::copy_progress, rpc::encode(rpc::CopyProgressRequest{cluster_}));
        return reply.has_error() ? 0
                                 : rpc::decode_reply<rpc::CopyProgressReply>(reply->end_json)->follower_reads;
    }
    static bool is_refused(const std::string& text) { return text.find("NOT_LEADER") != text.npos; }
};

TEST_F(ReplicaReads, AFollowerInSyncAnswersWhoeverTakesAnyCopy) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    for (const std::size_t i : {1u, 2u}) {
        // The high watermark comes a moment after the acknowledgement; min_offset waits for it.
        EXPECT_EQ(read_to(i, 10), "10");
        EXPECT_EQ(pinned_at(i, 10), "10");
        EXPECT_EQ(read_to(i, 0, true, 10), "10");
        EXPECT_TRUE(is_refused(read_to(i, 0, false))) << "not asked for any copy";
        EXPECT_TRUE(is_refused(pinned_at(i, std::nullopt, false)));
        EXPECT_GE(follower_reads(i), 3u);
    }
    EXPECT_EQ(read_to(0, 10), "10") << "who leads may answer, too";
    EXPECT_EQ(follower_reads(0), 0u);
    // What it has not is for another one.
    EXPECT_TRUE(is_refused(read_to(1, 11)));
    EXPECT_TRUE(is_refused(pinned_at(1, 11)));
    EXPECT_TRUE(is_refused(read_to(1, 0, true, 11)));
}

TEST_F(ReplicaReads, NothingIsShownAboveTheHighWatermark) {
    assign();
    ASSERT_EQ(append_soon(0, 1), "0-0");
    EXPECT_EQ(read_to(1, 1), "1");
    stop(nodes_[2]);  // and stays in the set: nothing is committed without it
    auto waiting = std::async(std::launch::async, [&] { return append(0, 2); });
    ASSERT_TRUE(eventually([&] { return log_of(1) == log_of(0) && log_of(1).size() > 150; }));
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(read_to(1), "1") << "it holds the second record, which may yet be lost";
    EXPECT_EQ(pinned_at(1), "1");
    EXPECT_TRUE(is_refused(read_to(1, 2)));
    ASSERT_TRUE(accept_proposal(0, {NodeId{1}, NodeId{2}}));
    EXPECT_EQ(waiting.get(), "1-1");
    EXPECT_EQ(read_to(1, 2), "2");
}

TEST_F(ReplicaReads, ACopyOutOfSyncOrWithoutALeaseOrOfAnotherEpochRefuses) {
    assign();
    ASSERT_EQ(append_soon(0, 1, 10), "0-9");
    ASSERT_EQ(read_to(2, 10), "10");
    ++assignment_.version;
    assignment_.in_sync = {NodeId{1}, NodeId{2}};
    assign();
    EXPECT_TRUE(is_refused(read_to(2))) << read_to(2);
    EXPECT_EQ(read_to(1, 10), "10");
    // A lease is a second here.
    pause_heartbeats(1, false);
    EXPECT_TRUE(eventually([&] { return is_refused(read_to(1)); }));
    pause_heartbeats(1, true);
    EXPECT_TRUE(eventually([&] { return read_to(1) == "10"; }));
    const auto before = assignment_.leader_epoch;
    elect(2, {NodeId{1}, NodeId{2}});
    assignment_.leader_epoch = before;
    EXPECT_TRUE(is_refused(read_to(0))) << "who asks knows an older epoch";
}

}  // namespace
}  // namespace dl::slave
