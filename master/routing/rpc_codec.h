// The JSON of the RPCs (common/rpc/messages.h) as the master writes and reads it. Pure. A reply that does not
// have the shape it must have is INTERNAL and names the RPC.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/meta/table_meta.h"
#include "common/record/broadcast_table.h"
#include "common/record/column_batch.h"
#include "master/routing/partitioned_batch.h"

namespace dl::master {

using OffsetMap = std::map<std::uint32_t, Offset>;                          // by partition
using OffsetRangeMap = std::map<std::uint32_t, std::pair<Offset, Offset>>;  // first, last

std::string encode_register_node(NodeId node);
// The partitions to create, each with its epoch.
std::string encode_create_table(const TableMeta& table, const LeaderEpochs& epochs);
std::string encode_update_table(const TableMeta& table, const LeaderEpochs& epochs = {});
std::string encode_drop_table(TableId table);
std::string encode_append(const TableMeta& table, const std::optional<std::string>& batch_id,
                          const std::vector<const PartitionBody*>& bodies);
std::string encode_read(TableId table, SchemaId schema, const OffsetMap& from, std::uint64_t read_count,
                        std::string_view format, std::size_t bytes_max);
std::string encode_wait(TableId table, const OffsetMap& from, std::uint64_t min_rows, std::int64_t wait_ms);
// Of offsets, compress and stats.
std::string encode_partitions(TableId table, const std::vector<std::uint32_t>& partitions);

std::string encode_check(TableId table, const std::vector<std::uint32_t>& partitions, bool repair,
                         std::int64_t timeout_ms);

struct PinTable {
    TableId id;
    SchemaId schema;
    std::vector<std::uint32_t> partitions;
    OffsetMap min_offsets;
    OffsetMap as_of;
    std::vector<std::string> keys;
};
std::string encode_pin(const std::vector<PinTable>& tables, std::int64_t lease_ms);
std::string encode_unpin(std::uint64_t view);
// The bodies of the batches of `broadcasts`, in order, are to be attached.
std::string encode_query(std::uint64_t view, std::string_view sql,
                         const std::map<std::string, TableId>& names,
                         const std::vector<std::shared_ptr<const BroadcastTable>>& broadcasts,
                         std::int64_t timeout_ms);
// A query that pins its own cut.
std::string encode_pinned_query(const std::vector<PinTable>& tables, std::string_view sql,
                                const std::map<std::string, TableId>& names, std::int64_t timeout_ms);

struct AppendReply {
    OffsetRangeMap offsets;
    bool duplicate = false;
};
Result<AppendReply> decode_append_reply(std::string_view json);
Result<OffsetMap> decode_read_reply(std::string_view json);
Result<std::uint64_t> decode_wait_reply(std::string_view json);
struct OffsetsReply {
    OffsetMap first;
    OffsetMap end;
};
Result<OffsetsReply> decode_offsets_reply(std::string_view json);
struct PinReply {
    std::uint64_t view = 0;
    std::map<TableId, OffsetMap> offsets;
    std::map<TableId, std::uint64_t> behind;
    std::map<TableId, std::uint64_t> rows;
};
Result<PinReply> decode_pin_reply(std::string_view json);
struct NamedType {
    std::string name;
    DataType type;
};
Result<std::vector<NamedType>> decode_query_columns(std::string_view json);
// The first frame of a query that pins its own cut; `view` is 0.
struct QueryHead {
    std::vector<NamedType> columns;
    PinReply cut;
};
Result<QueryHead> decode_query_head(std::string_view json);
// A further frame of a query of slave `node`: row count, then the body of a batch.
Result<ColumnBatch> decode_query_rows(const SharedBytes& frame, const std::string& node);
struct PingReply {
    std::string node;
    std::string version;
    std::string incarnation;
    NodeId node_id;  // none: it has not been registered
};
struct CompressProgress {
    std::uint64_t rows_done = 0, rows_total = 0, bytes = 0;
};
Result<CompressProgress> decode_compress_progress(std::string_view json);
// The row of one partition as clients get it: with the slave's address.
Result<std::string> check_row(std::string_view slave_json, const std::string& node);
Result<PingReply> decode_ping_reply(std::string_view json);

}  // namespace dl::master
