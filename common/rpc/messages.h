// Requests and replies between master and slave. One connection carries one request at a time (pooled by the
// caller), so a slow reader is slowed by TCP itself and closing the connection cancels the request.
//
// Frame: u32 length (little-endian, of what follows) | u8 protocol version (1) | u8 type | u16 0 | payload.
//   request:  type = Method, payload = u32 json length, JSON header, then attached bytes
//   response: any number of `data` frames, then one `end` or `error` frame
//     data:  payload = attached bytes, by method         end: payload = JSON        error: payload =
//     Error::to_text()
// Format page: docs/formats/rpc.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dl::rpc {

inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kFrameHeaderBytes = 8;

enum class Method : std::uint8_t {
    // {} -> end {"node":S,"version":S,"incarnation":S,"node_id":N,"tables":N}; node_id 0: not registered
    ping = 1,
    // {"table":<TableMeta>,"partitions":[N...],"epochs":{"0":N}}: creates the partitions on this node, with
    // their leader epochs; idempotent.
    create_table = 2,
    // {"table":<TableMeta>,"epochs":{"0":N}|absent}: newer schema of a table and newer leader epochs of
    // partitions here, durable before the answer; idempotent, older ones ignored.
    update_table = 3,
    // {"table_id":N}: removes all partitions of the table; idempotent.
    drop_table = 4,
    // {"table_id":N,"schema_id":N,"batch_id":S|absent,"partitions":[{"partition":N,"count":N,"bytes":N,"crc":N}...]}
    // + the encoded ColumnBatch bodies one after the other (crc = CRC-32C of each)
    // -> end {"offsets":{"0":[first,last]},"duplicate":bool}. SCHEMA_MISMATCH when schema_id is newer than
    // known here.
    // An error after some partitions were written is PARTIAL or UNKNOWN_OUTCOME and names them.
    append = 5,
    // {"table_id":N,"schema_id":N,"partitions":[{"partition":N,"offset":N}...],"read_count":N,"bytes_max":N,
    //  "format":"rows"|"json"|"columnar"} -> data frames exactly as the client gets them (without the
    //  i32 length), end {"next":{"0":N}}. SCHEMA_MISMATCH as for pin.
    read = 6,
    // {"table_id":N,"partitions":[{"partition":N,"offset":N}...],"min_rows":N,"wait_ms":N}: returns when at
    // least
    // min_rows records at or after the offsets are visible together, or after wait_ms. -> end {"available":N}
    wait = 7,
    // {"table_id":N,"partitions":[N...]} -> end {"first":{"0":N},"end":{"0":N}}: first stored offset and next
    // offset
    offsets = 8,
    // {"tables":[{"table_id":N,"schema_id":N,"partitions":[N...],"min_offsets":{"0":N},"as_of":{"0":N},"keys":[S]}],
    //  "lease_ms":N} -> end {"view":N,"offsets":{"<table_id>":{"0":N}},"behind":{"<table_id>":N},
    //  "rows":{"<table_id>":N}}: pins one cut (next offset per partition) for queries. SCHEMA_MISMATCH when
    //  schema_id is newer than known. as_of: the cut itself. keys: only the rows of these keys are wanted.
    //  behind: visible records beyond. rows: live rows of the cut here.
    pin = 9,
    // {"view":N}
    unpin = 10,
    // {"view":N,"sql":S,"names":{"<table name in sql>":<table_id>},"timeout_ms":N}, or "tables"
    // as in pin instead of "view"; with "broadcasts":[{"name":S,"columns":[{"name":S,"type":S}...],
    // "batches":[{"rows":N,"bytes":N}...]}...] + their encoded ColumnBatch bodies one after the other: tables
    // that the statement may name as well
    // -> first data frame JSON {"columns":[{"name":S,"type":S}...]} (then also pin's "offsets", "behind" and
    // "rows"),
    // further ones u32 rows + ColumnBatch body, end {"rows":N}
    query = 11,
    // {"table_id":N,"partitions":[N...]} -> data frames JSON {"rows_done":N,"rows_total":N,"bytes":N} as
    // progress, end {...}
    compress = 12,
    // {"table_id":N,"partitions":[N...]} -> end {"rows":N,...}: counters for monitoring and tests
    stats = 13,
    // {"table_id":N,"partitions":[N...],"repair":0|1,"timeout_ms":N} -> per partition, in this order, a data
    // frame JSON
    // {"partition":N,"live_rows":N,"records":N,"bytes":N,"hash":"16 hex digits","problems":[S...]}, end {}
    check = 14,
    // {"node_id":N}: the node is this one of the catalog, from now on. INVALID_REQUEST when it is another
    // one.
    register_node = 15,
};

enum class ReplyType : std::uint8_t { data = 128, end = 129, error = 130 };

}  // namespace dl::rpc
