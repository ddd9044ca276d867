// Writes the reply to one statement: frames and codes of docs/protocol.md.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "master/execution/command_context.h"
#include "master/execution/reply.h"
#include "master/protocol/native/native_statement.h"

namespace dl::master {

// The session, as a reply needs it.
class ReplyChannel {
  public:
    virtual ~ReplyChannel() = default;
    // All bytes, in order; completes when there is room for more. UNAVAILABLE when the client is gone or
    // reads nothing.
    virtual boost::asio::awaitable<Result<void>> write(std::span<const std::string_view> parts) = 0;
    // As CommandClient has them.
    virtual void cancel_when_client_leaves() = 0;
    virtual void waiting(bool waits) = 0;
    virtual void writing(bool writes) = 0;
    virtual std::function<void(std::string said)> killer() = 0;
};

class NativeReply final : public CommandClient {
  public:
    // `channel` outlives it.
    explicit NativeReply(ReplyChannel& channel) : channel_(channel) {}
    // Of the statement that is answered, which outlives it.
    void set_form(const ReplyForm& form) { form_ = &form; }

    boost::asio::awaitable<Result<void>> records(SharedBytes frame) override;
    boost::asio::awaitable<Result<void>> progress(CompressProgress now) override;
    boost::asio::awaitable<Result<void>> partition_checked(std::string report) override;
    void cancel_when_client_leaves() override { channel_.cancel_when_client_leaves(); }
    void waiting(bool waits) override { channel_.waiting(waits); }
    void writing(bool writes) override { channel_.writing(writes); }
    std::function<void(std::string said)> killer() override { return channel_.killer(); }

    // The rest of the reply, to its end. `started`: of the statement.
    boost::asio::awaitable<Result<void>> finish(Reply reply, const ReplyForm& form,
                                                std::chrono::steady_clock::time_point started);
    // Its error instead.
    boost::asio::awaitable<Result<void>> fail(const Error& error);

  private:
    boost::asio::awaitable<Result<void>> write_rows(RowCursor& rows, const ReplyForm& form,
                                                    std::chrono::steady_clock::time_point started);
    boost::asio::awaitable<Result<void>> write_one(std::string bytes);

    ReplyChannel& channel_;
    const ReplyForm* form_ = nullptr;
};

}  // namespace dl::master
