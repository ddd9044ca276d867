#include "slave/partition/partition_writer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "common/base/failpoint.h"
#include "common/base/limits.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kDiskCheckIntervalUs = 1'000'000;
constexpr std::uint64_t kDiskCheckIntervalBytes = 64u << 20;
// Unflushed rows kept in memory: beyond this the drain waits for a flush.
constexpr std::uint64_t kTailSegmentsMax = 8;
constexpr std::uint64_t kTailBytesFloor = 64u << 20;

std::int64_t steady_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

PartitionWriter::PartitionWriter(PartitionCore& core, std::shared_ptr<WaitList> waits,
                                 std::function<void()> segment_closed, std::function<void()> make_room)
    : core_(core),
      waits_(std::move(waits)),
      segment_closed_(std::move(segment_closed)),
      make_room_(std::move(make_room)) {}

void PartitionWriter::append(AppendRequest request, std::function<void(Result<AppendAck>)> done) {
    std::optional<Error> refused;
    {
        const std::lock_guard lock(mutex_);
        PendingAppend pending{std::move(request), std::move(done)};
        const auto bytes = pending.bytes();
        if (closing_) {
            refused = make_error(ErrorCode::unavailable, core_.label() + " is closing; try again later");
        } else if (failed_) {
            refused = failed_;
        } else if (pending.request.batch.rows() == 0) {
            refused =
                make_error(ErrorCode::invalid_request, "an append to " + core_.label() + " has no rows");
        } else if (queued_bytes_ != 0 && queued_bytes_ + bytes > core_.options.append_queue_bytes_max) {
            refused =
                make_error(ErrorCode::overloaded,
                           "the append queue of " + core_.label() + " holds " +
                               std::to_string(queued_bytes_) + " bytes, the limit is " +
                               std::to_string(core_.options.append_queue_bytes_max) + "; try again later");
        } else {
            queued_bytes_ += bytes;
            queue_.push_back(std::move(pending));
            if (draining_) return;
            draining_ = true;
        }
        done = std::move(pending.done);
    }
    if (!refused) return post_drain();
    auto shared = std::make_shared<std::function<void(Result<AppendAck>)>>(std::move(done));
    if (!core_.context.storage_pool->post([shared, error = *refused] { (*shared)(error); }))
        (*shared)(*refused);
}

void PartitionWriter::post_drain() {
    if (core_.context.storage_pool->post([this, keep = owner_.lock()] { drain(); })) return;
    std::deque<PendingAppend> left;
    {
        const std::lock_guard lock(mutex_);
        left.swap(queue_);
        queued_bytes_ = 0;
        draining_ = false;
        closing_ = true;
    }
    idle_.notify_all();
    for (auto& pending : left)
        pending.done(make_error(ErrorCode::unavailable, core_.label() + " is closing; try again later"));
}

bool PartitionWriter::tail_is_full() const {
    const auto limit = std::max(kTailBytesFloor, kTailSegmentsMax * core_.options.segment_bytes);
    return core_.tail_resident_bytes.load() > limit &&
           core_.state()->end_offset > core_.publisher->manifest().flushed_end;
}

std::uint64_t PartitionWriter::tail_room() const {
    if (tail_is_full()) return 0;
    const std::uint64_t most = limits::group_commit_bytes_max;
    if (core_.tail_share == nullptr) return most;
    // The index of the rows needs memory beside them.
    const auto room = core_.context.tail_budget->room();
    return std::min(most, (room + 1) / 2);
}

void PartitionWriter::drain() {
    std::vector<PendingAppend> group;
    {
        std::unique_lock lock(mutex_);
        const auto room = tail_room();
        if (!queue_.empty() && room == 0 && !closing_) {
            draining_ = false;
            const bool own = tail_is_full();
            lock.unlock();
            idle_.notify_all();
            if (own || core_.tail_share == nullptr)
                make_room_();
            else
                core_.context.tail_budget->wait(*core_.tail_share);
            return;
        }
        std::size_t bytes = 0;
        while (!queue_.empty() && (group.empty() || bytes + queue_.front().bytes() <= room)) {
            bytes += queue_.front().bytes();
            group.push_back(std::move(queue_.front()));
            queue_.pop_front();
        }
    }
    if (!group.empty()) {
        write_group(group);
        if (core_.tail_share != nullptr) core_.context.tail_budget->look_ahead();
    }
    {
        const std::lock_guard lock(mutex_);
        for (const auto& pending : group)
            queued_bytes_ -= pending.bytes();
        if (queue_.empty()) {
            draining_ = false;
            // Under the lock: the owner may go as soon as it sees the drain idle.
            idle_.notify_all();
            return;
        }
    }
    post_drain();  // other partitions of the pool get their turn in between
}

void PartitionWriter::write_group(std::vector<PendingAppend>& requests) {
    std::optional<Error> error;
    {
        const std::lock_guard lock(mutex_);
        error = failed_;
    }
    std::size_t bytes = 0;
    for (const auto& pending : requests)
        bytes += pending.request.body.size();
    if (!error)
        if (auto checked = check_disk(bytes); checked.has_error()) error = checked.error();
    std::vector<Offset> base_offsets;
    AppendGroup group;
    if (!error) {
        auto committed = commit_group(requests, &base_offsets);
        if (committed.has_error())
            error = committed.error();
        else
            group = std::move(*committed);
    }
    if (error) {
        for (auto& pending : requests)
            pending.done(*error);
        return;
    }
    waits_->advance(core_.state()->end_offset);
    DL_FAILPOINT("append.before-ack");
    answer(requests, group, base_offsets);
}

Result<AppendGroup> PartitionWriter::commit_group(const std::vector<PendingAppend>& requests,
                                                  std::vector<Offset>* base_offsets) {
    const auto table = core_.table();
    bool rolled = false;
    AppendGroup group;
    {
        const auto hold = core_.exclusion.for_group();
        group = plan_append_group(requests, core_.batch_ids, table->schema.key().id, table->index_hash_seed);
        if (group.batches.empty()) return group;
        core_.last_append_time_us = std::max(core_.last_append_time_us, core_.context.now_us());
        std::vector<StoredBatch> stored;
        for (const auto& batch : group.batches) {
            DL_TRY_ASSIGN(auto encoded, encode_stored_batch(batch, core_.options.codec, table->id, core_.id,
                                                            core_.epoch(), core_.last_append_time_us));
            stored.push_back(std::move(encoded));
        }
        auto written = core_.log->append(stored);
        if (!written.has_error()) written = core_.log->sync();
        if (written.has_error()) {
            fail_service(written.error());
            return *failed_;
        }
        ++core_.counters.syncs;
        DL_FAILPOINT("append.before-index-put");
        std::vector<PartitionCore::Applied> applied;
        for (std::size_t i = 0; i < stored.size(); ++i) {
            auto& batch = group.batches[i];
            base_offsets->push_back(stored[i].header.base_offset);
            if (stored[i].header.has_batch_id())
                core_.batch_ids.add({stored[i].header.batch_id, stored[i].header.base_offset,
                                     stored[i].header.end_offset() - 1});
            core_.counters.appended_rows += batch.batch.rows();
            applied.push_back({stored[i].header, std::move(batch.batch), std::move(batch.hashes)});
        }
        if (const auto done = core_.apply(applied); done.has_error()) {
            fail_service(done.error());
            return *failed_;
        }
        core_.counters.appends += requests.size();
        const auto first =
            core_.tail.segments().empty() ? Offset{0} : core_.tail.segments().back()->first_offset();
        rolled = last_segment_ != first;
        last_segment_ = first;
    }
    DL_FAILPOINT("append.after-index-put");
    if (rolled) segment_closed_();
    return group;
}

Result<void> PartitionWriter::check_disk(std::size_t bytes) {
    bytes_since_disk_check_ += bytes;
    const auto now = steady_us();
    const bool low = free_disk_bytes_ < core_.options.free_disk_bytes_min;
    if (disk_checked_us_ == 0 || low || now - disk_checked_us_ > kDiskCheckIntervalUs ||
        bytes_since_disk_check_ > kDiskCheckIntervalBytes) {
        DL_TRY_ASSIGN(free_disk_bytes_, core_.context.files->free_bytes(core_.directory));
        disk_checked_us_ = now;
        bytes_since_disk_check_ = bytes;
    }
    // What this group writes must not take the disk below the minimum either.
    if (free_disk_bytes_ >= core_.options.free_disk_bytes_min + bytes_since_disk_check_) return {};
    core_.earlier.clear();  // their files take space
    if (free_disk_bytes_ >= core_.options.free_disk_bytes_min && bytes_since_disk_check_ != bytes) {
        disk_checked_us_ = 0;
        bytes_since_disk_check_ = 0;
        return check_disk(bytes);
    }
    return make_error(ErrorCode::disk_full,
                      "the disk of " + core_.directory + " has " + std::to_string(free_disk_bytes_) +
                          " bytes free, writes need " + std::to_string(core_.options.free_disk_bytes_min) +
                          " and their own size; free space, writing then goes on by itself");
}

void PartitionWriter::answer(std::vector<PendingAppend>& requests, const AppendGroup& group,
                             const std::vector<Offset>& base_offsets) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto& place = group.places[i];
        if (place.error) {
            requests[i].done(*place.error);
        } else if (place.known) {
            requests[i].done(AppendAck{place.known->first, place.known->last, true});
        } else {
            const Offset first = base_offsets[place.batch] + place.first_row;
            requests[i].done(AppendAck{first, first + place.rows - 1, place.duplicate});
        }
    }
}

void PartitionWriter::fail_service(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    failed_ = make_error(ErrorCode::io_error,
                         core_.label() +
                             " takes no more writes until the node is restarted, because a write "
                             "failed and the state of the disk is unknown: " +
                             error.to_text());
    spdlog::error("partition: {}", failed_->to_text());
}

void PartitionWriter::resume() {
    {
        const std::lock_guard lock(mutex_);
        if (draining_ || queue_.empty()) return;
        draining_ = true;
    }
    post_drain();
}

void PartitionWriter::flush_failed(const Error& error) {
    std::deque<PendingAppend> left;
    {
        const std::lock_guard lock(mutex_);
        if (draining_ || queue_.empty()) return;
        left.swap(queue_);
        queued_bytes_ = 0;
    }
    for (auto& pending : left)
        pending.done(make_error(ErrorCode::overloaded, core_.label() +
                                                           " holds as many unflushed rows as it may and " +
                                                           "flushing them fails: " + error.to_text()));
}

void PartitionWriter::close() {
    resume();
    std::unique_lock lock(mutex_);
    closing_ = true;
    if (!draining_ && !queue_.empty()) {
        draining_ = true;
        lock.unlock();
        post_drain();
        lock.lock();
    }
    idle_.wait(lock, [this] { return !draining_ && queue_.empty(); });
}

}  // namespace dl::slave
