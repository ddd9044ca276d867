#include "master/execution/row_cursor.h"

#include <utility>

#include "common/async/run_sized.h"

namespace dl::master {

// Touched by one thread at a time; pool work that outlives the cursor keeps it.
struct RowCursor::State {
    std::unique_ptr<QueryStream> query;
    std::vector<ResultColumn> columns;
    std::shared_ptr<QueryCancel> cancel;
    net::ByteBudget::Share slot;
    std::optional<ColumnBatch> batch;
    std::uint32_t row = 0;
    std::uint64_t rows = 0;

    Result<bool> pull(RowSink& sink) {
        while (!sink.full()) {
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
};

RowCursor::RowCursor(std::unique_ptr<QueryStream> query, std::shared_ptr<QueryCancel> cancel, Place place)
    : pool_(place.pool), state_(std::make_shared<State>()), bytes_(place.bytes) {
    state_->columns = query->columns();
    make_names_unique(state_->columns);
    state_->query = std::move(query);
    state_->cancel = std::move(cancel);
    state_->slot = std::move(place.slot);
}

// Ending a query may wait, so it is done where the query ran.
RowCursor::~RowCursor() {
    if (bytes_ <= limits::work_here_bytes_max) return;
    (void)pool_.post([state = std::move(state_)] {
        state->query.reset();
        state->slot.release();
    });
}

const std::vector<ResultColumn>& RowCursor::columns() const {
    return state_->columns;
}

boost::asio::awaitable<Result<bool>> RowCursor::fill(std::shared_ptr<RowSink> sink) {
    auto work = [state = state_, sink = std::move(sink)] { return state->pull(*sink); };
    auto more = co_await run_sized(pool_, bytes_, work);
    if (more.has_error()) co_return query_stopped(*state_->cancel, std::move(more).error());
    co_return more;
}

std::uint64_t RowCursor::rows() const {
    return state_->rows;
}
const std::map<std::string, std::map<std::uint32_t, Offset>>& RowCursor::offsets() const {
    return state_->query->offsets();
}
const std::map<std::string, std::uint64_t>& RowCursor::behind() const {
    return state_->query->behind();
}

Error query_stopped(const QueryCancel& cancel, Error error) {
    const auto reason = cancel.reason();
    if (reason == ErrorCode::unavailable)
        return make_error(ErrorCode::unavailable, "this master is stopping; ask again in a moment");
    if (!reason || error.code == *reason) return error;
    return *reason == ErrorCode::timeout ? query_timed_out() : make_error(*reason, "the query was cancelled");
}

Error query_timed_out() {
    return make_error(ErrorCode::timeout, "the query ran out of time; raise timeout_ms or ask for less");
}

}  // namespace dl::master
