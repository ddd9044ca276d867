#include "master/handlers/append_rows.h"

#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/failpoint.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

// Below this, parsing costs less than going to another thread and back.
constexpr std::size_t kParseHereBytesMax = 8u << 10;

using SharedBatch = std::shared_ptr<const PartitionedBatch>;

Result<SharedBatch> share(Result<PartitionedBatch> batch) {
    if (batch.has_error()) return std::move(batch).error();
    return SharedBatch(std::make_shared<const PartitionedBatch>(std::move(*batch)));
}

}  // namespace

asio::awaitable<Result<void>> append_rows(Services& services, Statement& statement, ClientReply& reply,
                                          TablePtr table, std::size_t input_bytes, RowParser parse) {
    net::ByteBudget::Share bytes;
    Result<SharedBatch> batch = SharedBatch();
    if (input_bytes <= kParseHereBytesMax) {
        batch = guarded([&] { return share(parse(*table)); });
    } else {
        auto admitted = co_await services.work_bytes.acquire(input_bytes, statement.deadline);
        if (admitted.has_error()) co_return std::move(admitted).error();
        bytes = std::move(*admitted);
        auto work = [table, parse = std::move(parse)] {
            return guarded([&] { return share(parse(*table)); });
        };
        batch = co_await run_on(services.work_pool, work);
    }
    if (batch.has_error()) co_return std::move(batch).error();
    DL_FAILPOINT("append.after-parse");

    AppendOutcome outcome;
    if ((*batch)->rows != 0) {
        auto appended =
            co_await services.appends.append(table, *batch, statement.options().batch_id, statement.deadline);
        if (appended.has_error()) co_return std::move(appended).error();
        outcome = std::move(*appended);
    }
    std::string meta;
    if (statement.options().meta) {
        meta = "\"offsets\":";
        append_ranges_json(meta, outcome.offsets);
        meta += ",\"rows\":" + std::to_string((*batch)->rows);
        if (statement.options().batch_id)
            meta += outcome.duplicate ? ",\"duplicate\":true" : ",\"duplicate\":false";
    }
    auto replied = co_await reply_success(statement, reply, std::move(meta));
    DL_FAILPOINT("append.after-ack-send");
    co_return replied;
}

}  // namespace dl::master
