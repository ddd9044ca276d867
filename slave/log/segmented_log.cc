#include "slave/log/segmented_log.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;
constexpr std::size_t kCopiedBodyBytesMax = 4096;  // smaller bodies are cheaper to copy than to point at
constexpr std::size_t kScratchBytesKept = 4u << 20;
constexpr std::size_t kRecentBatchesMax = 1024;  // consumers at the end find their batch without a scan
constexpr std::size_t kOpenClosedSegmentsMax = 8;

Error injected(std::string_view point) {
    return make_error(ErrorCode::io_error, "failpoint " + std::string(point));
}

Result<void> check_appendable(std::span<const StoredBatch> batches, const LogIdentity& identity) {
    for (const auto& batch : batches) {
        const auto& header = batch.header;
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
    LogRecovery recovery(files, identity, replay_from, start_if_empty, replay);
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
      active_file_(std::move(recovered.active_file)),
      segments_(std::move(recovered.segments)) {
    const auto& active = segments_.back()->index;
    synced_end_ = active.end_offset;
    synced_bytes_ = active.bytes;
    end_offset_ = active.end_offset;
}

// --- writer ---

Result<void> SegmentedLog::append(std::span<StoredBatch> batches) {
    if (failure_ || stopped_) return out_of_service();
    DL_TRY(check_appendable(batches, identity_));
    if (DL_FAILPOINT_ERROR("append.before-log-write")) return fail(injected("append.before-log-write"), true);
    const Offset begin = end_offset();
    // Batches before a change of segment are on the disk by then: the whole may have been done in part.
    const auto in_part = [&](Error error) {
        if (synced_end_ > begin && error_outcome(error.code) == Outcome::nothing_done)
            error.code = ErrorCode::io_error;
        return error;
    };
    Offset next = begin;
    for (std::size_t first = 0; first < batches.size();) {
        std::uint64_t bytes = segments_.back()->index.bytes;
        std::size_t last = first;
        for (; last < batches.size(); ++last) {
            auto& header = batches[last].header;
            if (bytes > 0 && bytes + header.total_bytes() > options_.segment_bytes) break;
            header.base_offset = next;
            header.synced_end = synced_end_;
            next = header.end_offset();
            bytes += header.total_bytes();
        }
        auto done = last > first ? write_run(batches.subspan(first, last - first)) : change_segment();
        if (done.has_error()) return in_part(std::move(done).error());
        first = last;
    }
    if (DL_FAILPOINT_ERROR("append.after-log-write")) return fail(injected("append.after-log-write"), true);
    return {};
}

Result<void> SegmentedLog::write_run(std::span<StoredBatch> run) {
    gather(run);
    std::uint64_t total = 0;
    parts_.clear();
    for (const auto& piece : pieces_) {
        parts_.emplace_back((piece.external != nullptr ? piece.external : scratch_.data()) + piece.offset,
                            piece.size);
        total += piece.size;
    }
    if (auto written = write_parts(total); written.has_error()) return fail(std::move(written).error(), true);
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
    auto& index = segments_.back()->index;
    for (const auto& batch : run) {
        recent_.push_back({batch.header.base_offset, index.bytes});
        index.add(batch.header);
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
    if (DL_FAILPOINT_ERROR("append.before-fsync")) return fail(injected("append.before-fsync"), false);
    if (auto synced = active_file_->sync(); synced.has_error()) return fail(std::move(synced).error(), false);
    synced_end_ = end_offset();
    synced_bytes_ = segments_.back()->index.bytes;
    if (DL_FAILPOINT_ERROR("append.after-fsync")) return fail(injected("append.after-fsync"), false);
    return {};
}

Result<void> SegmentedLog::roll() {
    if (failure_ || stopped_) return out_of_service();
    if (segments_.back()->index.bytes == 0) return {};
    return change_segment();
}

void SegmentedLog::stop_writing() {
    stopped_ = true;
    active_file_.reset();
}

// The old segment is on the disk before the new one has a name, so only the last segment can have a torn end.
Result<void> SegmentedLog::change_segment() {
    DL_TRY(sync_active());
    const auto old = segments_.back();
    auto next = std::make_shared<LogSegment>();
    next->path = segment_path(identity_.directory, old->index.end_offset, ".log");
    next->index.table = identity_.table;
    next->index.partition = identity_.partition;
    next->index.first_offset = next->index.end_offset = old->index.end_offset;

    const auto create = [&]() -> Result<std::unique_ptr<WritableFile>> {
        if (DL_FAILPOINT_ERROR("roll.before-create")) return injected("roll.before-create");
        DL_TRY_ASSIGN(auto file, files_.open_append(next->path, true));
        if (DL_FAILPOINT_ERROR("roll.after-create")) return injected("roll.after-create");
        DL_TRY_ASSIGN(next->reader, files_.open_read(next->path));
        if (DL_FAILPOINT_ERROR("roll.before-dir-fsync")) return injected("roll.before-dir-fsync");
        DL_TRY(files_.sync_directory(identity_.directory));
        const auto index_path = segment_path(identity_.directory, old->index.first_offset, ".idx");
        DL_TRY(files_.replace_atomically(index_path, old->index.encode()));
        if (DL_FAILPOINT_ERROR("roll.after-seal")) return injected("roll.after-seal");
        return file;
    };
    auto file = create();
    if (file.has_error()) return fail(std::move(file).error(), true);
    active_file_ = std::move(*file);
    synced_bytes_ = 0;
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

Error SegmentedLog::fail(Error cause, bool disk_is_known) {
    // What was written and will never be acknowledged must not come back: not after this error says "nothing
    // was done", and not from the page cache, where a failed sync leaves it looking well.
    bool clean = active_file_->truncate(synced_bytes_).has_value();
    if (!clean)
        cause.message += "; what was not synced could not be taken back: check the disk before restarting";
    if (clean && disk_is_known) clean = active_file_->sync().has_value();
    if (!clean || !disk_is_known) cause.code = ErrorCode::io_error;
    failure_ = cause;
    const std::lock_guard guard(mutex_);
    auto& index = segments_.back()->index;
    while (!recent_.empty() && recent_.back().offset >= synced_end_)
        recent_.pop_back();
    while (!index.entries.empty() && index.entries.back().offset >= synced_end_)
        index.entries.pop_back();
    index.end_offset = synced_end_;
    index.bytes = synced_bytes_;
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
                                               failure_->message + "); restart the slave");
}

Result<void> SegmentedLog::remove_before(Offset offset) {
    for (;;) {
        std::shared_ptr<LogSegment> oldest;
        {
            const std::lock_guard guard(mutex_);
            if (!segments_.front()->closed || segments_.front()->index.end_offset > offset) return {};
            oldest = segments_.front();
            segments_.erase(segments_.begin());
            std::erase(opened_, oldest);
        }
        DL_TRY(files_.remove(oldest->path));
        const auto index =
            files_.remove(segment_path(identity_.directory, oldest->index.first_offset, ".idx"));
        if (index.has_error() && index.error().code != ErrorCode::not_found) return index.error();
        // One at a time, oldest first: after a crash there is no gap between the segments that are left.
        DL_TRY(files_.sync_directory(identity_.directory));
    }
}

// --- readers ---

Offset SegmentedLog::first_offset() const {
    const std::lock_guard guard(mutex_);
    return segments_.front()->index.first_offset;
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
