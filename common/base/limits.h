// Bounds that a client or another program meets, and those that several modules share; of configurable ones
// the default. A bound that is only one module's own (a buffer, a cache, how much is done at a time) stands
// beside what it bounds, as a constant k...Max. Units come last in the name.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::limits {

// Client protocol.
inline constexpr std::size_t frame_bytes_max_default = 256u << 20;  // master.frame.bytes.max
inline constexpr std::size_t batch_plain_bytes_max = 1u << 30;      // a binary batch, decompressed
inline constexpr std::size_t json_depth_max = 64;
inline constexpr std::size_t name_bytes_max = 128;  // table and column names
inline constexpr std::size_t batch_id_bytes_max = 64;
inline constexpr std::size_t columns_max = 2000;
inline constexpr std::size_t value_bytes_max = 64u << 20;  // one string or binary value
inline constexpr std::size_t key_bytes_max = 1u << 20;
inline constexpr std::size_t partitions_max = 4096;  // = slots
inline constexpr std::size_t sql_bytes_max = 4u << 20;
inline constexpr std::size_t sql_nesting_max = 200;     // parentheses, brackets, braces open at the same time
inline constexpr std::size_t sql_with_nesting_max = 5;  // the parser's time grows fourfold with each
inline constexpr std::size_t sql_common_tables_max = 64;    // WITH entries of a statement
inline constexpr std::size_t sql_conjunctions_max = 5000;   // AND and OR of a statement
inline constexpr std::size_t error_value_bytes_max = 64;    // of a bad value quoted in an error
inline constexpr std::size_t sessions_max_default = 20000;  // master.sessions.max
inline constexpr std::size_t pipelined_frames_max = 16;     // read ahead per connection
inline constexpr std::size_t request_bytes_in_flight_max_default = 2u << 30;  // all sessions of a daemon

// Parsing, typing or encoding of so many bytes costs less than going to another thread and back.
inline constexpr std::size_t work_here_bytes_max = 8u << 10;

// stream_read.
inline constexpr std::size_t stream_reply_bytes_max = 64u << 20;        // soft, cut at a record boundary
inline constexpr std::size_t stream_frame_plain_bytes_max = 16u << 20;  // one frame before compression
inline constexpr std::int64_t long_poll_wait_ms_max = 300'000;

// Small tables that go along with a query to the slaves of a large one: each of them, and how many.
inline constexpr std::size_t broadcast_bytes_max = 1u << 20;
inline constexpr std::size_t broadcast_rows_max = 100'000;
inline constexpr std::size_t broadcast_tables_max = 8;
inline constexpr std::size_t lookup_keys_max = 256;  // values of a statement that are looked up by key
inline constexpr const char* broadcast_name_prefix = "dl_broadcast_";

// Log.
inline constexpr std::size_t record_batch_bytes_max = 1u << 30;
inline constexpr std::size_t segment_bytes_default = 64u << 20;  // slave.file.segment.bytes
inline constexpr std::size_t segment_index_interval_bytes = 64u << 10;
inline constexpr std::size_t append_queue_bytes_max = 256u << 20;  // waiting in one partition
inline constexpr std::size_t group_commit_bytes_max = 32u << 20;   // written under one sync
inline constexpr std::size_t indexed_batch_ids_max = 65536;        // ids that a segment index may name

// Batch ids.
inline constexpr std::size_t producer_batches_max = 32;       // remembered of a producer and partition
inline constexpr std::int64_t batch_repeat_ms_max = 300'000;  // nobody repeats a batch by itself for longer
inline constexpr std::int64_t batch_id_window_ms_min = 600'000;  // slave.batch_id.window.ms: well beyond that
inline constexpr std::int64_t batch_id_window_ms_default = 900'000;

// Timeouts.
inline constexpr std::int64_t statement_timeout_ms_default = 60'000;  // master.statement.timeout.ms
inline constexpr std::int64_t connect_timeout_ms_default = 2'000;

}  // namespace dl::limits
