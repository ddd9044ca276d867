// What Client, QueryResult and Consumer share: address, connection, reconnecting, one statement at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data-lake-client/src/connection.h"
#include "datalake/client.h"

namespace datalake {

class Session {
  public:
    Session(dl::net::Address address, Options options) : address_(std::move(address)), options_(options) {}

    // How often a statement may be sent.
    enum class Resend : std::uint8_t {
        never,       // only while nothing was sent
        lost,        // again after a lost connection: reads
        unfinished,  // also after errors that leave it open or ask to come back: batches with an id
    };
    // Sends one statement and hands its reply items (never `error` ones) to `on_item`; the last one is `end`
    // or a describe / max_offset item, or the only frame when `one_frame`. `on_item` returning false closes
    // the connection and ends well. A statement is not sent again once an item was handed out.
    struct Request {
        std::string_view json;
        std::optional<std::string_view> attachment;
        Resend resend = Resend::never;
        bool one_frame = false;
    };
    Result<void> run(const Request& request, const std::function<bool(ReplyItem&&)>& on_item);

    // Steps of run(), for results that are read bit by bit: start() returns the first item, next() the
    // further ones; the statement is over with the first error or last item, or with finish().
    Result<ReplyItem> start(const Request& request);
    Result<ReplyItem> next();
    // Ends the running statement; gives the connection up when its reply was not read to the end.
    void finish();
    bool busy() const { return busy_; }

    Canceller& canceller() { return canceller_; }
    const dl::net::Address& address() const { return address_; }
    const Options& options() const { return options_; }
    // Longest wait without progress for the next statements.
    void set_timeout(std::chrono::milliseconds timeout) { options_.timeout = timeout; }
    Result<void> connect();

  private:
    Result<ReplyItem> attempt(const Request& request);
    bool ends_reply(const ReplyItem& item) const;
    Result<ReplyItem> read_item();

    dl::net::Address address_;
    Options options_;
    Canceller canceller_;
    std::unique_ptr<Connection> connection_;
    bool busy_ = false;
    bool sent_ = false;
    bool one_frame_ = false;
    bool reading_ = false;  // the statement only reads: a broken reply leaves nothing behind
};

}  // namespace datalake
