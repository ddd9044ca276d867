#include "slave/stream/record_waiter.h"

#include <algorithm>
#include <limits>

#include "common/async/async_event.h"

namespace dl::slave {

std::uint64_t available_records(const std::vector<WaitPosition>& positions) {
    std::uint64_t available = 0;
    for (const auto& position : positions) {
        const auto begin = std::max(position.from, position.partition->first_offset());
        const auto end = position.partition->end_offset();
        if (end > begin) available += static_cast<std::uint64_t>(end - begin);
    }
    return available;
}

namespace {

constexpr Offset kLastOffset = std::numeric_limits<Offset>::max();

// Positions come from outside and may be as high as a number can be.
Offset beyond_of(Offset from, Offset records) {
    return from > kLastOffset - records ? kLastOffset : from + records;
}

bool any_passed(const std::vector<std::shared_ptr<WaitList>>& ends) {
    return std::any_of(ends.begin(), ends.end(), [](const auto& end) { return end->end() > 0; });
}

void wake_at(const std::vector<std::shared_ptr<WaitList>>& ends, const std::shared_ptr<AsyncEvent>& event,
             std::vector<std::shared_ptr<void>>& subscriptions) {
    for (const auto& end : ends)
        subscriptions.push_back(end->add(0, [event] { event->set(); }));
}

}  // namespace

boost::asio::awaitable<std::uint64_t> wait_for_records(std::vector<WaitPosition> positions,
                                                       std::uint64_t rows_min,
                                                       std::chrono::steady_clock::time_point deadline,
                                                       std::vector<std::shared_ptr<WaitList>> ends) {
    for (;;) {
        auto event = std::make_shared<AsyncEvent>();
        std::vector<std::shared_ptr<void>> subscriptions;
        // Ends before the count: what comes between the two wakes us at once.
        std::vector<Offset> offsets;
        offsets.reserve(positions.size());
        for (const auto& position : positions)
            offsets.push_back(position.partition->end_offset());
        const auto available = available_records(positions);
        if (available >= rows_min || any_passed(ends)) co_return available;
        wake_at(ends, event, subscriptions);
        const auto missing = static_cast<Offset>(std::min<std::uint64_t>(rows_min - available, 1u << 30));
        for (std::size_t i = 0; i < positions.size(); ++i) {
            // One partition alone has to bring all that is missing; of several each may bring the first.
            const auto step = positions.size() == 1 ? missing : 1;
            const auto beyond = beyond_of(std::max(offsets[i], positions[i].from), step - 1);
            subscriptions.push_back(positions[i].partition->notify_beyond(beyond, [event] { event->set(); }));
        }
        const bool woken = co_await event->wait(deadline);
        subscriptions.clear();
        if (!woken || std::chrono::steady_clock::now() >= deadline) co_return available_records(positions);
    }
}

boost::asio::awaitable<bool> wait_for_offsets(std::vector<WaitPosition> positions,
                                              std::chrono::steady_clock::time_point deadline,
                                              std::vector<std::shared_ptr<WaitList>> ends) {
    for (const auto& position : positions) {
        while (position.partition->end_offset() < position.from) {
            if (any_passed(ends)) co_return false;
            auto event = std::make_shared<AsyncEvent>();
            std::vector<std::shared_ptr<void>> subscriptions;
            wake_at(ends, event, subscriptions);
            subscriptions.push_back(
                position.partition->notify_beyond(position.from - 1, [event] { event->set(); }));
            const bool woken = co_await event->wait(deadline);
            if (!woken || std::chrono::steady_clock::now() >= deadline)
                co_return position.partition->end_offset() >= position.from;
        }
    }
    co_return true;
}

}  // namespace dl::slave
