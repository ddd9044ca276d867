#include <mutex>
#include <optional>

#include "common/async/async_event.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(500);

// One request's compactions, one partition after the other. Goes on to its end when the peer has gone.
struct Compaction {
    std::vector<std::pair<PartitionId, std::shared_ptr<Partition>>> partitions;
    std::mutex mutex;
    CompressProgress before;   // of the partitions that are done
    CompressProgress current;  // of the running one
    std::optional<Error> error;
    AsyncEvent done;

    void run() {
        for (const auto& [id, partition] : partitions) {
            auto result = partition->compress([this](const CompressProgress& progress) {
                std::lock_guard lock(mutex);
                current = progress;
            });
            std::lock_guard lock(mutex);
            before.rows_done += current.rows_done;
            before.rows_total += current.rows_total;
            before.bytes_done += current.bytes_done;
            current = CompressProgress();
            if (result.has_error()) {
                error = result.error().in("partition " + std::to_string(id.value));
                break;
            }
        }
        done.set();
    }

    std::string progress_json() {
        std::lock_guard lock(mutex);
        return "{\"rows_done\":" + std::to_string(before.rows_done + current.rows_done) +
               ",\"rows_total\":" + std::to_string(before.rows_total + current.rows_total) +
               ",\"bytes\":" + std::to_string(before.bytes_done + current.bytes_done) + "}";
    }
};

Result<std::shared_ptr<Compaction>> parse(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("compress", json));
    DL_TRY_ASSIGN(const auto table_id, request.table_id());
    DL_TRY_ASSIGN(const auto ids, request.partition_ids());
    auto compaction = std::make_shared<Compaction>();
    for (const auto id : ids) {
        DL_TRY_ASSIGN(auto partition, tables.partition(table_id, id));
        compaction->partitions.emplace_back(id, std::move(partition));
    }
    return compaction;
}

}  // namespace

rpc::RpcHandler make_compress_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto compaction, parse(*context.tables, call.json()));
        if (!context.compress_pool->post([compaction] { compaction->run(); }))
            co_return make_error(ErrorCode::unavailable, "the slave is shutting down");
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
        if (compaction->error) co_return *compaction->error;
        co_return compaction->progress_json();
    };
}

}  // namespace dl::slave
