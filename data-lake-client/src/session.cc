#include "data-lake-client/src/session.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "common/base/limits.h"

namespace datalake {
namespace {

using Clock = std::chrono::steady_clock;

bool may_resend(const Error& error, Session::Resend resend, bool sent) {
    switch (error.code()) {
        case ErrorCode::connect_failed:
            return true;
        case ErrorCode::connection_lost:
            return !sent || resend != Session::Resend::never;
        case ErrorCode::unavailable:
        case ErrorCode::overloaded:
        case ErrorCode::unknown_outcome:
        case ErrorCode::partial:
            return resend == Session::Resend::unfinished;
        default:
            return false;
    }
}

}  // namespace

Result<void> Session::connect() {
    if (connection_ && connection_->is_stale()) connection_.reset();
    if (connection_) {
        connection_->set_timeout(options_.timeout);
        return {};
    }
    auto opened = Connection::open(
        address_, {options_.connect_timeout, options_.timeout, options_.frame_bytes_max}, canceller_);
    if (!opened.ok()) return opened.error();
    connection_ = std::move(*opened);
    return {};
}

bool Session::ends_reply(const ReplyItem& item) const {
    return item.kind != ReplyItem::Kind::frame || one_frame_;
}

Result<ReplyItem> Session::read_item() {
    auto item = connection_->next_item();
    if (!item.ok()) {
        connection_.reset();
        busy_ = false;
        const auto& error = item.error();
        if (reading_ && error.outcome() != Outcome::nothing_done)
            return Error(error.code(), error.message(), Outcome::nothing_done);
        return item;
    }
    if (item->kind == ReplyItem::Kind::error) {
        busy_ = false;
        return Error::from_server(item->body);
    }
    if (ends_reply(*item)) busy_ = false;
    return item;
}

Result<ReplyItem> Session::attempt(const Request& request) {
    sent_ = false;
    if (auto connected = connect(); !connected.ok()) return connected.error();
    std::vector<std::string_view> frames{request.json};
    if (request.attachment) frames.push_back(*request.attachment);
    sent_ = true;
    busy_ = true;
    if (auto sent = connection_->send_frames(frames); !sent.ok()) {
        if (sent.error().code() == ErrorCode::connection_lost) {
            // A server that refuses a frame says so before it closes.
            auto item = connection_->next_item();
            if (item.ok() && item->kind == ReplyItem::Kind::error) {
                connection_.reset();
                busy_ = false;
                return Error::from_server(item->body);
            }
        }
        connection_.reset();
        busy_ = false;
        return sent.error();
    }
    return read_item();
}

Result<ReplyItem> Session::start(const Request& request) {
    if (busy_)
        return Error(
            ErrorCode::invalid_argument,
            "the connection still reads the result of a query; read it to its end or destroy it first");
    if (request.json.empty()) return Error(ErrorCode::invalid_argument, "the statement is empty");
    one_frame_ = request.one_frame;
    reading_ = request.resend == Resend::lost;
    canceller_.begin();
    // Servers remember ids for longer than a batch is repeated under one.
    const auto retry_for =
        request.resend == Resend::unfinished
            ? std::min(options_.retry_for, std::chrono::milliseconds(dl::limits::batch_repeat_ms_max))
            : options_.retry_for;
    const auto give_up = Clock::now() + retry_for;
    auto pause = options_.retry_pause_min;
    // What the attempts so far may have left behind; a later attempt that did nothing does not take it back.
    auto left = Outcome::nothing_done;
    for (;;) {
        auto item = attempt(request);
        if (item.ok()) {
            if (!busy_) canceller_.end();
            return item;
        }
        if (item.error().outcome() != Outcome::nothing_done) {
            left = item.error().outcome();
        } else if (left != Outcome::nothing_done) {
            item = Error(item.error().code(), item.error().message(), left);
        }
        if (!may_resend(item.error(), request.resend, sent_) || Clock::now() + pause > give_up) {
            canceller_.end();
            return item;
        }
        if (!canceller_.sleep_ms(static_cast<int>(pause.count()))) {
            canceller_.end();
            return Error(ErrorCode::cancelled,
                         "cancelled while waiting to try again after " + item.error().to_text(),
                         item.error().outcome());
        }
        pause = std::min(pause * 2, options_.retry_pause_max);
    }
}

Result<ReplyItem> Session::next() {
    if (!busy_) return Error(ErrorCode::invalid_argument, "no statement is running");
    auto item = read_item();
    if (!busy_) canceller_.end();
    return item;
}

void Session::finish() {
    if (busy_) connection_.reset();
    busy_ = false;
    canceller_.end();
}

Result<void> Session::run(const Request& request, const std::function<bool(ReplyItem&&)>& on_item) {
    auto item = start(request);
    for (;;) {
        if (!item.ok()) return item.error();
        if (!on_item(std::move(*item))) {
            finish();
            return {};
        }
        if (!busy_) return {};
        item = next();
    }
}

}  // namespace datalake
