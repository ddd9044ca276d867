// Every message between nodes, as its receiver decodes it: a byte that picks the message, its JSON, for a
// query a zero byte and the bytes attached to it. What is understood is written again, read again, and the
// same.
#include <set>

#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/node_messages.h"
#include "common/rpc/messages/query_messages.h"
#include "common/rpc/messages/read_messages.h"
#include "common/rpc/messages/replica_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {
namespace {

using namespace rpc;

template <class M>
void try_decode(std::string_view json) {
    for (const bool as_request : {true, false}) {
        const auto message = as_request ? decode_request<M>(json) : decode_reply<M>(json);
        if (message.has_error()) {
            DL_CHECK(!message.error().message.empty(), "an error says what is wrong");
            continue;
        }
        const auto text = encode(*message);
        const auto again = decode_request<M>(text);
        DL_CHECK(again.has_value(), "what is written can be read");
        DL_CHECK(encode(*again) == text, "and says the same");
    }
}

using Decoder = void (*)(std::string_view);
constexpr Decoder kDecoders[] = {
    try_decode<PingRequest>,        try_decode<PingReply>,        try_decode<CreateTableRequest>,
    try_decode<DropTableRequest>,   try_decode<AppendRequest>,    try_decode<AppendReply>,
    try_decode<ReadRequest>,        try_decode<ReadReply>,        try_decode<WaitRequest>,
    try_decode<WaitReply>,          try_decode<OffsetsRequest>,   try_decode<OffsetsReply>,
    try_decode<PinRequest>,         try_decode<PinReply>,         try_decode<UnpinRequest>,
    try_decode<QueryRequest>,       try_decode<QueryHead>,        try_decode<QueryReply>,
    try_decode<CompressRequest>,    try_decode<CompressProgress>, try_decode<CheckRequest>,
    try_decode<CheckRow>,           try_decode<StatsRequest>,     try_decode<StatsReply>,
    try_decode<UpdateTableRequest>, try_decode<UpdateTableReply>, try_decode<RegisterNodeRequest>,
    try_decode<InventoryPart>,      try_decode<HeartbeatRequest>, try_decode<HeartbeatReply>,
    try_decode<FetchRequest>,       try_decode<DropCopyRequest>,  try_decode<RefillCopyRequest>,
    try_decode<CopyProgressReply>,  try_decode<LogDigestRequest>, try_decode<LogDigestReply>,
};
constexpr std::size_t kQueryRequest = 15;
static_assert(kDecoders[kQueryRequest] == Decoder{try_decode<QueryRequest>});

std::string small_batch(std::uint32_t rows) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::string}}, {FieldId{2}, {TypeKind::decimal, 9, 2}}});
    for (std::uint32_t i = 0; i < rows; ++i) {
        builder.append_bytes(0, "näme " + std::to_string(i));
        if (i % 2 == 0)
            builder.append_fixed<std::int64_t>(1, i);
        else
            builder.append_null(1);
        builder.finish_row(false);
    }
    return builder.encode();
}

TableMeta small_table() {
    TableMeta table;
    table.id = TableId{7};
    table.name = "t";
    table.schema.id = SchemaId{1};
    table.schema.fields = {{FieldId{1}, "id", {TypeKind::int64}, true, {}}};
    table.next_field_id = FieldId{2};
    table.slot_map = default_slot_map(1);
    return table;
}

QueryRequest query_with(std::vector<std::vector<std::uint32_t>> tables) {
    QueryRequest request;
    request.view = 7;
    request.sql = "SELECT \"ä\\\\\" FROM t";
    request.names = {{"t", TableId{1}}, {"dl_broadcast_7", TableId{2}}};
    request.timeout_ms = 100;
    for (std::size_t t = 0; t < tables.size(); ++t) {
        auto& header = request.broadcasts.emplace_back();
        header.name = "dl_broadcast_" + std::to_string(t + 1);
        header.columns = {{"key", {TypeKind::string}}, {"p", {TypeKind::decimal, 9, 2}}};
        for (const auto rows : tables[t])
            header.batches.push_back({rows, small_batch(rows).size()});
    }
    return request;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    std::vector<std::string> seeds;
    const auto add = [&](std::size_t decoder, const std::string& json, const std::string& attached = {}) {
        seeds.push_back(static_cast<char>(decoder) + json + (attached.empty() ? "" : '\0' + attached));
    };
    const TableRef table{TableId{7}, "t"};
    const std::vector<PartitionPosition> positions = {{PartitionId{0}, LeaderEpoch{1}, -5},
                                                      {PartitionId{4095}, LeaderEpoch{9}, 1}};
    const Error error = make_error(ErrorCode::io_error, "a \"disk\"");
    add(0, encode(PingRequest{}));
    add(1, encode(PingReply{"h:1", "1.0", "x", NodeId{2}, std::string(32, 'c'), 3}));
    add(2,
        encode(CreateTableRequest{std::string(32, 'c'), small_table(), {{PartitionId{0}, LeaderEpoch{1}}}}));
    add(3, encode(DropTableRequest{table}));
    add(4, encode(AppendRequest{table, SchemaId{1}, "id", 7, {{PartitionId{0}, LeaderEpoch{1}, 1, 2, 3}}}));
    add(5, encode(AppendReply{{{PartitionId{0}, Appended{1, 2, true}, {}}, {PartitionId{1}, {}, error}}}));
    add(6, encode(ReadRequest{table, SchemaId{1}, positions, 10, "rows", 100}));
    add(7, encode(ReadReply{{{PartitionId{0}, 7, error}, {PartitionId{1}, 8, {}}}}));
    add(8, encode(WaitRequest{table, positions, 1, 1000}));
    add(9, encode(WaitReply{18446744073709551615u}));
    add(10, encode(OffsetsRequest{table, {{PartitionId{0}, LeaderEpoch{1}}}}));
    add(11, encode(OffsetsReply{{{PartitionId{0}, 1, 2, 3, 4}}}));
    const PinTable pin{table, SchemaId{1}, {{PartitionId{0}, LeaderEpoch{1}, 5, {}}}, {"a", "\"\n"}};
    const CutTable cut{TableId{7}, {{PartitionId{0}, 5}}, 1, 2};
    add(12, encode(PinRequest{{pin, pin}, 1000}));
    add(13, encode(PinReply{77, {cut}}));
    add(14, encode(UnpinRequest{77}));
    auto pinned = query_with({});
    pinned.view.reset();
    pinned.tables = {pin};
    add(15, encode(pinned));
    const std::string a = small_batch(3), b = small_batch(1);
    add(15, encode(query_with({{3, 1}})), a + b);
    add(15, encode(query_with({{3, 1}, {1}, {}})), a + b + b);
    add(15, encode(query_with({{3}})), b);
    add(16, encode(QueryHead{{{"a", {TypeKind::json}}, {"b", {TypeKind::decimal, 38, 2}}}, {cut}}));
    add(17, encode(QueryReply{5}));
    add(18, encode(CompressRequest{table, {PartitionId{0}, PartitionId{1}}}));
    add(19, encode(CompressProgress{1, 2, 3}));
    add(20, encode(CheckRequest{table, {PartitionId{0}}, true, 1000}));
    add(21, encode(CheckRow{PartitionId{0}, 1, 2, 3, "0123456789abcdef", {"x", "y"}}));
    add(22, encode(StatsRequest{table, {PartitionId{0}}}));
    add(23, encode(StatsReply{}));
    add(24, encode(UpdateTableRequest{small_table(), {{PartitionId{0}, LeaderEpoch{2}}}}));
    add(25, encode(UpdateTableReply{}));
    add(25, encode(UpdateTableReply{small_table()}));
    add(26, encode(RegisterNodeRequest{NodeId{1}}));
    auto any_read = ReadRequest{table, SchemaId{1}, positions, 10, "rows", 100};
    any_read.partitions[0].min_offset = 9;
    any_read.any = true;
    add(6, encode(any_read));
    auto any_pin = pin;
    any_pin.any = true;
    add(12, encode(PinRequest{{any_pin}, 1000}));
    const ReplicaRef replica{TableId{7}, 9, PartitionId{3}};
    const std::string cluster(32, 'c'), process(16, 'd');
    HeartbeatRequest heartbeat;
    heartbeat.cluster_id = cluster;
    heartbeat.controller = process;
    heartbeat.asked = {replica};
    add(28, encode(heartbeat));
    HeartbeatReply beat;
    beat.node_id = NodeId{2};
    beat.process = process;
    CopyReport report;
    report.replica = replica;
    report.serves = true;
    report.log_end = 9;
    beat.reports = {report};
    ReplicaProposal proposal;
    proposal.replica = replica;
    proposal.in_sync = proposal.lost = {NodeId{1}};
    beat.proposals = {proposal};
    add(29, encode(beat));
    FetchRequest fetch;
    fetch.cluster_id = cluster;
    fetch.follower = NodeId{2};
    fetch.process = process;
    fetch.damaged = fetch.left = {replica};
    fetch.positions = {{replica, LeaderEpoch{1}, 5, 4, 3, 1}};
    fetch.wait_ms = 100;
    fetch.bytes_max = 100;
    add(30, encode(fetch));
    add(31, encode(DropCopyRequest{cluster, process, process, replica, 4}));
    add(32, encode(RefillCopyRequest{cluster, replica, 4}));
    add(33, encode(CopyProgressReply{
                {{replica, NodeId{2}, 10, 20, true}}, {{replica, 1, 2, 3, "why \"not\""}}, 7}));
    add(34, encode(LogDigestRequest{table, PartitionId{0}, 1, 2, 3}));
    add(35, encode(LogDigestReply{1, 2, 3, 18446744073709551615u}));
    return seeds;
}

namespace {

void check_tables(const std::vector<BroadcastTable>& tables, const QueryRequest& request,
                  std::size_t attached) {
    std::set<std::string> names;
    for (const auto& named : request.names)
        names.insert(named.name);
    std::size_t total = 0;
    DL_CHECK(tables.size() <= limits::broadcast_tables_max, "few tables");
    for (const auto& table : tables) {
        DL_CHECK(names.insert(table.name).second, "a name of its own");
        DL_CHECK(!table.columns.empty(), "a table has columns");
        DL_CHECK(table.rows() <= limits::broadcast_rows_max, "few rows");
        std::size_t bytes = 0;
        for (const auto& batch : table.batches) {
            DL_CHECK(batch.columns().size() == table.columns.size(), "the columns of the table");
            for (std::size_t c = 0; c < table.columns.size(); ++c)
                DL_CHECK(batch.columns()[c].type == table.columns[c].type, "the types of the table");
            bytes += batch.body().size();
            (void)read_all_values(batch);
        }
        DL_CHECK(bytes <= limits::broadcast_bytes_max, "few bytes");
        total += bytes;
    }
    DL_CHECK(total == attached, "every byte belongs to one batch");
}

}  // namespace
}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    auto input = fuzz_text(data, size);
    if (input.empty()) return 0;
    const auto decoder = static_cast<std::uint8_t>(input.front()) % std::size(kDecoders);
    input.remove_prefix(1);
    const auto end = std::min(input.find('\0'), input.size());
    const auto json = input.substr(0, end);
    kDecoders[decoder](json);
    if (decoder != kQueryRequest) return 0;
    const auto request = rpc::decode_request<rpc::QueryRequest>(json);
    if (request.has_error()) return 0;
    const auto attached = input.substr(std::min(end + 1, input.size()));
    const auto tables = rpc::read_broadcasts(request->broadcasts, request->names,
                                             SharedBytes::copy_of(attached.data(), attached.size()));
    if (tables.has_error())
        DL_CHECK(!tables.error().message.empty(), "an error says what is wrong");
    else
        check_tables(*tables, *request, attached.size());
    return 0;
}
