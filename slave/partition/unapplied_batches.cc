#include "slave/partition/unapplied_batches.h"

#include "common/base/check.h"
#include "slave/partition/batch_digest.h"

namespace dl::slave {

BatchIdEntry batch_id_entry(const LogBatch& batch) {
    const auto& header = batch.header;
    return {header.batch_id,          header.base_offset, header.end_offset() - 1,
            header.producer_sequence, header.schema,      batch_digest(batch.batch.body().view())};
}

void UnappliedBatches::push(LogBatch batch) {
    DL_CHECK(empty() || batches_.back().header.end_offset() == batch.header.base_offset,
             "INV-2 offsets are dense");
    DL_CHECK(batch.header.count == batch.batch.rows(), "INV-2 every record of a batch has its offset");
    body_bytes_ += batch.batch.body().size();
    if (batch.header.has_batch_id()) {
        const auto entry = batch_id_entry(batch);
        ids_.emplace(entry.name(), entry);
    }
    batches_.push_back(std::move(batch));
}

std::span<LogBatch> UnappliedBatches::ready(Offset end, std::size_t count_max) {
    DL_CHECK(first_ <= batches_.size(), "batches are applied once");
    std::size_t count = 0;
    while (count < count_max && first_ + count < batches_.size() &&
           batches_[first_ + count].header.end_offset() <= end)
        ++count;
    return {batches_.data() + first_, count};
}

void UnappliedBatches::forget(LogBatch& batch) {
    body_bytes_ -= batch.batch.body().size();
    if (batch.header.has_batch_id())
        ids_.erase(BatchName{batch.header.batch_id, batch.header.producer_sequence});
    batch = {};
}

void UnappliedBatches::drop_front(std::size_t count) {
    DL_CHECK(count <= batches_.size() - first_, "batches are applied once");
    for (const auto end = first_ + count; first_ < end; ++first_)
        forget(batches_[first_]);
    if (!empty()) return;
    batches_.clear();
    first_ = 0;
    DL_CHECK(body_bytes_ == 0 && ids_.empty(), "what is left of no batch is nothing");
}

void UnappliedBatches::drop_from(Offset offset) {
    while (!empty() && batches_.back().header.end_offset() > offset) {
        forget(batches_.back());
        batches_.pop_back();
    }
    drop_front(0);
}

std::optional<BatchIdEntry> UnappliedBatches::find(const BatchName& name) const {
    const auto found = ids_.find(name);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
}

}  // namespace dl::slave
