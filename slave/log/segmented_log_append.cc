#include "slave/log/segmented_log.h"

// Appending: what may be written, in which pieces, and its sync.
#include <algorithm>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;
constexpr std::size_t kCopiedBodyBytesMax = 4096;  // smaller bodies are cheaper to copy than to point at
constexpr std::size_t kScratchBytesKept = 4u << 20;
constexpr std::size_t kRecentBatchesMax = 1024;  // consumers at the end find their batch without a scan

Error injected(std::string_view point) {
    return make_error(ErrorCode::io_error, "failpoint " + std::string(point));
}

Result<void> check_appendable(std::span<const StoredBatch> batches, const LogIdentity& identity,
                              LeaderEpoch newest) {
    for (const auto& batch : batches) {
        const auto& header = batch.header;
        if (header.epoch < newest)
            return make_error(ErrorCode::stale_epoch,
                              "log \"" + identity.directory + "\" is in leader epoch " +
                                  std::to_string(newest.value) + ", a batch of epoch " +
                                  std::to_string(header.epoch.value) + " cannot be appended");
        newest = header.epoch;
        if (header.table != identity.table || header.partition != identity.partition || header.count == 0 ||
            header.body_bytes != batch.body.size() || header.body_bytes > limits::record_batch_bytes_max)
            return make_error(ErrorCode::internal, "log \"" + identity.directory + "\": batch of table " +
                                                       std::to_string(header.table.value) + ", partition " +
                                                       std::to_string(header.partition.value) + ", " +
                                                       std::to_string(header.count) + " records, " +
                                                       std::to_string(header.body_bytes) +
                                                       " bytes cannot be appended");
    }
    return {};
}

}  // namespace

std::size_t SegmentedLog::fitting(std::span<const StoredBatch> batches) const {
    std::uint64_t bytes = active_->index.bytes;
    std::size_t count = 0;
    for (; count < batches.size(); ++count) {
        bytes += batches[count].header.total_bytes();
        if (bytes > roll_at_bytes_ && bytes > batches[count].header.total_bytes()) break;
    }
    return count;
}

Result<void> SegmentedLog::append(std::span<StoredBatch> batches) {
    if (failure_ || stopped_) return out_of_service();
    DL_TRY(check_appendable(batches, identity_, newest_epoch()));
    DL_TRY(open_seal());
    if (DL_FAILPOINT_ERROR("append.before-log-write")) return fail(injected("append.before-log-write"), true);
    const Offset begin = end_offset();
    Offset next = begin;
    while (!batches.empty()) {
        const auto count = fitting(batches);
        const auto run = batches.first(count);
        for (auto& batch : run) {
            batch.header.base_offset = next;
            batch.header.synced_end = synced_end_;
            next = batch.header.end_offset();
        }
        auto done = count > 0 ? write_run(run) : try_change_segment(batches.front().header.total_bytes());
        if (done.has_error()) return in_part(std::move(done).error(), begin);
        batches = batches.subspan(count);
    }
    DL_CHECK(next == end_offset(), "INV-2 the log took every batch");
    if (DL_FAILPOINT_ERROR("append.after-log-write")) return fail(injected("append.after-log-write"), true);
    return {};
}

Result<void> SegmentedLog::append_given(std::span<const StoredBatch> given) {
    if (failure_ || stopped_) return out_of_service();
    DL_TRY(check_given(given));
    DL_TRY(open_seal());
    const Offset begin = end_offset();
    std::vector<StoredBatch> own(given.begin(), given.end());
    std::span<StoredBatch> batches(own);
    while (!batches.empty()) {
        const auto run = batches.first(fitting(batches));
        // What the leader had synced may be lost here yet.
        for (auto& batch : run)
            batch.header.synced_end = synced_end_;
        auto done = run.empty() ? try_change_segment(batches.front().header.total_bytes()) : write_run(run);
        if (done.has_error()) return in_part(std::move(done).error(), begin);
        batches = batches.subspan(run.size());
    }
    return {};
}

Result<void> SegmentedLog::check_given(std::span<const StoredBatch> batches) const {
    Offset next = end_offset();
    auto epoch = newest_epoch();
    const auto refuse = [&](const RecordBatchHeader& header, ErrorCode code, const std::string& why) {
        return make_error(code, "log \"" + identity_.directory + "\" cannot take the batch at offset " +
                                    std::to_string(header.base_offset) + ": " + why);
    };
    for (const auto& batch : batches) {
        const auto& header = batch.header;
        if (header.table != identity_.table || header.partition != identity_.partition)
            return refuse(header, ErrorCode::invalid_request,
                          "it is of table " + std::to_string(header.table.value) + ", partition " +
                              std::to_string(header.partition.value));
        if (header.base_offset != next)
            return refuse(header, ErrorCode::invalid_request,
                          "the log goes on at offset " + std::to_string(next));
        if (header.epoch < epoch)
            return refuse(header, ErrorCode::stale_epoch,
                          "it is of leader epoch " + std::to_string(header.epoch.value) +
                              ", the one before it of epoch " + std::to_string(epoch.value));
        if (header.count == 0 || header.body_bytes != batch.body.size() ||
            header.body_bytes > limits::record_batch_bytes_max || header.synced_end < 0 ||
            header.synced_end > header.base_offset)
            return refuse(header, ErrorCode::corrupt_data, "its header is not consistent");
        if (crc32c(0, batch.body.data(), batch.body.size()) != header.body_crc)
            return refuse(header, ErrorCode::corrupt_data, "the CRC of its body does not fit");
        next = header.end_offset();
        epoch = header.epoch;
    }
    return {};
}

Result<void> SegmentedLog::write_run(std::span<const StoredBatch> run) {
    DL_TRY(active_file_->make_ready());
    gather(run);
    std::uint64_t total = 0;
    parts_.clear();
    for (const auto& piece : pieces_) {
        parts_.emplace_back((piece.external != nullptr ? piece.external : scratch_.data()) + piece.offset,
                            piece.size);
        total += piece.size;
    }
    std::uint64_t expected = 0;
    for (const auto& batch : run)
        expected += batch.header.total_bytes();
    DL_CHECK(total == expected, "INV-4 the bytes written are those the headers name");
    if (auto written = write_parts(total); written.has_error()) {
        const bool full = written.error().code == ErrorCode::disk_full;
        if (full && take_back_run()) return written;
        return fail(std::move(written).error(), !full);
    }
    publish(run);
    if (scratch_.capacity() > kScratchBytesKept) scratch_ = {};
    return {};
}

// Headers, small bodies and padding go to one buffer; large bodies are written from where they are.
void SegmentedLog::gather(std::span<const StoredBatch> run) {
    scratch_.clear();
    pieces_.clear();
    std::size_t piece_begin = 0;
    for (const auto& batch : run) {
        const auto at = scratch_.size();
        scratch_.resize(at + kHeaderBytes);
        encode_record_batch_header(batch.header, scratch_.data() + at);
        const auto body = batch.body.view();
        if (body.size() <= kCopiedBodyBytesMax) {
            scratch_.append(body);
        } else {
            pieces_.push_back({nullptr, piece_begin, scratch_.size() - piece_begin});
            pieces_.push_back({body.data(), 0, body.size()});
            piece_begin = scratch_.size();
        }
        scratch_.append(batch.header.total_bytes() - kHeaderBytes - body.size(), '\0');
    }
    if (scratch_.size() > piece_begin)
        pieces_.push_back({nullptr, piece_begin, scratch_.size() - piece_begin});
}

#ifdef DL_FAILPOINTS
// In two writes while crash points are armed, so that one can lie between the halves.
Result<void> SegmentedLog::write_parts(std::uint64_t total) {
    static const bool armed = std::getenv("DL_FAILPOINT") != nullptr;
    if (!armed) return active_file_->append(parts_);
    std::vector<std::string_view> halves[2];
    std::uint64_t left = total / 2;
    for (const auto part : parts_) {
        const auto size = std::min<std::uint64_t>(left, part.size());
        halves[0].push_back(part.substr(0, size));
        halves[1].push_back(part.substr(size));
        left -= size;
    }
    DL_TRY(active_file_->append(halves[0]));
    if (DL_FAILPOINT_ERROR("append.mid-log-write")) return injected("append.mid-log-write");
    return active_file_->append(halves[1]);
}
#else
Result<void> SegmentedLog::write_parts(std::uint64_t) {
    return active_file_->append(parts_);
}
#endif

void SegmentedLog::publish(std::span<const StoredBatch> run) {
    const std::lock_guard guard(mutex_);
    auto& index = active_->index;
    for (const auto& batch : run) {
        recent_.push_back({batch.header.base_offset, index.bytes});
        index.add(batch.header);
        epochs_.add(batch.header.epoch, batch.header.base_offset);
    }
    while (recent_.size() > kRecentBatchesMax)
        recent_.pop_front();
    end_offset_.store(index.end_offset, std::memory_order_release);
}

Result<void> SegmentedLog::sync() {
    if (failure_ || stopped_) return out_of_service();
    if (!options_.sync) return {};
    return sync_active();
}

Result<void> SegmentedLog::sync_active() {
    if (synced_end_ == end_offset()) return {};
    DL_CHECK(synced_end_ < end_offset(), "INV-1 what is synced was appended");
    if (DL_FAILPOINT_ERROR("append.before-fsync")) return fail(injected("append.before-fsync"), false);
    if (auto synced = active_file_->sync(); synced.has_error()) return fail(std::move(synced).error(), false);
    synced_end_ = end_offset();
    synced_bytes_ = active_->index.bytes;
    if (DL_FAILPOINT_ERROR("append.after-fsync")) return fail(injected("append.after-fsync"), false);
    return {};
}

}  // namespace dl::slave
