#include "common/rpc/messages/message_codec.h"

#include <gtest/gtest.h>

#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/query_messages.h"
#include "common/rpc/messages/read_messages.h"

namespace dl::rpc {
namespace {

AppendRequest small_append() {
    return {
        {TableId{7}, "städte"}, SchemaId{3}, "", 0, {{PartitionId{5}, LeaderEpoch{2}, 10, 640, 0xffffffff}}};
}

const std::string kSmallAppend =
    R"({"table_id":7,"table":"städte","schema_id":3,)"
    R"("partitions":[{"partition":5,"leader_epoch":2,"count":10,"bytes":640,"crc":4294967295}]})";

std::string refusal(std::string_view json) {
    const auto decoded = decode_request<AppendRequest>(json);
    return decoded.has_error() ? decoded.error().to_text() : "taken";
}

std::string with(const std::string& from, const std::string& to) {
    auto text = kSmallAppend;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST(MessageCodec, OneDescriptionWritesAndReads) {
    EXPECT_EQ(encode(small_append()), kSmallAppend);
    const auto read = decode_request<AppendRequest>(kSmallAppend);
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(read->table.name, "städte");
    EXPECT_EQ(read->partitions.at(0).crc, 0xffffffffu);
    EXPECT_EQ(encode(*read), kSmallAppend);
    // The order of members and blanks mean nothing.
    const auto shuffled = decode_request<AppendRequest>(
        R"( {"partitions": [{"crc":1,"bytes":2,"count":3,"leader_epoch":4,"partition":5}], "batch_id":"\u00e4\"",
             "schema_id":1, "table_id":18446744073709551615} )");
    ASSERT_TRUE(shuffled.has_value()) << shuffled.error().to_text();
    EXPECT_EQ(shuffled->batch_id, "ä\"");
    EXPECT_EQ(shuffled->table.id.value, 18446744073709551615u);
    EXPECT_EQ(shuffled->partitions[0].partition, PartitionId{5});
}

TEST(MessageCodec, ErrorsNameMessageAndField) {
    EXPECT_EQ(refusal(with("\"crc\":4294967295", "\"crc\":4294967296")),
              "INVALID_REQUEST: append: 'partitions[0].crc' must be a number from 0 to 4294967295");
    EXPECT_EQ(refusal(with("\"crc\":4294967295", "\"crc\":1.5")),
              "INVALID_REQUEST: append: 'partitions[0].crc' must be a number from 0 to 4294967295");
    EXPECT_EQ(refusal(with("\"leader_epoch\":2", "\"leader_epoch\":0")),
              "INVALID_REQUEST: append: 'partitions[0].leader_epoch' must be a number from 1 to 4294967295");
    EXPECT_EQ(refusal(with("\"partition\":5", "\"partition\":4096")),
              "INVALID_REQUEST: append: 'partitions[0].partition' must be a number from 0 to 4095");
    EXPECT_EQ(refusal(with("\"schema_id\":3,", "")), "INVALID_REQUEST: append: 'schema_id' is missing");
    EXPECT_EQ(refusal(with("\"schema_id\":3,", "\"schema_id\":\"3\",")),
              "INVALID_REQUEST: append: 'schema_id' must be a number from 1 to 4294967295");
    EXPECT_EQ(refusal(with("\"table\":\"städte\"", "\"table\":7")),
              "INVALID_REQUEST: append: 'table' must be a string");
    EXPECT_EQ(refusal(with("\"count\":10", "\"count\":10,\"sum\":1")),
              "INVALID_REQUEST: append: 'partitions[0]' has the unknown member 'sum'");
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"schema_id\":4")),
              "INVALID_REQUEST: append: the message has the member 'schema_id' twice");
    EXPECT_EQ(refusal(R"({"table_id":7,"schema_id":3,"partitions":{}})"),
              "INVALID_REQUEST: append: 'partitions' must be a list");
    EXPECT_EQ(refusal(R"({"table_id":7,"schema_id":3,"partitions":[]})"),
              "INVALID_REQUEST: append: the message names no partition");
    EXPECT_EQ(refusal("[]"), "INVALID_REQUEST: append: the message must be a JSON object");
    EXPECT_TRUE(refusal("{\"table_id\":7").starts_with("INVALID_REQUEST: append: the message is no JSON"));
    // A reply that is not understood is nobody's bad request.
    const auto reply = decode_reply<AppendReply>(R"({"partitions":[{"partition":1}]})");
    ASSERT_TRUE(reply.has_error());
    EXPECT_EQ(
        reply.error().to_text(),
        "INTERNAL: the reply to append is not understood: 'partitions[0]' has not one of 'appended' and "
        "'error'; do the versions differ?");
}

// What a read of any copy says more than one of leaders; without it the messages are as they were before
// there were such reads, so that nodes of both releases understand each other.
TEST(MessageCodec, ReadsOfAnyCopyByteForByte) {
    const TableRef table{TableId{7}, "t", 9, SchemaId{}, 0};
    ReadRequest read{table, SchemaId{3}, {{PartitionId{5}, LeaderEpoch{2}, 40}}, 10, "rows", 100};
    EXPECT_EQ(
        encode(read),
        R"({"table_id":7,"incarnation":9,"table":"t","schema_id":3,"partitions":)"
        R"([{"partition":5,"leader_epoch":2,"offset":40}],"read_count":10,"format":"rows","bytes_max":100})");
    read.any = true;
    read.partitions[0].min_offset = 42;
    const std::string read_any =
        R"({"table_id":7,"incarnation":9,"table":"t","schema_id":3,"partitions":)"
        R"([{"partition":5,"leader_epoch":2,"offset":40,"min_offset":42}],"read_count":10,"format":"rows",)"
        R"("bytes_max":100,"any":true})";
    EXPECT_EQ(encode(read), read_any);
    const auto read_again = decode_request<ReadRequest>(read_any);
    ASSERT_TRUE(read_again.has_value()) << read_again.error().to_text();
    EXPECT_TRUE(read_again->any);
    EXPECT_EQ(read_again->partitions.at(0).min_offset, 42);

    PinRequest pin{{{table, SchemaId{3}, {{PartitionId{5}, LeaderEpoch{2}, {}, {}}}, {}}}, 1000};
    EXPECT_EQ(encode(pin),
              R"({"tables":[{"table_id":7,"incarnation":9,"table":"t","schema_id":3,"partitions":)"
              R"([{"partition":5,"leader_epoch":2}]}],"lease_ms":1000})");
    pin.tables[0].any = true;
    pin.tables[0].partitions[0].min_offset = 42;
    const std::string pin_any =
        R"({"tables":[{"table_id":7,"incarnation":9,"table":"t","schema_id":3,"partitions":)"
        R"([{"partition":5,"leader_epoch":2,"min_offset":42}],"any":true}],"lease_ms":1000})";
    EXPECT_EQ(encode(pin), pin_any);
    const auto pin_again = decode_request<PinRequest>(pin_any);
    ASSERT_TRUE(pin_again.has_value()) << pin_again.error().to_text();
    EXPECT_TRUE(pin_again->tables.at(0).any);
    EXPECT_EQ(pin_again->tables[0].partitions.at(0).min_offset, 42);

    CopyProgressReply progress;
    const auto nothing = encode(progress);
    progress.follower_reads = 17;
    const std::string counted = R"({"follower_reads":17})";
    EXPECT_EQ(nothing, "{}");
    EXPECT_EQ(encode(progress), counted);
    const auto counted_again = decode_reply<CopyProgressReply>(counted);
    ASSERT_TRUE(counted_again.has_value()) << counted_again.error().to_text();
    EXPECT_EQ(counted_again->follower_reads, 17u);
}

// Records that were given up, and assignments that are newer than the catalog: without any the messages are
// as they were before.
TEST(MessageCodec, GivenUpRecordsAndNewerAssignmentsByteForByte) {
    FetchPosition position{{TableId{7}, 9, PartitionId{5}}, LeaderEpoch{2}, 40, 40};
    FetchRequest fetch;
    fetch.cluster_id = "c";
    fetch.follower = NodeId{3};
    fetch.process = "p";
    fetch.bytes_max = 1;
    fetch.positions = {position};
    const std::string before =
        R"({"cluster_id":"c","follower":3,"process":"p","positions":[{"table_id":7,)"
        R"("incarnation":9,"partition":5,"leader_epoch":2,"offset":40,"synced_end":40)";
    EXPECT_EQ(encode(fetch), before + R"(}],"wait_ms":0,"bytes_max":1})");
    fetch.positions[0].losses = 17;
    EXPECT_EQ(encode(fetch), before + R"(,"losses":17}],"wait_ms":0,"bytes_max":1})");
    fetch.positions.clear();
    fetch.lane = 3;
    const std::string in_lane =
        R"({"cluster_id":"c","follower":3,"process":"p","lane":3,"positions":[],"wait_ms":0,"bytes_max":1})";
    EXPECT_EQ(encode(fetch), in_lane);
    EXPECT_EQ(decode_request<FetchRequest>(in_lane)->lane, 3u);
    auto beyond = in_lane;
    beyond.replace(beyond.find("\"lane\":3"), 8, "\"lane\":4");
    EXPECT_EQ(decode_request<FetchRequest>(beyond).error().code, ErrorCode::invalid_request);

    AssignReplicasReply told;
    EXPECT_EQ(encode(told), "{}");
    told.newer = {{{TableId{7}, 9, PartitionId{5}}, LeaderEpoch{2}, 4}};
    const std::string newer =
        R"({"newer":[{"table_id":7,"incarnation":9,"partition":5,"leader_epoch":2,"version":4}]})";
    EXPECT_EQ(encode(told), newer);
    const auto again = decode_reply<AssignReplicasReply>(newer);
    ASSERT_TRUE(again.has_value()) << again.error().to_text();
    EXPECT_EQ(again->newer.at(0).version, 4u);
}

TEST(MessageCodec, ListsAndTextsAreBounded) {
    std::string many = R"({"table_id":1,"schema_id":1,"partitions":[)";
    for (std::size_t i = 0; i <= limits::partitions_max; ++i)
        many += (i == 0 ? "" : ",") + encode(AppendPart{PartitionId{0}, LeaderEpoch{1}, 1, 1, 1});
    EXPECT_EQ(refusal(many + "]}"), "LIMIT_EXCEEDED: append: 'partitions' has more than 4096 elements");
    const std::string batch_id(limits::batch_id_bytes_max, 'x');
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"batch_id\":\"" + batch_id + "\"")), "taken");
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"batch_id\":\"" + batch_id + "x\"")),
              "LIMIT_EXCEEDED: append: 'batch_id' has more than 64 bytes");
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"batch_id\":\"p\",\"sequence\":7")), "taken");
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"sequence\":7")),
              "INVALID_REQUEST: append: the message has a 'sequence' of no 'batch_id'");
    std::string escaped;
    for (std::size_t i = 0; i < limits::batch_id_bytes_max; ++i)
        escaped += "\\u0041";
    EXPECT_EQ(refusal(with("\"schema_id\":3", "\"schema_id\":3,\"batch_id\":\"" + escaped + "\"")), "taken");
}

TEST(MessageCodec, ErrorsTravelWhateverTheyQuote) {
    const AppendReply reply{{{PartitionId{1}, {}, make_error(ErrorCode::io_error, "\"a\xff\"\nb")}}};
    const auto read = decode_reply<AppendReply>(encode(reply));
    ASSERT_TRUE(read.has_value()) << read.error().to_text();
    EXPECT_EQ(read->partitions.at(0).error->to_text(), "IO_ERROR: \"a?\" b");
}

TEST(MessageCodec, FramesOfRowsAreCheckedAndNameTheSlave) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int64}}});
    for (std::int64_t i = 0; i < 3; ++i) {
        builder.append_fixed(0, i);
        builder.finish_row(false);
    }
    auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 3);
    ASSERT_TRUE(batch.has_value());
    std::string frame;
    for (const auto& part : rows_frame(*batch))
        frame += part.view();
    const auto rows = decode_rows_frame(SharedBytes::from_string(frame), "a:1");
    ASSERT_TRUE(rows.has_value()) << rows.error().to_text();
    EXPECT_EQ(rows->rows(), 3u);
    EXPECT_EQ(rows->columns()[0].fixed<std::int64_t>(2), 2);
    for (const auto& bad : {std::string(), frame.substr(0, 3), frame.substr(0, frame.size() - 8)}) {
        const auto refused = decode_rows_frame(SharedBytes::from_string(bad), "a:1");
        ASSERT_TRUE(refused.has_error()) << bad.size();
        EXPECT_NE(refused.error().message.find("slave a:1"), std::string::npos) << refused.error().to_text();
    }
}

}  // namespace
}  // namespace dl::rpc
