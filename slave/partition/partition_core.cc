#include "slave/partition/partition_core.h"

#include "common/base/check.h"
#include "common/base/planted_fault.h"

namespace dl::slave {
namespace {

PartitionContext with_clock(PartitionContext context) {
    if (!context.uptime_us)
        context.uptime_us = [] {
            return std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                .count();
        };
    return context;
}

}  // namespace

PartitionCore::PartitionCore(std::string directory_in, const TableMeta& table, PartitionId id_in,
                             LeaderEpoch epoch, const PartitionOptions& options_in,
                             const PartitionContext& context_in)
    : directory(std::move(directory_in)),
      id(id_in),
      options(options_in),
      context(with_clock(context_in)),
      epoch_(epoch.value),
      part_(options_in.synced_is_committed ? CopyPart::alone : CopyPart::none),
      table_(std::make_shared<const TableMeta>(table)) {}

std::string PartitionCore::label() const {
    return "partition " + std::to_string(id.value) + " of table " + table()->name;
}

std::shared_ptr<const TableMeta> PartitionCore::table() const {
    const std::lock_guard lock(mutex_);
    return table_;
}

void PartitionCore::update_table(const TableMeta& table) {
    const std::lock_guard lock(mutex_);
    if (table.id == table_->id && table.schema.id >= table_->schema.id)
        table_ = std::make_shared<const TableMeta>(table);
}

void PartitionCore::set_epoch(WriterExclusion::Hold&, LeaderEpoch epoch) {
    if (epoch > this->epoch()) epoch_.store(epoch.value, std::memory_order_release);
}

Result<void> PartitionCore::check_epoch(LeaderEpoch named) const {
    if (DL_PLANTED("skip-epoch-check")) return {};
    const auto own = epoch();
    const auto part = this->part();
    if (named == own && (part == CopyPart::alone || part == CopyPart::leader)) return {};
    if (named == own)
        return make_error(ErrorCode::not_leader,
                          label() + " is not led by this slave in leader epoch " + std::to_string(own.value));
    return make_error(ErrorCode::not_leader, label() + " is in leader epoch " + std::to_string(own.value) +
                                                 " here, the request names epoch " +
                                                 std::to_string(named.value));
}

std::shared_ptr<CommitGate> PartitionCore::gate() const {
    if (part() == CopyPart::alone) return nullptr;
    const std::lock_guard lock(mutex_);
    return gate_;
}

void PartitionCore::set_part(WriterExclusion::Hold&, CopyPart part, std::shared_ptr<CommitGate> gate) {
    const std::lock_guard lock(mutex_);
    gate_.swap(gate);
    part_.store(part, std::memory_order_release);
}

std::shared_ptr<const PartitionState> PartitionCore::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

void PartitionCore::publish(WriterExclusion::Hold& hold, std::shared_ptr<const PartitionState> state) {
    hold->progress.applied(state->end_offset);
    const std::lock_guard lock(mutex_);
    DL_CHECK(state_ == nullptr || state->end_offset >= state_->end_offset,
             "INV-9 the visible end never moves back");
    state_.swap(state);
}

void PartitionCore::set_log(WriterExclusion::Hold& hold, std::unique_ptr<PartitionLog> log) {
    log_ = log.get();
    hold->log = std::move(log);
}

void PartitionCore::note_tail_bytes(WriterExclusion::Hold& hold) {
    const auto ids = hold->batch_ids.figures();
    batch_id_figures.ids = ids.ids;
    batch_id_figures.table_bytes = ids.table_bytes;
    batch_id_figures.index_bytes = ids.index_bytes;
    batch_id_figures.file_bytes = ids.file_bytes;
    batch_id_figures.expires_at_us = ids.expires_in_us == 0 ? 0 : context.uptime_us() + ids.expires_in_us;
    unapplied_bytes = hold->unapplied.body_bytes();
    const auto bytes = hold->tail.resident_bytes() + hold->unapplied.body_bytes() + ids.table_bytes;
    tail_resident_bytes = bytes;
    if (tail_share != nullptr) tail_share->set(bytes);
}

void PartitionCore::join_upkeep(std::weak_ptr<Partition> self) {
    if (context.upkeep == nullptr) return;
    upkeep_ = context.upkeep->join(table()->id, id, std::move(self));
    exclusion.set_released([member = upkeep_.get()] { member->wake(); });
}

Result<void> PartitionCore::make_log_durable(Offset from) const {
    if (options.sync) return {};
    for (const auto& segment : log().segments()) {
        if (segment.end_offset <= from || segment.bytes == 0) continue;
        char name[32];
        std::snprintf(name, sizeof name, "/%020lld.log", static_cast<long long>(segment.first_offset));
        DL_TRY(context.files->sync_file(log_directory() + name));
    }
    return {};
}

}  // namespace dl::slave
