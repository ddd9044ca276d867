#include "master/handlers/statement.h"

#include "master/handlers/reply_codec.h"

namespace dl::master {

namespace asio = boost::asio;

asio::awaitable<Result<void>> ClientReply::write_one(std::string bytes) {
    const std::string_view part = bytes;
    co_return co_await write(std::span(&part, 1));
}

asio::awaitable<Result<void>> reply_success(const Statement& statement, ClientReply& reply,
                                            std::string meta_fields) {
    std::string out;
    if (statement.options().meta) {
        std::string meta = "{\"meta\":{";
        meta += meta_fields;
        if (!meta_fields.empty()) meta += ',';
        meta += "\"elapsed_ms\":" + std::to_string(statement.elapsed_ms()) + "}}";
        append_frame(out, meta);
    }
    append_code(out, kReplySuccess);
    co_return co_await reply.write_one(std::move(out));
}

}  // namespace dl::master
