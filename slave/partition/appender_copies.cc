// What a partition with other copies does beside its own writes: it learns what is committed, takes over what
// its leader has, and begins and ends to lead.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/planted_fault.h"
#include "slave/partition/appender.h"
#include "slave/partition/cut_records.h"

namespace dl::slave {
namespace {

// Of a follower's rows that are flushed so that the node has room again: less makes files that are too small.
constexpr std::uint64_t kFlushedForRoomMin = 1u << 20;

}  // namespace

Offset Appender::committed_at(Offset end) const {
    if (core_.part() == CopyPart::alone || DL_PLANTED("apply-above-high-watermark")) return end;
    const auto gate = core_.gate();
    const Offset told = std::min(commit_wanted_.load(std::memory_order_acquire), end);
    return gate == nullptr ? told : std::max(told, gate->synced(end));
}

void Appender::commit_up_to(Offset end) {
    Offset known = commit_wanted_.load(std::memory_order_relaxed);
    while (known < end && !commit_wanted_.compare_exchange_weak(known, end, std::memory_order_acq_rel)) {
    }
    if (commit_posted_.exchange(true, std::memory_order_acq_rel)) return;
    // Not posted: the partition closes.
    (void)core_.context.storage_pool->post([this, keep = owner_.lock()] { commit_wanted(); });
}

void Appender::commit_wanted() {
    commit_posted_.store(false, std::memory_order_release);
    const auto wanted = [this] { return commit_wanted_.load(std::memory_order_acquire); };
    if (core_.progress().high_watermark() >= std::min(wanted(), core_.progress().synced_end())) return;
    Outcome outcome;
    {
        auto hold = core_.exclusion.for_apply();
        outcome = apply(hold, std::min(wanted(), core_.progress().synced_end()));
    }
    finish(std::move(outcome));
    resume();
}

void Appender::set_part(CopyPart part, LeaderEpoch epoch, std::shared_ptr<CommitGate> gate) {
    Outcome outcome;
    std::deque<UnansweredGroup> left;
    {
        auto hold = core_.exclusion.for_commit();
        if (closed_ || epoch < core_.epoch()) return;
        core_.set_epoch(hold, epoch);
        core_.set_part(hold, part, std::move(gate));
        if (part == CopyPart::leader && DL_PLANTED("forget-batch-ids")) hold->batch_ids = BatchIdWindow();
        if (part == CopyPart::none || part == CopyPart::follower) left.swap(hold->unanswered);
        outcome = apply(hold, committed_at(core_.progress().synced_end()));
    }
    for (auto& group : left)
        for (auto& place : group.places)
            if (!place.error)
                place.error =
                    make_error(ErrorCode::unknown_outcome,
                               core_.label() +
                                   " was given another leader before the other copies had taken the "
                                   "rows; a batch id tells whether they are kept");
    for (auto& group : left)
        outcome.answered.push_back(std::move(group));
    finish(std::move(outcome));
    resume();
}

Result<void> Appender::check_follows(LeaderEpoch epoch) const {
    if (core_.part() == CopyPart::follower && core_.epoch() == epoch) return {};
    if (DL_PLANTED("skip-epoch-check")) return {};
    return make_error(ErrorCode::not_leader,
                      core_.label() + " does not follow in leader epoch " + std::to_string(epoch.value));
}

// What waits to be committed is no reason to refuse: it may be this copy that it waits for, and copies that
// wait for each other would do so for good.
Result<void> Appender::check_tail() {
    const auto resident = core_.tail_resident_bytes.load(), unapplied = core_.unapplied_bytes.load();
    const auto applied = resident - std::min(resident, unapplied);
    auto* share = core_.tail_share.get();
    const bool node_is_full = share != nullptr && core_.context.tail_budget->room_for(*share) == 0;
    if (!tail_is_full() && !(node_is_full && applied >= kFlushedForRoomMin)) {
        if (share != nullptr) core_.context.tail_budget->look_ahead();
        return {};
    }
    make_room_();
    return make_error(ErrorCode::overloaded, core_.label() + " has " + std::to_string(applied) +
                                                 " bytes of rows in memory that are to be flushed first");
}

Result<void> Appender::take_given(LeaderEpoch epoch, const std::vector<StoredBatch>& batches) {
    if (auto failed = failure()) return std::move(*failed);
    std::size_t bytes = 0;
    for (const auto& batch : batches)
        bytes += batch.header.total_bytes();
    DL_TRY(check_tail());
    DL_TRY(check_disk(bytes));
    auto hold = core_.exclusion.for_commit();
    DL_TRY(check_follows(epoch));
    const auto written = write_given(hold, batches);
    disk_->written(bytes);
    return written;
}

Result<void> Appender::write_given(WriterExclusion::Hold& hold, const std::vector<StoredBatch>& batches) {
    const auto table = core_.table();
    std::vector<LogBatch> decoded;
    decoded.reserve(batches.size());
    for (const auto& stored : batches) {
        if (stored.header.schema > table->schema.id)
            return make_error(
                ErrorCode::schema_mismatch,
                core_.label() + " has records of schema " + std::to_string(stored.header.schema.value) +
                    " at its leader, here schema " + std::to_string(table->schema.id.value) + " is known");
        auto& batch = decoded.emplace_back();
        batch.header = stored.header;
        DL_TRY_ASSIGN(batch.batch, decode_record_batch_body(stored.header, stored.body));
    }
    auto& log = *hold->log;
    const Offset begin = log.end_offset();
    DL_CHECK(begin == core_.progress().log_end(), "INV-2 the log grows by its appender only");
    auto written = log.append_given(batches);
    if (!written.has_error()) {
        hold->progress.appended(log.end_offset());
        DL_FAILPOINT("follow.between-append-and-sync");
        if (!DL_PLANTED("count-unsynced-end")) written = hold.lend([&log] { return log.sync(); });
    }
    if (written.has_error()) {
        if (!log.failed() && log.end_offset() == begin) return written.error();
        hold->progress.truncated(begin);
        return fail_service(written.error());
    }
    ++core_.counters.syncs;
    hold->progress.synced(log.end_offset());
    for (auto& batch : decoded) {
        core_.counters.appended_rows += batch.header.count;
        hold->last_append_time_us = std::max(hold->last_append_time_us, batch.header.append_time_us);
        hold->unapplied.push(std::move(batch));
    }
    core_.note_tail_bytes(hold);
    DL_FAILPOINT("follow.before-report");
    return {};
}

Result<Offset> Appender::cut_given(LeaderEpoch epoch, Offset end, LeaderEpoch newest) {
    if (auto failed = failure()) return std::move(*failed);
    auto hold = core_.exclusion.for_commit();
    DL_TRY(check_follows(epoch));
    auto& log = *hold->log;
    const auto known = log.epoch_end(newest);
    const Offset wanted = std::min(end, known ? known->end_offset : log.first_offset());
    if (wanted < core_.progress().high_watermark())
        return make_error(ErrorCode::corrupt_data,
                          core_.label() + " is asked by its leader to cut its log at offset " +
                              std::to_string(wanted) + ", records below offset " +
                              std::to_string(core_.progress().high_watermark()) +
                              " are committed here: one of the two copies is not what it was. The copy "
                              "follows no more; check the table, and the disks of both slaves");
    if (wanted < log.end_offset()) {
        const Offset before = log.end_offset();
        const auto kept = keep_cut_records(*core_.context.files, core_.directory, core_.log(),
                                           std::max(wanted, log.first_offset()), before, epoch);
        // Without room for them the copy would never follow again.
        const auto where =
            kept.has_error() ? "could not be kept: " + kept.error().to_text() : "are in " + *kept;
        spdlog::warn(
            "partition: {} cuts up to {} records, offsets {} to {}, of epochs up to {}: its leader of epoch "
            "{} does not "
            "have them, and they are not known to be committed. They {}",
            core_.label(), before - wanted, wanted, before - 1, log.newest_epoch().value, epoch.value, where);
    }
    const auto cut = log.truncate_from(end, newest);
    if (cut.has_error()) {
        if (log.failed()) return fail_service(cut.error());
        return cut.error();
    }
    hold->unapplied.drop_from(*cut);
    hold->progress.truncated(*cut);
    core_.note_tail_bytes(hold);
    return *cut;
}

}  // namespace dl::slave
