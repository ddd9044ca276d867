#include "slave/log/segmented_log.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "slave/log/log_cut.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;
constexpr std::size_t kCopiedBodyBytesMax = 4096;  // smaller bodies are cheaper to copy than to point at
constexpr std::size_t kScratchBytesKept = 4u << 20;
constexpr std::size_t kRecentBatchesMax = 1024;  // consumers at the end find their batch without a scan
constexpr std::size_t kOpenClosedSegmentsMax = 8;
constexpr std::uint64_t kRollPutOffBytes = 1u << 20;
constexpr auto kComponent = "slave.log";

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

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(
    FileSystem& files, std::string directory, TableId table, PartitionId partition, const LogOptions& options,
    Offset replay_from, Offset start_if_empty, const std::function<Result<void>(const StoredBatch&)>& replay,
    Recovered* recovered) {
    LogIdentity identity{std::move(directory), table, partition};
    LogRecovery recovery(files, identity, options.garbage_below, replay_from, start_if_empty, replay);
    DL_TRY_ASSIGN(auto outcome, recovery.run());
    if (recovered != nullptr) *recovered = std::move(outcome.summary);
    return std::unique_ptr<PartitionLog>(
        new SegmentedLog(files, std::move(identity), options, std::move(outcome)));
}

SegmentedLog::SegmentedLog(FileSystem& files, LogIdentity identity, const LogOptions& options,
                           LogRecovery::Outcome recovered)
    : files_(files),
      identity_(std::move(identity)),
      options_(options),
      active_(recovered.segments.back()),
      active_file_(std::move(recovered.active_file)),
      roll_at_bytes_(options.segment_bytes),
      segments_(std::move(recovered.segments)),
      epochs_(std::move(recovered.epochs)) {
    const auto& active = active_->index;
    DL_CHECK(!active_->closed && active_file_ != nullptr, "the last segment takes what is appended");
    synced_end_ = active.end_offset;
    synced_bytes_ = active.bytes;
    end_offset_ = active.end_offset;
}

// --- writer ---

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

Result<void> SegmentedLog::append_given(std::span<const StoredBatch> batches) {
    if (failure_ || stopped_) return out_of_service();
    DL_TRY(check_given(batches));
    const Offset begin = end_offset();
    while (!batches.empty()) {
        auto run = batches.first(fitting(batches));
        std::size_t believed = 0;
        while (believed < run.size() && run[believed].header.synced_end <= synced_end_)
            ++believed;
        if (run.empty()) {
            if (auto done = try_change_segment(batches.front().header.total_bytes()); done.has_error())
                return in_part(std::move(done).error(), begin);
        } else if (believed == 0) {
            if (auto done = sync_active(); done.has_error()) return in_part(std::move(done).error(), begin);
        } else {
            run = run.first(believed);
            if (auto done = write_run(run); done.has_error()) return in_part(std::move(done).error(), begin);
            batches = batches.subspan(run.size());
        }
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

bool SegmentedLog::take_back_run() {
    const auto bytes = active_->index.bytes;
    if (active_file_->truncate(bytes).has_error() || active_file_->sync().has_error()) return false;
    synced_end_ = active_->index.end_offset;
    synced_bytes_ = bytes;
    return true;
}

Error SegmentedLog::in_part(Error error, Offset begin) {
    // Some of the batches are in the log and nobody will hear of them: out with what can go.
    if (!failure_ && end_offset() != begin) error = fail(std::move(error), true);
    // Batches before a change of segment are on the disk by then: the whole may have been done in part.
    if (synced_end_ > begin && error_outcome(error.code) == Outcome::nothing_done)
        error.code = ErrorCode::io_error;
    return error;
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

Result<void> SegmentedLog::roll() {
    if (failure_ || stopped_) return out_of_service();
    if (active_->index.bytes == 0) return {};
    return change_segment();
}

void SegmentedLog::stop_writing() {
    stopped_ = true;
    active_file_.reset();
}

Result<void> SegmentedLog::try_change_segment(std::uint64_t next_bytes) {
    auto changed = change_segment();
    if (changed.has_error() && !failure_) {
        // Out of descriptors or space: neither concerns the bytes of the old segment, which takes more.
        roll_at_bytes_ =
            active_->index.bytes + std::max({options_.segment_bytes / 8, kRollPutOffBytes, next_bytes});
        log_warn(kComponent, "a log file grows beyond its size because the next one cannot be made",
                 {{"file", active_->path}, {"error", changed.error()}});
        return {};
    }
    return changed;
}

Result<std::unique_ptr<WritableFile>> SegmentedLog::create_segment(LogSegment& segment) {
    if (DL_FAILPOINT_ERROR("roll.before-create")) return injected("roll.before-create");
    DL_TRY_ASSIGN(auto file, files_.open_append(segment.path, true));
    if (DL_FAILPOINT_ERROR("roll.after-create")) return injected("roll.after-create");
    DL_TRY_ASSIGN(segment.reader, files_.open_read(segment.path));
    return file;
}

// The old segment is on the disk before the new one has a name, so only the last segment can have a torn end.
Result<void> SegmentedLog::change_segment() {
    DL_TRY(sync_active());
    const auto old = active_;
    auto next = std::make_shared<LogSegment>();
    next->path = segment_path(identity_.directory, old->index.end_offset, ".log");
    next->index.table = identity_.table;
    next->index.partition = identity_.partition;
    next->index.first_offset = next->index.end_offset = old->index.end_offset;
    auto file = create_segment(*next);
    if (file.has_error()) {
        // The old segment may go on only when no power cut can bring the new one back into its middle.
        auto gone = files_.remove(next->path);
        if (gone.has_value()) gone = files_.sync_directory(identity_.directory);
        if (gone.has_error() && gone.error().code != ErrorCode::not_found)
            return fail(std::move(gone).error(), true);
        return file.error();
    }
    if (DL_FAILPOINT_ERROR("roll.before-dir-fsync")) return fail(injected("roll.before-dir-fsync"), true);
    if (auto named = files_.sync_directory(identity_.directory); named.has_error())
        return fail(std::move(named).error(), true);
    // It can be made anew from the segment, so that nothing depends on it.
    const auto index_path = segment_path(identity_.directory, old->index.first_offset, ".idx");
    if (const auto indexed = files_.replace_atomically(index_path, old->index.encode()); indexed.has_error())
        log_warn(kComponent, "the index of a log file was not written, the next start makes it anew",
                 {{"file", index_path}, {"error", indexed.error()}});
    DL_CHECK(old->index.end_offset == synced_end_ && old->index.bytes == synced_bytes_,
             "INV-1 a segment is closed when all of it is synced");
    if (DL_FAILPOINT_ERROR("roll.after-seal")) return fail(injected("roll.after-seal"), true);
    active_file_ = std::move(*file);
    active_ = next;
    synced_bytes_ = 0;
    roll_at_bytes_ = options_.segment_bytes;
    const std::lock_guard guard(mutex_);
    old->closed = true;
    old->index.batch_ids = {};
    old->index.entries.shrink_to_fit();
    opened_.push_back(old);
    if (opened_.size() > kOpenClosedSegmentsMax) {
        opened_.front()->reader.reset();
        opened_.pop_front();
    }
    segments_.push_back(std::move(next));
    recent_.clear();
    return {};
}

// --- truncation ---

Result<Offset> SegmentedLog::truncate_from(Offset offset, LeaderEpoch epoch) {
    if (failure_ || stopped_) return out_of_service();
    const auto known = epoch_end(epoch);
    const Offset wanted = std::min(offset, known ? known->end_offset : first_offset());
    if (wanted < first_offset())
        return make_error(ErrorCode::invalid_request,
                          "log \"" + identity_.directory + "\" begins at offset " +
                              std::to_string(first_offset()) + " and cannot be cut at offset " +
                              std::to_string(wanted));
    if (wanted >= end_offset()) return end_offset();
    std::shared_ptr<LogSegment> last;  // the one that is cut
    {
        const std::lock_guard guard(mutex_);
        for (const auto& segment : segments_)
            if (segment->index.first_offset <= wanted) last = segment;
    }
    auto file = files_.open_read(last->path);
    if (file.has_error()) return file.error();
    DL_TRY_ASSIGN(auto kept, plan_log_cut(std::move(*file), identity_, *last, wanted, epoch));
    DL_CHECK(kept.end_offset <= wanted, "INV-2 a cut takes all that was to go");
    if (DL_FAILPOINT_ERROR("truncate.before")) return injected("truncate.before");
    end_offset_.store(kept.end_offset, std::memory_order_release);
    auto cut = cut_files(last, kept.bytes);
    if (!cut.has_error() && DL_FAILPOINT_ERROR("truncate.between-truncate-and-epoch-cache"))
        cut = injected("truncate.between-truncate-and-epoch-cache");
    const std::lock_guard guard(mutex_);
    forget_opened(last);
    last->closed = false;
    last->index = std::move(kept);
    active_ = last;
    recent_.clear();
    synced_end_ = last->index.end_offset;
    synced_bytes_ = last->index.bytes;
    roll_at_bytes_ = options_.segment_bytes;
    epochs_.truncate(synced_end_);
    if (cut.has_error()) {
        // What is left on the disk is for the next open to find.
        failure_ = cut.error();
        failed_.store(true, std::memory_order_release);
        return cut.error();
    }
    DL_CHECK(segments_.back() == last && end_offset() == synced_end_, "INV-2 the log ends where it was cut");
    if (DL_FAILPOINT_ERROR("truncate.after")) return injected("truncate.after");
    return synced_end_;
}

// Newest file first, so that a crash leaves no gap; an index goes before the bytes it vouches for.
Result<void> SegmentedLog::cut_files(const std::shared_ptr<LogSegment>& last, std::uint64_t bytes) {
    const auto remove = [&](const std::string& path) -> Result<void> {
        auto removed = files_.remove(path);
        if (removed.has_error() && removed.error().code == ErrorCode::not_found) return {};
        return removed;
    };
    const bool reopen = active_ != last;
    if (reopen) active_file_.reset();
    for (;;) {
        std::shared_ptr<LogSegment> newest;
        {
            const std::lock_guard guard(mutex_);
            newest = segments_.back();
            if (newest == last) break;
            segments_.pop_back();
            forget_opened(newest);
        }
        DL_TRY(remove(segment_path(identity_.directory, newest->index.first_offset, ".idx")));
        DL_TRY(remove(newest->path));
        DL_TRY(files_.sync_directory(identity_.directory));
    }
    DL_TRY(remove(segment_path(identity_.directory, last->index.first_offset, ".idx")));
    DL_TRY(files_.sync_directory(identity_.directory));
    if (reopen) {
        DL_TRY_ASSIGN(active_file_, files_.open_append(last->path, false));
    }
    if (last->reader == nullptr) {
        DL_TRY_ASSIGN(auto reader, files_.open_read(last->path));
        const std::lock_guard guard(mutex_);
        last->reader = std::move(reader);
    }
    DL_TRY(active_file_->truncate(bytes));
    return active_file_->sync();
}

void SegmentedLog::forget_opened(const std::shared_ptr<LogSegment>& segment) {
    std::erase(opened_, segment);
}

Error SegmentedLog::fail(Error cause, bool disk_is_known) {
    DL_CHECK(synced_bytes_ <= active_->index.bytes && synced_end_ <= active_->index.end_offset,
             "INV-1 what is synced is not cut off");
    // What was written and will never be acknowledged must not come back: not after this error says "nothing
    // was done", and not from the page cache, where a failed sync leaves it looking well.
    bool clean = active_file_->truncate(synced_bytes_).has_value();
    clean_.store(clean, std::memory_order_release);
    if (!clean)
        cause.message += "; what was not synced could not be taken back: check the disk before restarting";
    if (clean && disk_is_known) clean = active_file_->sync().has_value();
    if (!clean || !disk_is_known) cause.code = ErrorCode::io_error;
    failure_ = cause;
    const std::lock_guard guard(mutex_);
    auto& index = active_->index;
    while (!recent_.empty() && recent_.back().offset >= synced_end_)
        recent_.pop_back();
    while (!index.entries.empty() && index.entries.back().offset >= synced_end_)
        index.entries.pop_back();
    index.end_offset = synced_end_;
    index.bytes = synced_bytes_;
    epochs_.truncate(synced_end_);
    end_offset_.store(synced_end_, std::memory_order_release);
    failed_.store(true, std::memory_order_release);
    return cause;
}

Error SegmentedLog::out_of_service() const {
    if (!failure_)
        return make_error(ErrorCode::unavailable,
                          "log \"" + identity_.directory +
                              "\" takes no writes any more because its partition was closed; "
                              "try again when the partition is served again");
    return make_error(ErrorCode::io_error, "log \"" + identity_.directory +
                                               "\" is out of service after an earlier failure (" +
                                               failure_->message + ")");
}

// --- retention ---

Result<std::unique_ptr<RetentionHold>> SegmentedLog::retain_from(Offset from) {
    const std::lock_guard guard(mutex_);
    const Offset first = segments_.front()->index.first_offset;
    if (from < first)
        return make_error(ErrorCode::not_found, "log \"" + identity_.directory + "\" begins at offset " +
                                                    std::to_string(first) + ", records from offset " +
                                                    std::to_string(from) + " on are not all there");
    return floors_->hold(from);
}

Offset SegmentedLog::retention_floor() const {
    return floors_->lowest();
}

Result<void> SegmentedLog::remove_before(Offset offset) {
    std::vector<std::shared_ptr<LogSegment>> gone;
    {
        const std::lock_guard guard(mutex_);
        const Offset floor = std::min(offset, floors_->lowest());
        auto end = segments_.begin();
        while ((*end)->closed && (*end)->index.end_offset <= floor)
            ++end;
        gone.assign(segments_.begin(), end);
        segments_.erase(segments_.begin(), end);
        DL_CHECK(!segments_.empty(), "the active segment stays");
        for (const auto& segment : gone)
            forget_opened(segment);
        epochs_.remove_before(segments_.front()->index.first_offset);
    }
    if (gone.empty()) return {};
    for (const auto& segment : gone) {
        DL_TRY(files_.remove(segment->path));
        const auto index =
            files_.remove(segment_path(identity_.directory, segment->index.first_offset, ".idx"));
        if (index.has_error() && index.error().code != ErrorCode::not_found) return index.error();
    }
    return files_.sync_directory(identity_.directory);
}

// --- readers ---

Offset SegmentedLog::first_offset() const {
    const std::lock_guard guard(mutex_);
    return segments_.front()->index.first_offset;
}

std::vector<EpochStart> SegmentedLog::epoch_history() const {
    const std::lock_guard guard(mutex_);
    return epochs_.starts();
}

std::optional<EpochEnd> SegmentedLog::epoch_end(LeaderEpoch epoch) const {
    const std::lock_guard guard(mutex_);
    return epochs_.end_of(epoch, end_offset());
}

LeaderEpoch SegmentedLog::newest_epoch() const {
    const std::lock_guard guard(mutex_);
    return epochs_.newest();
}

std::vector<SegmentInfo> SegmentedLog::segments() const {
    const std::lock_guard guard(mutex_);
    std::vector<SegmentInfo> infos;
    infos.reserve(segments_.size());
    for (const auto& segment : segments_) {
        const auto& index = segment->index;
        infos.push_back({index.first_offset, index.end_offset, index.bytes, segment->closed});
    }
    return infos;
}

std::optional<SegmentedLog::Place> SegmentedLog::find(Offset offset) const {
    const std::lock_guard guard(mutex_);
    const auto behind = std::upper_bound(
        segments_.begin(), segments_.end(), offset,
        [](Offset o, const std::shared_ptr<LogSegment>& segment) { return o < segment->index.first_offset; });
    if (behind == segments_.begin()) return std::nullopt;
    const auto& segment = *(behind - 1);
    const auto& index = segment->index;
    if (offset >= index.end_offset) return std::nullopt;
    Place place{segment, index.at_or_before(offset), index.bytes, index.end_offset};
    DL_CHECK(place.entry.offset <= offset && place.entry.position < place.end_position,
             "a read begins at or before what is asked for");
    if (!segment->closed && !recent_.empty() && recent_.front().offset <= offset) {
        const auto recent =
            std::upper_bound(recent_.begin(), recent_.end(), offset,
                             [](Offset o, const RecentBatch& batch) { return o < batch.offset; });
        place.entry.offset = (recent - 1)->offset;
        place.entry.position = (recent - 1)->position;
    }
    return place;
}

Result<std::shared_ptr<ReadableFile>> SegmentedLog::reader_of(const Place& place) const {
    {
        const std::lock_guard guard(mutex_);
        if (place.segment->reader != nullptr) return place.segment->reader;
    }
    DL_TRY_ASSIGN(auto reader, files_.open_read(place.segment->path));
    const std::lock_guard guard(mutex_);
    const bool removed = place.segment->index.first_offset < segments_.front()->index.first_offset;
    if (place.segment->reader == nullptr && !removed) {
        place.segment->reader = reader;
        opened_.push_back(place.segment);
        if (opened_.size() > kOpenClosedSegmentsMax) {
            opened_.front()->reader.reset();
            opened_.pop_front();
        }
    }
    return reader;
}

Result<std::vector<StoredBatch>> SegmentedLog::read(Offset from, Offset end, std::uint64_t max_bytes) const {
    std::vector<StoredBatch> out;
    end = std::min(end, end_offset());
    std::uint64_t taken = 0;
    while (from < end) {
        const auto place = find(from);
        if (!place) {
            if (!out.empty()) break;
            return make_error(ErrorCode::not_found, "log \"" + identity_.directory + "\" has no offset " +
                                                        std::to_string(from) + ", it begins at " +
                                                        std::to_string(first_offset()));
        }
        const auto before = out.size();
        DL_TRY(read_run(*place, from, end, max_bytes, taken, out));
        if (out.size() == before) break;
        DL_CHECK(out.back().header.end_offset() > from, "a read comes forward");
        from = out.back().header.end_offset();
        if (from < place->end_offset) break;  // stopped by max_bytes, or at the end
    }
    return out;
}

Result<void> SegmentedLog::read_run(const Place& place, Offset from, Offset end, std::uint64_t max_bytes,
                                    std::uint64_t& taken, std::vector<StoredBatch>& out) const {
    DL_TRY_ASSIGN(const auto file, reader_of(place));
    BatchPlace expected{identity_.table, identity_.partition, place.entry.offset};
    auto position = place.entry.position;
    const auto left_in_segment = place.end_position - position;
    // One read for all, as a rule: what may have to be skipped, what is asked for, and a header.
    const auto wanted = (max_bytes > taken ? std::min(max_bytes - taken, left_in_segment) : 0) +
                        kHeaderBytes + (place.entry.offset < from ? limits::segment_index_interval_bytes : 0);
    DL_TRY_ASSIGN(auto buffer, file->read(position, std::min(wanted, left_in_segment)));
    auto buffer_position = position;
    const auto bad = [&](const Error& why) {
        return why.in("\"" + place.segment->path + "\" at byte " + std::to_string(position));
    };
    // `need` bytes from `position` on.
    const auto bytes_here = [&](std::uint64_t need) -> Result<std::string_view> {
        if (position + need > buffer_position + buffer.size()) {
            const auto available = place.end_position - position;
            if (need > available)
                return bad(
                    make_error(ErrorCode::corrupt_data, "batch reaches beyond the end of its segment"));
            DL_TRY_ASSIGN(buffer, file->read(position, std::min(available, std::max(need, wanted))));
            buffer_position = position;
            if (buffer.size() < need)
                return bad(make_error(ErrorCode::corrupt_data, "the file is shorter than it was"));
        }
        return buffer.view().substr(position - buffer_position, need);
    };
    while (expected.offset < end && position < place.end_position) {
        DL_TRY_ASSIGN(auto bytes, bytes_here(kHeaderBytes));
        const auto header = check_batch_header(bytes, expected);
        if (header.has_error()) return bad(header.error());
        const auto total = header->total_bytes();
        if (header->end_offset() > from) {
            if (!out.empty() && taken + header->body_bytes > max_bytes) return {};
            DL_TRY_ASSIGN(bytes, bytes_here(total));
            if (const auto body = check_batch_body(*header, bytes); body.has_error())
                return bad(body.error());
            out.push_back(
                {*header, buffer.slice(position - buffer_position + kHeaderBytes, header->body_bytes)});
            taken += header->body_bytes;
        }
        position += total;
        expected.offset = header->end_offset();
    }
    return {};
}

Result<Offset> SegmentedLog::offset_for_time(std::int64_t time_us) const {
    std::vector<Place> places;
    {
        const std::lock_guard guard(mutex_);
        for (const auto& segment : segments_) {
            const auto& index = segment->index;
            if (index.entries.empty() || index.newest_time_us < time_us) continue;
            places.push_back({segment, index.at_or_before_time(time_us), index.bytes, index.end_offset});
            if (segment->closed) break;
        }
    }
    for (const auto& place : places) {
        DL_TRY_ASSIGN(const auto file, reader_of(place));
        SegmentScanner scanner(file, place.segment->path,
                               {identity_.table, identity_.partition, place.entry.offset},
                               place.entry.position, place.end_position);
        for (;;) {
            DL_TRY_ASSIGN(const bool more, scanner.next());
            if (!more) break;
            if (scanner.batch().header.append_time_us >= time_us) return scanner.batch().header.base_offset;
        }
    }
    return end_offset();
}

}  // namespace dl::slave
