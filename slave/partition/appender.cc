#include "slave/partition/appender.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"
#include "common/base/planted_fault.h"
#include "slave/partition/batch_digest.h"

namespace dl::slave {
namespace {

Result<AppendAck> answer_of_repeat(const BatchIdEntry& known, const AppendRequest& request) {
    DL_TRY(check_same_rows(known, request));
    return AppendAck{known.first, known.last, true};
}

// Unflushed rows kept in memory: beyond this the drain waits for a flush.
constexpr std::uint64_t kTailSegmentsMax = 8;
constexpr std::uint64_t kTailBytesFloor = 64u << 20;

Error closing_error(const PartitionCore& core) {
    return make_error(ErrorCode::unavailable, core.label() + " is closing; try again later");
}

// Nothing can be written. A repeat of a batch that is there already needs nothing written, and is answered as
// the first was.
void answer_without_writing(PartitionCore& core, const std::vector<PendingAppend>& requests,
                            const Error& error) {
    std::vector<Result<AppendAck>> answers;
    answers.reserve(requests.size());
    {
        auto hold = core.exclusion.for_group();
        // What an apply that failed left behind it is remembered, and nobody sees its rows.
        const Offset visible = core.progress().visible_end();
        for (const auto& pending : requests) {
            const auto& request = pending.request;
            if (request.epoch) {
                if (auto checked = core.check_epoch(*request.epoch); checked.has_error()) {
                    answers.push_back(std::move(checked).error());
                    continue;
                }
            }
            if (request.name.id == Hash128{}) {
                answers.push_back(error);
                continue;
            }
            const auto known = hold->batch_ids.find(request.name);
            if (known.has_error())
                answers.push_back(known.error());
            else if (*known && (*known)->last < visible)
                answers.push_back(answer_of_repeat(**known, request));
            else
                answers.push_back(error);
        }
    }
    for (std::size_t i = 0; i < requests.size(); ++i)
        requests[i].done(std::move(answers[i]));
}

}  // namespace

Appender::Appender(PartitionCore& core, std::shared_ptr<WaitList> waits, std::function<void()> segment_closed,
                   std::function<void()> make_room)
    : core_(core),
      applier_(core),
      waits_(std::move(waits)),
      segment_closed_(std::move(segment_closed)),
      make_room_(std::move(make_room)),
      disk_(core.context.disk_reserve != nullptr
                ? core.context.disk_reserve
                : std::make_shared<DiskReserve>(*core.context.files, core.directory,
                                                core.options.free_disk_bytes_min)) {}

void Appender::append(AppendRequest request, std::function<void(Result<AppendAck>)> done) {
    std::optional<Error> refused;
    {
        const auto queue = queue_.lock();
        PendingAppend pending{std::move(request), std::move(done)};
        const auto bytes = pending.bytes();
        if (queue->closing) {
            refused = closing_error(core_);
        } else if (queue->failed) {
            refused = queue->failed;
        } else if (pending.request.batch.rows() == 0) {
            refused =
                make_error(ErrorCode::invalid_request, "an append to " + core_.label() + " has no rows");
        } else if (queue->bytes != 0 && queue->bytes + bytes > core_.options.append_queue_bytes_max) {
            refused =
                make_error(ErrorCode::overloaded, "the append queue of " + core_.label() + " holds " +
                                                      std::to_string(queue->bytes) + " bytes, the limit is " +
                                                      std::to_string(core_.options.append_queue_bytes_max) +
                                                      "; try again later");
        } else {
            queue->bytes += bytes;
            queue->waiting.push_back(std::move(pending));
            if (queue->draining) return;
            queue->draining = true;
        }
        done = std::move(pending.done);
    }
    if (!refused) return post_drain();
    auto shared = std::make_shared<std::function<void(Result<AppendAck>)>>(std::move(done));
    if (!core_.context.storage_pool->post([shared, error = *refused] { (*shared)(error); }))
        (*shared)(*refused);
}

void Appender::post_drain() {
    if (core_.context.storage_pool->post([this, keep = owner_.lock()] { drain(); })) return;
    std::deque<PendingAppend> left;
    {
        const auto queue = queue_.lock();
        left.swap(queue->waiting);
        queue->bytes = 0;
        queue->draining = false;
        queue->closing = true;
    }
    idle_.notify_all();
    for (auto& pending : left)
        pending.done(closing_error(core_));
}

bool Appender::tail_is_full() const {
    const auto limit = std::max(kTailBytesFloor, kTailSegmentsMax * core_.options.segment_bytes);
    return core_.tail_resident_bytes.load() > limit &&
           core_.state()->end_offset > core_.publisher().manifest().flushed_end;
}

bool Appender::waits_for_copies() const {
    return core_.unapplied_bytes.load() > kTailBytesFloor;
}

std::uint64_t Appender::tail_room() const {
    if (tail_is_full() || waits_for_copies()) return 0;
    const std::uint64_t most = limits::group_commit_bytes_max;
    if (core_.tail_share == nullptr) return most;
    // The index of the rows needs memory beside them.
    const auto room = core_.context.tail_budget->room_for(*core_.tail_share);
    return std::min(most, (room + 1) / 2);
}

void Appender::drain() {
    std::vector<PendingAppend> group;
    std::size_t bytes = 0;
    bool waits = false;
    {
        const auto queue = queue_.lock();
        const auto room = tail_room();
        waits = !queue->waiting.empty() && room == 0 && !queue->closing;
        if (waits) {
            queue->draining = false;
        } else {
            while (!queue->waiting.empty() &&
                   (group.empty() || bytes + queue->waiting.front().bytes() <= room)) {
                bytes += queue->waiting.front().bytes();
                group.push_back(std::move(queue->waiting.front()));
                queue->waiting.pop_front();
            }
        }
    }
    if (waits) {
        idle_.notify_all();
        // What is committed next resumes it.
        if (waits_for_copies()) return;
        if (tail_is_full() || core_.tail_share == nullptr) return make_room_();
        return core_.context.tail_budget->wait(*core_.tail_share);
    }
    if (!group.empty()) {
        write_group(std::move(group));
        if (core_.tail_share != nullptr) core_.context.tail_budget->look_ahead();
    }
    {
        const auto queue = queue_.lock();
        DL_CHECK(queue->draining && queue->bytes >= bytes, "the queue counts what it holds");
        queue->bytes -= bytes;
        if (queue->waiting.empty()) {
            queue->draining = false;
            // Under the lock: the owner may go as soon as it sees the drain idle.
            idle_.notify_all();
            return;
        }
    }
    post_drain();  // other partitions of the pool get their turn in between
}

void Appender::write_group(std::vector<PendingAppend> requests) {
    std::optional<Error> error = queue_.lock()->failed;
    std::size_t bytes = 0;
    for (const auto& pending : requests)
        bytes += pending.request.body.size();
    if (const auto gate = core_.gate(); gate != nullptr && !error)
        if (auto checked = gate->check_writable(); checked.has_error()) error = std::move(checked).error();
    if (!error)
        if (auto checked = check_disk(bytes); checked.has_error()) error = std::move(checked).error();
    if (!error) {
        auto outcome = commit_group(requests);
        disk_->written(bytes);
        if (outcome.has_value()) return finish(std::move(*outcome));
        error = std::move(outcome).error();
    }
    answer_without_writing(core_, requests, *error);
}

void Appender::finish(Outcome outcome) {
    if (outcome.segment_closed) segment_closed_();
    waits_->advance(core_.progress().visible_end());
    DL_FAILPOINT("append.before-ack");
    for (auto& group : outcome.answered)
        answer(group);
}

Result<std::vector<StoredBatch>> Appender::encode(WriterExclusion::Hold& hold, const TableMeta& table,
                                                  const AppendGroup& group) {
    hold->last_append_time_us = std::max(hold->last_append_time_us, core_.context.now_us());
    std::vector<StoredBatch> stored;
    stored.reserve(group.batches.size());
    for (const auto& batch : group.batches) {
        DL_TRY_ASSIGN(auto encoded, encode_stored_batch(batch, core_.options.codec, table.id, core_.id,
                                                        core_.epoch(), hold->last_append_time_us));
        stored.push_back(std::move(encoded));
    }
    return stored;
}

Result<Appender::Outcome> Appender::commit_group(std::vector<PendingAppend>& requests) {
    const auto table = core_.table();
    auto hold = core_.exclusion.for_group();
    auto& log = *hold->log;
    auto group = plan_append_group(
        requests, {.applied = &hold->batch_ids,
                   .unapplied = &hold->unapplied,
                   .check_epoch = [this](LeaderEpoch named) { return core_.check_epoch(named); },
                   .key = table->schema.key().id,
                   .hash_seed = table->index_hash_seed});
    UnansweredGroup unanswered;
    if (!group.batches.empty()) {
        DL_TRY_ASSIGN(auto stored, encode(hold, *table, group));
        const Offset begin = log.end_offset();
        DL_CHECK(begin == core_.progress().log_end(), "INV-2 the log grows by its appender only");
        auto written = log.append(stored);
        if (!written.has_error()) {
            hold->progress.appended(log.end_offset());
            // Followers fetch and sync it while it is synced here.
            if (const auto gate = core_.gate()) gate->appended(stored);
            if (!DL_PLANTED("acknowledge-before-sync")) written = hold.lend([&log] { return log.sync(); });
        }
        if (written.has_error()) {
            hold->progress.truncated(begin);
            // Only bytes of the log whose fate is unknown end service; a full disk may have room again.
            if (!log.failed()) return written.error();
            return fail_service(written.error());
        }
        ++core_.counters.syncs;
        hold->progress.synced(log.end_offset());
        DL_FAILPOINT("append.before-index-put");
        Offset next = begin;
        for (std::size_t i = 0; i < stored.size(); ++i) {
            auto& batch = group.batches[i];
            DL_CHECK(stored[i].header.base_offset == next, "INV-2 offsets are dense");
            next = stored[i].header.end_offset();
            unanswered.base_offsets.push_back(stored[i].header.base_offset);
            core_.counters.appended_rows += batch.batch.rows();
            hold->unapplied.push({stored[i].header, std::move(batch.batch), std::move(batch.hashes)});
        }
        DL_CHECK(next == log.end_offset(), "INV-2 the log took the whole group");
        unanswered.end = next;
        core_.counters.appends += requests.size();
    }
    for (const auto& place : group.places)
        if (place.known) unanswered.end = std::max(unanswered.end, place.known->last + 1);
    unanswered.requests.swap(requests);
    unanswered.places = std::move(group.places);
    hold->unanswered.push_back(std::move(unanswered));
    return apply(hold, committed_at(log.end_offset()));
}

Appender::Outcome Appender::apply(WriterExclusion::Hold& hold, Offset end) {
    Outcome outcome;
    const auto applied = applier_.advance(hold, end);
    auto& unanswered = hold->unanswered;
    if (applied.has_error()) {
        // In the log, and applied by the next recovery.
        outcome.failure = fail_service(applied.error());
        for (auto& group : unanswered)
            for (auto& place : group.places)
                if (!place.error) place.error = outcome.failure;
    }
    const Offset visible = core_.progress().visible_end();
    while (!unanswered.empty() && (outcome.failure || unanswered.front().end <= visible)) {
        outcome.answered.push_back(std::move(unanswered.front()));
        unanswered.pop_front();
    }
    outcome.segment_closed = applied.has_value() && applied->segment_closed;
    DL_FAILPOINT("append.after-index-put");
    return outcome;
}

Result<void> Appender::advance_high_watermark(Offset end) {
    Outcome outcome;
    {
        auto hold = core_.exclusion.for_apply();
        if (end > core_.progress().synced_end())
            return make_error(ErrorCode::invalid_request,
                              core_.label() + " cannot have committed records below offset " +
                                  std::to_string(end) + ", it has synced up to offset " +
                                  std::to_string(core_.progress().synced_end()));
        outcome = apply(hold, end);
    }
    const auto failure = outcome.failure;
    finish(std::move(outcome));
    resume();
    if (failure) return *failure;
    return {};
}

Result<void> Appender::check_disk(std::size_t bytes) {
    auto taken = disk_->take(bytes);
    if (taken.has_value() || taken.error().code != ErrorCode::disk_full) return taken;
    core_.earlier.clear();  // their files take space
    return disk_->take(bytes);
}

Error Appender::fail_service(const Error& error) {
    Error failed;
    {
        const auto queue = queue_.lock();
        if (queue->failed) return *queue->failed;
        failed = make_error(ErrorCode::io_error,
                            core_.label() +
                                " takes no writes until it is recovered from the disk, because a write "
                                "of its log failed: " +
                                error.to_text());
        queue->failed = failed;
    }
    spdlog::error("partition: {}", failed.to_text());
    if (const auto& upkeep = core_.upkeep()) upkeep->fail();
    if (const auto gate = core_.gate()) gate->failed();
    return failed;
}

std::optional<Error> Appender::failure() {
    return queue_.lock()->failed;
}

void Appender::resume() {
    {
        const auto queue = queue_.lock();
        if (queue->draining || queue->waiting.empty()) return;
        queue->draining = true;
    }
    post_drain();
}

void Appender::flush_failed(const Error& error) {
    std::deque<PendingAppend> left;
    {
        const auto queue = queue_.lock();
        if (queue->draining || queue->waiting.empty()) return;
        left.swap(queue->waiting);
        queue->bytes = 0;
    }
    // Nothing was written: by the same name as a full disk has everywhere.
    const auto code = error.code == ErrorCode::disk_full ? ErrorCode::disk_full : ErrorCode::overloaded;
    const auto told =
        make_error(code, core_.label() + " holds as many unflushed rows as it may and flushing them fails: " +
                             (error.code == code ? error.message : error.to_text()) +
                             "; it goes on by itself once they can be flushed");
    for (auto& pending : left)
        pending.done(told);
}

void Appender::close() {
    queue_.lock()->closing = true;
    resume();
    {
        auto queue = queue_.lock();
        queue.wait(idle_, [&queue] { return queue->idle(); });
    }
    std::deque<UnansweredGroup> left;
    {
        auto hold = core_.exclusion.for_commit();
        left.swap(hold->unanswered);
        // The gate holds the partition, too.
        closed_ = true;
        if (core_.part() != CopyPart::alone) core_.set_part(hold, CopyPart::none, nullptr);
    }
    for (auto& group : left) {
        for (auto& place : group.places)
            if (!place.error)
                place.error = make_error(ErrorCode::unknown_outcome,
                                         core_.label() +
                                             " was closed before the other copies had taken the rows; "
                                             "a batch id tells whether they are kept");
        answer(group);
    }
}

}  // namespace dl::slave
