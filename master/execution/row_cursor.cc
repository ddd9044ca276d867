#include "master/execution/row_cursor.h"

#include <boost/asio/this_coro.hpp>
#include <mutex>
#include <utility>

#include "common/async/run_sized.h"
#include "common/base/synchronized.h"

namespace dl::master {

// Touched by one thread at a time; pool work that outlives the cursor keeps it.
struct RowCursor::State {
    std::mutex mutex;  // of `query`, which another result may end
    std::unique_ptr<QueryStream> query;
    Synchronized<std::optional<Error>> ended;
    std::vector<ResultColumn> columns;
    std::map<std::string, std::map<std::uint32_t, Offset>> offsets;
    std::map<std::string, std::uint64_t> behind;
    std::shared_ptr<QueryCancel> cancel;
    std::optional<ColumnBatch> batch;
    std::uint32_t row = 0;
    std::uint64_t rows = 0;

    Result<bool> pull(RowSink& sink) {
        const std::lock_guard lock(mutex);
        while (!sink.full()) {
            if (auto why = *ended.lock()) {
                query.reset();
                return std::move(*why);
            }
            if (cancel->reason()) return make_error(ErrorCode::cancelled, "the query was cancelled");
            if (!batch || row == batch->rows()) {
                DL_TRY_ASSIGN(batch, query->next());
                row = 0;
                if (!batch) return false;
                continue;
            }
            DL_TRY_ASSIGN(const auto next, sink.take(*batch, row));
            rows += next - row;
            row = next;
        }
        return true;
    }

    // What the engine holds for it; nothing while rows are pulled: they see it and let go themselves.
    std::unique_ptr<QueryStream> end(Error why) {
        *ended.lock() = std::move(why);
        const std::unique_lock lock(mutex, std::try_to_lock);
        return lock.owns_lock() ? std::move(query) : nullptr;
    }
};

RowCursor::RowCursor(std::unique_ptr<QueryStream> query, std::shared_ptr<QueryCancel> cancel, Place place)
    : pool_(place.pool),
      state_(std::make_shared<State>()),
      bytes_(place.bytes),
      deadline_(place.deadline),
      slot_(std::move(place.slot)),
      running_(std::move(place.running)) {
    state_->columns = query->columns();
    make_names_unique(state_->columns);
    state_->offsets = query->offsets();
    state_->behind = query->behind();
    state_->query = std::move(query);
    state_->cancel = std::move(cancel);
    const auto end = [weak = std::weak_ptr<State>(state_), pool = &pool_](Error why) {
        const auto state = weak.lock();
        if (!state) return;
        std::shared_ptr<QueryStream> ended = state->end(std::move(why));
        // Ending a query may wait, so it is done where the query ran.
        if (ended != nullptr) (void)pool->post([ended = std::move(ended)]() mutable { ended.reset(); });
    };
    // Nobody may be about to pull: the client has to take what was sent before.
    killed_ =
        state_->cancel->on_cancel([end](ErrorCode why) { end(make_error(why, "the query was cancelled")); });
    if (place.results == nullptr) return;
    open_ = place.results->add([end, most = place.results->most()] {
        end(make_error(
            ErrorCode::overloaded,
            "more results are read at the same time than this master keeps open (" + std::to_string(most) +
                ") and this one had waited longest for its client or its turn; ask again, and read faster "
                "or ask for less"));
    });
}

// Ending a query may wait, so it is done where the query ran.
RowCursor::~RowCursor() {
    killed_ = {};  // the state keeps what it is registered with, and may go before the members do
    if (bytes_ <= limits::work_here_bytes_max) return;
    auto slot = std::make_shared<net::ByteBudget::Share>(slot_.take());
    (void)pool_.post([state = std::move(state_), slot] {
        const std::lock_guard lock(state->mutex);
        state->query.reset();
        slot->release();
    });
}

const std::vector<ResultColumn>& RowCursor::columns() const {
    return state_->columns;
}

boost::asio::awaitable<Result<bool>> RowCursor::fill(std::shared_ptr<RowSink> sink) {
    auto slot = co_await slot_.peer_done(deadline_);
    if (slot.has_error()) {
        const auto late =
            make_error(ErrorCode::overloaded,
                       "the client took rows slowly, others ran their queries meanwhile and none "
                       "ended in time; ask again later, or for less");
        co_return query_stopped(*state_->cancel,
                                slot.error().code == ErrorCode::overloaded ? late : slot.error());
    }
    open_.waits(false);
    auto work = [state = state_, sink = std::move(sink)] { return state->pull(*sink); };
    auto more = co_await run_sized(pool_, bytes_, work);
    if (more.has_error()) co_return query_stopped(*state_->cancel, std::move(more).error());
    if (*more) {
        slot_.peer_begins(co_await boost::asio::this_coro::executor);
        open_.waits(true);
    }
    co_return more;
}

std::uint64_t RowCursor::rows() const {
    return state_->rows;
}
const std::map<std::string, std::map<std::uint32_t, Offset>>& RowCursor::offsets() const {
    return state_->offsets;
}
const std::map<std::string, std::uint64_t>& RowCursor::behind() const {
    return state_->behind;
}

Error query_stopped(const QueryCancel& cancel, Error error) {
    const auto reason = cancel.reason();
    if (reason == ErrorCode::unavailable)
        return make_error(ErrorCode::unavailable, "this master is stopping; ask again in a moment");
    if (!reason) return error;
    if (auto said = cancel.said(); !said.empty()) return make_error(*reason, std::move(said));
    if (error.code == *reason) return error;
    return *reason == ErrorCode::timeout ? query_timed_out() : make_error(*reason, "the query was cancelled");
}

Error query_timed_out() {
    return make_error(ErrorCode::timeout, "the query ran out of time; raise timeout_ms or ask for less");
}

}  // namespace dl::master
