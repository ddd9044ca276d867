#include "slave/replication/fetch_session.h"

#include <charconv>
#include <utility>

#include "common/base/random_id.h"

namespace dl::slave {
namespace {

std::uint64_t random_session() {
    const auto hex = random_hex(15);
    std::uint64_t number = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
    return number + 1;
}

}  // namespace

bool FetchSession::begin(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    if (number != next_number_) return false;
    ++next_number_;
    return true;
}

Result<Replica::Answer> FetchSession::place(const std::shared_ptr<Replica>& replica,
                                            const Replica::Position& position) {
    std::size_t slot = 0;
    {
        const std::lock_guard lock(mutex_);
        const auto [at, fresh] = slots_by_ref_.try_emplace(replica->ref(), slots_.size());
        if (fresh) slots_.emplace_back();
        slot = at->second;
        slots_[slot].replica = replica;
        slots_[slot].placed = slots_[slot].records = slots_[slot].committed = false;
    }
    // First, so that nothing is missed in between.
    replica->listen(follower_, weak_from_this(), slot);
    auto answer = replica->report(follower_, position);
    if (answer.has_error() || answer->losses || answer->diverged) return answer;
    const std::lock_guard lock(mutex_);
    auto& placed = slots_[slot];
    if (placed.epoch != position.epoch) placed.high_watermark_sent = -1;
    placed.epoch = position.epoch;
    placed.offset = position.offset;
    placed.placed = true;
    // Or news that came behind the report.
    placed.records = placed.records || answer->has_records;
    placed.committed = placed.committed || answer->high_watermark > placed.high_watermark_sent;
    if (placed.records || placed.committed) queue(slot);
    return answer;
}

void FetchSession::leave(const rpc::ReplicaRef& ref) {
    const std::lock_guard lock(mutex_);
    const auto found = slots_by_ref_.find(ref);
    if (found == slots_by_ref_.end()) return;
    slots_[found->second].placed = false;
    slots_[found->second].replica.reset();
}

void FetchSession::queue(std::size_t slot) {
    auto& one = slots_[slot];
    if (!one.queued) {
        one.queued = true;
        queue_.push_back(slot);
    }
    if (one.records && !std::exchange(one.counted, true)) ++with_records_;
    if (waiting_ != nullptr) waiting_->set();
}

void FetchSession::has_news(std::size_t slot, bool records) {
    const std::lock_guard lock(mutex_);
    auto& one = slots_[slot];
    const bool known = one.queued && (one.records || !records);
    one.records = one.records || records;
    one.committed = one.committed || !records;
    if (one.placed && !known) queue(slot);
}

std::optional<FetchSession::News> FetchSession::take() {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty()) {
        const auto slot = queue_.front();
        queue_.pop_front();
        auto& one = slots_[slot];
        one.queued = false;
        if (std::exchange(one.counted, false)) --with_records_;
        if (!one.placed || one.replica == nullptr) continue;
        one.placed = false;
        one.records = one.committed = false;
        return News{one.replica, one.epoch, one.offset, slot};
    }
    return std::nullopt;
}

void FetchSession::sent(std::size_t slot, Offset high_watermark) {
    const std::lock_guard lock(mutex_);
    slots_[slot].high_watermark_sent = high_watermark;
}

boost::asio::awaitable<void> FetchSession::wait(std::chrono::steady_clock::time_point deadline) {
    for (;;) {
        std::shared_ptr<AsyncEvent> event;
        auto until = deadline;
        {
            const std::lock_guard lock(mutex_);
            if (with_records_ > 0 || std::chrono::steady_clock::now() >= until) {
                waiting_.reset();
                co_return;
            }
            if (!queue_.empty()) until = std::min(until, std::chrono::steady_clock::now() + kQuietFor);
            event = std::make_shared<AsyncEvent>();
            waiting_ = event;
        }
        const bool woken = co_await event->wait(until);
        const std::lock_guard lock(mutex_);
        if (!woken) {
            waiting_.reset();
            co_return;
        }
    }
}

Result<std::shared_ptr<FetchSession>> FetchSessions::of(const rpc::FetchRequest& request) {
    const std::lock_guard lock(mutex_);
    const OfFollower key{request.follower, request.lane};
    if (request.session == 0) {
        // Also lanes of an earlier life, which this one may not have.
        std::erase_if(sessions_, [&](const auto& one) {
            return one.first.follower == request.follower && one.second->process() != request.process;
        });
        sessions_[key] = std::make_shared<FetchSession>(random_session(), request.follower, request.process);
    }
    const auto known = sessions_.find(key);
    const bool is_known =
        known != sessions_.end() && (request.session == 0 || known->second->id() == request.session);
    if (!is_known || !known->second->begin(request.number))
        return make_error(ErrorCode::not_found, "the session of the fetch is not known here any more");
    return known->second;
}

}  // namespace dl::slave
