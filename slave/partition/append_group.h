// Turns queued append requests into the record batches of one group commit: known batch ids are answered
// instead of written, small neighbours are joined into one batch, bodies are compressed as configured. No io.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "slave/partition/append_request.h"
#include "slave/partition/batch_id_window.h"
#include "slave/partition/unapplied_batches.h"

namespace dl::slave {

struct PendingAppend {
    AppendRequest request;
    std::function<void(Result<AppendAck>)> done;
    std::size_t bytes() const { return request.body.size() + kOverheadBytes; }
    static constexpr std::size_t kOverheadBytes = 256;  // counted for the queue's bound
};

// A request joins others when it has no batch id and is this small; joined batches grow to about this much.
inline constexpr std::uint32_t kJoinedRowsMax = 8192;
inline constexpr std::size_t kJoinedBytesMax = 1u << 20;
inline constexpr std::uint32_t kJoinRowsMax = 512;
inline constexpr std::size_t kJoinBytesMax = 64u << 10;

struct AppendGroup {
    struct Batch {
        ColumnBatch batch;
        std::uint32_t body_crc = 0;  // of batch.body()
        SchemaId schema;
        BatchName name;
        std::vector<Hash128> hashes;  // of the keys
    };
    // Where each request of the group ends up.
    struct Place {
        std::optional<Error> error;         // refused
        std::optional<BatchIdEntry> known;  // appended before, applied or not
        std::size_t batch = 0;              // else: rows [first_row, first_row + rows) of this batch
        std::uint32_t first_row = 0;
        std::uint32_t rows = 0;
        bool duplicate = false;  // the same batch earlier in this group
    };
    std::vector<Batch> batches;
    std::vector<Place> places;  // by request
};

// What the plan is made against, all of one instant.
struct AppendPlanInput {
    const BatchIdWindow* applied = nullptr;
    const UnappliedBatches* unapplied = nullptr;
    std::function<Result<void>(LeaderEpoch)> check_epoch;  // of what a request names
    FieldId key;
    std::uint64_t hash_seed = 0;
};
AppendGroup plan_append_group(const std::vector<PendingAppend>& requests, const AppendPlanInput& input);

// Requests whose rows are in the log and wait to be applied. `end`: behind the last record an answer names.
struct UnansweredGroup {
    std::vector<PendingAppend> requests;
    std::vector<AppendGroup::Place> places;
    std::vector<Offset> base_offsets;  // of the batches
    Offset end = 0;
};
// Calls every `done`: with its offsets, or with its own error.
void answer(UnansweredGroup& group);

// Header (but for offsets) and stored body of a batch.
Result<StoredBatch> encode_stored_batch(const AppendGroup::Batch& batch, BodyCodec codec, TableId table,
                                        PartitionId partition, LeaderEpoch epoch,
                                        std::int64_t append_time_us);

}  // namespace dl::slave
