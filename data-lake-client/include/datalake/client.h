// A connection to DataLakeDB.
//
//   auto client = datalake::Client::connect("127.0.0.1:7853");
//   if (!client.ok()) return fail(client.error().to_text());
//   client->sql("create table users(id long primary key, name string)");
//
// Threads: one statement at a time, from one thread at a time; only cancel() may be called from others. Use
// one Client per thread to work in parallel. The connection is made again when it broke: statements that only
// read, and batches (which carry a batch id), are sent again by themselves for up to Options::retry_for;
// anything else reports CONNECTION_LOST with the outcome maybe_done.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datalake/batch_builder.h"
#include "datalake/consumer.h"
#include "datalake/error.h"
#include "datalake/query_result.h"
#include "datalake/value.h"

namespace datalake {

struct Options {
    std::chrono::milliseconds connect_timeout{5'000};
    // The longest wait without a byte sent or received; then TIMEOUT and the connection is given up. 0: for
    // ever.
    std::chrono::milliseconds timeout{90'000};
    // How long lost connections and busy or unreachable servers are tried again. 0: never.
    std::chrono::milliseconds retry_for{30'000};
    std::chrono::milliseconds retry_pause_min{50};
    std::chrono::milliseconds retry_pause_max{2'000};
    // The longest reply frame taken.
    std::size_t frame_bytes_max = 512u << 20;
};

enum class ReplyKind : std::uint8_t { done, describe, max_offset, frames };

// Reply to a raw statement. `done`: nothing but success; `describe` and `max_offset`: one frame of JSON.
struct Reply {
    ReplyKind kind = ReplyKind::done;
    std::vector<std::string> frames;
};

struct TableSpec {
    std::string name;
    std::vector<std::pair<std::string, std::string>> columns;  // name, type; in order
    std::string key;
    std::uint32_t partitions = 1;
    std::uint32_t copies = 1;
    // How long every record is kept by its offset, and in how many bytes of log at most; absent: as the
    // server has it.
    std::optional<std::uint32_t> history_hours;
    std::optional<std::uint64_t> history_bytes;
    std::vector<std::string> not_null;
    std::vector<std::pair<std::string, Value>> defaults;
};

struct ColumnInfo {
    std::string name;
    std::string type;
    std::string config;  // PRIMARY_KEY, NOT_NULL, DEFAULT or NULL
    std::optional<std::string> default_value;
};

struct PartitionInfo {
    std::string leader;  // host:port
    std::vector<std::string> followers;
};

// A view has columns only: no key and no partitions.
struct TableInfo {
    std::string name;
    std::string key;
    std::vector<ColumnInfo> columns;
    std::map<std::uint32_t, PartitionInfo> partitions;
};

// Which records of a partition there are.
struct PartitionOffsets {
    std::int64_t first = 0;    // of the oldest record; behind the last one when there is none
    std::int64_t history = 0;  // from here on every record is kept, below only the newest of each key
    std::int64_t last = -1;    // of the newest record; -1 when there never was one
    std::optional<std::int64_t> since;  // of the first record of the time asked for, or behind the last one
};

struct TableOffsets {
    std::string table_id;  // of this table and no other that gets its name
    std::map<std::uint32_t, PartitionOffsets> partitions;
};

struct SendOptions {
    // Up to 64 bytes. A batch with the same id on the same table is applied once. Empty: it is one of a
    // producer, by default the client itself with its next number.
    std::string batch_id;
    // Instead of it, the id of a producer (up to 64 bytes) and the number of the batch among its own, from 1
    // on: for who keeps them to send a batch again in a later run. Numbers ascend; up to 32 batches of a
    // producer may be under way at a time. One that is older than the newest 32 of a partition and not known
    // there is refused (BATCH_ID_EXPIRED).
    std::string producer_id;
    std::uint64_t sequence = 0;
};

struct InsertResult {
    // What the batch was sent under: its id, or its producer's and its number.
    std::string batch_id;
    std::string producer_id;
    std::uint64_t sequence = 0;
    // First and last offset written per partition.
    std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> offsets;
};

struct QueryOptions {
    bool meta = false;                       // see QueryResult::meta()
    std::optional<std::int64_t> timeout_ms;  // for the server; the default is the server's
    Positions min_offsets;                   // wait until these are visible
    // Any copy in sync may answer, not only the one that leads: it may be a moment behind, but shows what
    // min_offsets names, and on one connection never less than was seen before.
    bool any_copy = false;
};

using Row = std::vector<std::pair<std::string, Value>>;  // column, value

class Client {
  public:
    struct Impl;
    // "host:port", "host" (port 7853) or "[v6]:port". Connects at once: CONNECT_FAILED names address and
    // reason.
    static Result<Client> connect(std::string_view address, const Options& options = {});
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // Raw statement, one JSON value as in docs/protocol.md, reply kept in memory. `attachment` is the second
    // frame of a binary batch.
    Result<Reply> execute(std::string_view json, std::optional<std::string_view> attachment = std::nullopt);
    // The same with the frames handed out one by one; false from `on_frame` gives the rest and the connection
    // up.
    Result<ReplyKind> execute(std::string_view json, std::optional<std::string_view> attachment,
                              const std::function<bool(ReplyKind kind, std::string&& frame)>& on_frame);
    // Any statement of the `sql` form; rows of a select are better read with query().
    Result<Reply> sql(std::string_view text);

    Result<void> create(const TableSpec& table);
    Result<void> drop(std::string_view table);
    Result<void> compress(std::string_view table);  // returns when the compaction is complete
    Result<std::vector<std::string>> tables();
    Result<TableInfo> describe(std::string_view table);
    // Offset of the last record of each partition, -1 when empty.
    Result<std::map<std::uint32_t, std::int64_t>> max_offset(std::string_view table);
    // The same and where each partition begins. `since`: a timestamp as the server takes them,
    // "2024-01-31 12:00:00"; the offsets of then, too.
    Result<TableOffsets> offsets(std::string_view table, std::string_view since = {});

    // One row or many, with any columns each; safe to retry and retried by itself. remove() needs the key
    // only.
    Result<InsertResult> insert(std::string_view table, const Row& row, const SendOptions& options = {});
    Result<InsertResult> insert(std::string_view table, const std::vector<Row>& rows,
                                const SendOptions& options = {});
    Result<InsertResult> remove(std::string_view table, const Row& key, const SendOptions& options = {});
    // All rows of the batch; the batch stays as it is. All or nothing as far as values are concerned: one bad
    // row refuses the batch (INVALID_VALUE names it).
    Result<InsertResult> send(const BatchBuilder& batch, const SendOptions& options = {});
    // Rows first .. end - 1 of it.
    Result<InsertResult> send(const BatchBuilder& batch, std::uint32_t first, std::uint32_t end,
                              const SendOptions& options = {});

    Result<QueryResult> query(std::string_view select, const QueryOptions& options = {});
    // With a connection of its own.
    Result<Consumer> consume(std::string_view table, const ConsumerOptions& options = {});

    // From any thread or signal handler: a running statement returns CANCELLED (a write may have been done)
    // and its connection is closed; the next statement makes a new one. Nothing happens when none is running.
    void cancel();
    // Options::timeout for the next statements.
    void set_timeout(std::chrono::milliseconds timeout);
    // host:port
    const std::string& address() const;

  private:
    explicit Client(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake
