#include "slave/log/segmented_log.h"

// What any thread reads.
#include <algorithm>
#include <limits>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "slave/log/packed_segment.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;

}  // namespace

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
    return segments_from(std::numeric_limits<Offset>::min());
}

std::vector<SegmentInfo> SegmentedLog::segments_from(Offset from) const {
    const std::lock_guard guard(mutex_);
    const auto begin = std::lower_bound(
        segments_.begin(), segments_.end(), from,
        [](const std::shared_ptr<LogSegment>& segment, Offset o) { return segment->index.first_offset < o; });
    std::vector<SegmentInfo> infos;
    infos.reserve(static_cast<std::size_t>(segments_.end() - begin));
    for (auto segment = begin; segment != segments_.end(); ++segment) {
        const auto& index = (*segment)->index;
        infos.push_back({index.first_offset, index.end_offset,
                         (*segment)->packed ? (*segment)->stored_bytes : index.bytes, (*segment)->closed,
                         index.newest_time_us, index.bytes, (*segment)->packed});
    }
    return infos;
}

std::optional<SegmentedLog::Place> SegmentedLog::find(Offset offset, Offset end) const {
    const std::lock_guard guard(mutex_);
    const auto behind = std::upper_bound(
        segments_.begin(), segments_.end(), offset,
        [](Offset o, const std::shared_ptr<LogSegment>& segment) { return o < segment->index.first_offset; });
    if (behind == segments_.begin()) return std::nullopt;
    const auto& segment = *(behind - 1);
    const auto& index = segment->index;
    if (offset >= index.end_offset) return std::nullopt;
    Place place{segment,     index.first_offset, index.at_or_before(offset),
                index.bytes, index.end_offset,   index.position_behind(end)};
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
    if (auto open = place.segment->reader.get(); open != nullptr) return open;
    DL_TRY_ASSIGN(auto opened, open_segment_file(files_, place.segment->path,
                                                 {identity_.table, identity_.partition, place.first_offset}));
    // Under the lock, so that nothing is put back into one that was emptied because its file is another now:
    // a packed one that was opened before truncate_from() wrote it out does not have what is appended since.
    const std::lock_guard guard(mutex_);
    if (opened.packed == place.segment->packed &&
        std::find(segments_.begin(), segments_.end(), place.segment) != segments_.end())
        place.segment->reader.put(opened.file);
    return std::move(opened.file);
}

Result<std::vector<StoredBatch>> SegmentedLog::read(Offset from, Offset end, std::uint64_t max_bytes) const {
    std::vector<StoredBatch> out;
    end = std::min(end, end_offset());
    std::uint64_t taken = 0;
    while (from < end) {
        const auto place = find(from, end);
        if (!place) {
            if (!out.empty()) break;
            return make_error(ErrorCode::not_found, "log \"" + identity_.directory + "\" has no offset " +
                                                        std::to_string(from) + ", it begins at " +
                                                        std::to_string(first_offset()));
        }
        const auto before = out.size();
        const auto run = read_run(*place, from, end, max_bytes, taken, out);
        // Packed into another file since it was looked up; removed is NOT_FOUND in the next round.
        if (run.has_error() && run.error().code == ErrorCode::not_found && was_replaced(place->segment))
            continue;
        DL_TRY(run);
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
    const auto left_in_segment = place.wanted_position - position;
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
    for (;;) {
        std::vector<Place> places;
        {
            const std::lock_guard guard(mutex_);
            for (const auto& segment : segments_) {
                const auto& index = segment->index;
                if (index.entries.empty() || index.newest_time_us < time_us) continue;
                places.push_back({segment, index.first_offset, index.at_or_before_time(time_us), index.bytes,
                                  index.end_offset});
                if (segment->closed) break;
            }
        }
        bool replaced = false;
        for (const auto& place : places) {
            const auto file = reader_of(place);
            replaced =
                file.has_error() && file.error().code == ErrorCode::not_found && was_replaced(place.segment);
            if (replaced) break;
            if (file.has_error()) return file.error();
            SegmentScanner scanner(*file, place.segment->path,
                                   {identity_.table, identity_.partition, place.entry.offset},
                                   place.entry.position, place.end_position);
            for (;;) {
                DL_TRY_ASSIGN(const bool more, scanner.next());
                if (!more) break;
                if (scanner.batch().header.append_time_us >= time_us)
                    return scanner.batch().header.base_offset;
            }
        }
        if (!replaced) return end_offset();
    }
}

}  // namespace dl::slave
