// batch_insert with its rows in a second, binary frame (PROTOCOL 3.2).
#include <memory>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/limits.h"
#include "master/handlers/append_rows.h"
#include "master/handlers/handlers.h"
#include "master/protocol/native/batch_binary.h"

namespace dl::master {
namespace {

constexpr std::size_t kUnpackHereBytesMax = 8u << 10;

using PlainBatch = std::shared_ptr<const std::string>;

Result<PlainBatch> unpack(const SharedBytes& compressed) {
    DL_TRY_ASSIGN(auto plain, snappy_uncompress_checked(compressed.view(), limits::batch_plain_bytes_max));
    return PlainBatch(std::make_shared<const std::string>(std::move(plain)));
}

}  // namespace

HandlerResult handle_binary_batch(Services& services, Statement& statement, ClientReply& reply) {
    Result<PlainBatch> plain = PlainBatch();
    net::ByteBudget::Share bytes;
    if (statement.batch.size() <= kUnpackHereBytesMax) {
        plain = unpack(statement.batch);
    } else {
        // Its own unpacked rows beside the parsed ones that append_rows counts.
        auto admitted = co_await services.work_bytes.acquire(statement.batch.size(), statement.deadline);
        if (admitted.has_error()) co_return std::move(admitted).error();
        bytes = std::move(*admitted);
        auto work = [batch = statement.batch] { return guarded([&] { return unpack(batch); }); };
        plain = co_await run_on(services.work_pool, work);
    }
    if (plain.has_error()) co_return std::move(plain).error();
    auto name = binary_batch_table(**plain);
    if (name.has_error()) co_return std::move(name).error();
    auto table = services.catalog.find(*name);
    if (table.has_error()) co_return std::move(table).error();
    statement.batch = SharedBytes();
    const auto input_bytes = (*plain)->size();
    RowParser parse = [rows = std::move(*plain)](const TableMeta& meta) {
        return parse_binary_batch(*rows, meta);
    };
    bytes.release();
    co_return co_await append_rows(services, statement, reply, *table, input_bytes, std::move(parse));
}

}  // namespace dl::master
