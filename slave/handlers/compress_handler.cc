#include <mutex>
#include <optional>

#include "common/async/async_event.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(500);

// One request's compactions, one partition after the other, so that requests take turns on the compaction
// pool. Goes on to its end when the peer has gone.
struct Compaction : std::enable_shared_from_this<Compaction> {
    rpc::TableRef table;
    FoundPartitions partitions;
    std::mutex mutex;
    std::size_t at = 0;       // under way
    CompressProgress before;  // of the partitions that are done
    std::optional<Error> error;
    AsyncEvent done;

    void next() {
        if (at == partitions.size()) return done.set();
        partitions[at].second->start_compress(
            [self = shared_from_this()](const Result<void>& result) { self->finished(result); });
    }

    void finished(const Result<void>& result) {
        {
            const std::lock_guard lock(mutex);
            const auto& [id, partition] = partitions[at];
            const auto own = partition->compress_progress();
            before.rows_done += own.rows_done;
            before.rows_total += own.rows_total;
            before.bytes_done += own.bytes_done;
            ++at;
            if (result.has_error()) error = result.error().in("partition " + std::to_string(id.value));
        }
        if (error) return done.set();
        next();
    }

    std::string progress_json() {
        const std::lock_guard lock(mutex);
        CompressProgress current;
        if (at < partitions.size()) current = partitions[at].second->compress_progress();
        return rpc::encode(rpc::CompressProgress{before.rows_done + current.rows_done,
                                                 before.rows_total + current.rows_total,
                                                 before.bytes_done + current.bytes_done});
    }
};

Result<std::shared_ptr<Compaction>> parse(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::CompressRequest>(json));
    auto compaction = std::make_shared<Compaction>();
    DL_TRY_ASSIGN(compaction->partitions, find_partitions(tables, request.table, request.partitions));
    compaction->table = request.table;
    return compaction;
}

}  // namespace

rpc::RpcHandler make_compress_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto compaction, parse(*context.tables, call.json()));
        compaction->next();
        for (;;) {
            const bool done =
                co_await compaction->done.wait(std::chrono::steady_clock::now() + kProgressInterval);
            if (done) break;
            if (call.cancelled())
                co_return make_error(ErrorCode::cancelled, "the peer has gone; the compaction goes on");
            const auto progress = compaction->progress_json();
            auto written = co_await call.send_data(std::string_view(progress));
            DL_CO_TRY(std::move(written));
        }
        if (compaction->error)
            co_return unless_dropped(*context.tables, compaction->table.id, compaction->table.name,
                                     *compaction->error);
        co_return compaction->progress_json();
    };
}

}  // namespace dl::slave
