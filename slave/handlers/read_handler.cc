#include <algorithm>
#include <optional>

#include "common/async/async_event.h"
#include "common/base/limits.h"
#include "common/record/columnar_frame.h"
#include "common/rpc/messages/read_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/pin_target.h"
#include "slave/handlers/request_target.h"
#include "slave/replication/replica_set.h"
#include "slave/stream/stream_reader.h"

namespace dl::slave {
namespace {

struct ReadRequest {
    std::shared_ptr<const TableMeta> table;
    struct Position {
        PartitionId id;
        Offset offset = 0;
        std::shared_ptr<Partition> partition;
    };
    std::vector<WaitPosition> awaited;  // of copies that do not lead
    std::vector<Position> positions;
    std::uint64_t read_count = 0;
    StreamFormat format = StreamFormat::rows;
    std::size_t bytes_max = 0;
    bool check_end = false;
};

Result<ReadRequest> parse(const HandlerContext& context, std::string_view json) {
    const auto& tables = *context.tables;
    DL_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::ReadRequest>(json));
    ReadRequest read;
    DL_TRY_ASSIGN(read.table, find_table(tables, request.table));
    DL_TRY(check_schema(*read.table, request.schema, "read"));
    read.check_end = request.check_end;
    DL_TRY_ASSIGN(read.format, parse_stream_format(request.format));
    read.read_count = request.read_count;
    read.bytes_max = static_cast<std::size_t>(request.bytes_max);
    read.positions.reserve(request.partitions.size());
    for (const auto& [id, epoch, offset, min_offset] : request.partitions) {
        ReadablePartition found;
        if (request.any) {
            DL_TRY_ASSIGN(found, find_readable_partition(tables, context.replicas, request.table, id, epoch));
        } else {
            DL_TRY_ASSIGN(found.partition, find_led_partition(tables, request.table, id, epoch));
        }
        if (found.follows) {
            context.replicas->count_follower_read();
            read.awaited.push_back({found.partition, std::max(offset, min_offset.value_or(0))});
        }
        read.positions.push_back({id, offset, std::move(found.partition)});
    }
    return read;
}

// The next chunk, made on the work pool while the one before is sent. Owned by the work too.
struct Prefetch {
    Prefetch(StreamReader from, std::size_t bytes) : reader(std::move(from)), bytes_max(bytes) {}
    StreamReader reader;
    std::size_t bytes_max;
    std::optional<Result<StreamChunk>> chunk;
    std::unique_ptr<AsyncEvent> ready;

    static void start(const std::shared_ptr<Prefetch>& self, WorkerPool& pool) {
        self->ready = std::make_unique<AsyncEvent>();
        self->chunk.reset();
        const bool queued = pool.post([self] {
            self->chunk.emplace(self->reader.next(self->bytes_max));
            self->ready->set();
        });
        if (!queued) {
            self->chunk.emplace(make_error(ErrorCode::unavailable, "the slave is shutting down"));
            self->ready->set();
        }
    }
};

boost::asio::awaitable<Result<void>> send(rpc::RpcCall& call, StreamChunk& chunk, StreamFormat format) {
    if (format == StreamFormat::json) {
        std::vector<SharedBytes> frames;
        frames.reserve(chunk.frames.size());
        for (auto& frame : chunk.frames)
            frames.push_back(std::move(frame[0]));
        co_return co_await call.send_frames(std::move(frames));
    }
    for (auto& frame : chunk.frames) {
        DL_CO_TRY(co_await call.send_data(std::move(frame)));
    }
    co_return Result<void>{};
}

// Records of one partition up to about `bytes_max`, at least one while there are some; adds what was sent to
// `sent`. An error of the partition itself is in the result; others mean that nobody reads on.
boost::asio::awaitable<Result<rpc::ReadResult>> read_partition(HandlerContext& context, rpc::RpcCall& call,
                                                               const ReadRequest& request, std::size_t index,
                                                               std::size_t bytes_max, std::size_t& sent) {
    const auto& position = request.positions[index];
    rpc::ReadResult result{position.id, position.offset, {}};
    if (request.check_end) {
        auto within = check_position(request.table->name, position.id, *position.partition, position.offset);
        if (within.has_error()) {
            result.error = std::move(within).error();
            co_return result;
        }
    }
    StreamReader reader(position.partition, request.table, position.id, position.offset, request.read_count,
                        request.format);
    auto ahead = std::make_shared<Prefetch>(std::move(reader), bytes_max);
    std::size_t used = 0;
    Prefetch::start(ahead, *context.work_pool);
    for (;;) {
        const bool made = co_await ahead->ready->wait(std::chrono::steady_clock::time_point::max());
        if (!made) co_return make_error(ErrorCode::cancelled, "the reader has gone");
        if (ahead->chunk->has_error()) {
            result.error = std::move(*ahead->chunk).error();
            break;
        }
        auto chunk = std::move(**ahead->chunk);
        if (chunk.empty()) break;
        const auto next = ahead->reader.next_offset();
        const auto dropped = ahead->reader.dropped();
        used += chunk.bytes;
        const bool more = used < bytes_max;
        if (more) {
            ahead->bytes_max = bytes_max - used;
            Prefetch::start(ahead, *context.work_pool);
        }
        DL_CO_TRY(co_await send(call, chunk, request.format));
        result.next = next;
        if (dropped) {
            result.dropped_first = dropped->first;
            result.dropped_last = dropped->second;
        }
        if (!more) break;
    }
    sent += used;
    co_return result;
}

}  // namespace

rpc::RpcHandler make_read_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, parse(context, call.json()));
        if (!request.awaited.empty()) {
            std::vector<std::shared_ptr<WaitList>> ends{context.drops->of(request.table->id)};
            const auto until = std::chrono::steady_clock::now() + kCopyPatience;
            const bool reached =
                co_await wait_for_offsets(std::move(request.awaited), until, std::move(ends));
            if (!reached)
                co_return make_error(ErrorCode::not_leader,
                                     "this copy has not come to the positions asked for yet");
        }
        if (request.format == StreamFormat::columnar) {
            const auto schema = columnar_schema_frame(*request.table);
            auto written = co_await call.send_data(std::string_view(schema));
            DL_CO_TRY(std::move(written));
        }
        rpc::ReadReply reply;
        std::size_t sent = 0;
        for (std::size_t i = 0; i < request.positions.size(); ++i) {
            // What is left is shared by the partitions still to come, so that none is starved.
            const auto left = request.bytes_max > sent ? request.bytes_max - sent : 1;
            const auto share = std::max<std::size_t>(left / (request.positions.size() - i), 1);
            DL_CO_TRY_ASSIGN(auto reached, co_await read_partition(context, call, request, i, share, sent));
            reply.partitions.push_back(std::move(reached));
        }
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
