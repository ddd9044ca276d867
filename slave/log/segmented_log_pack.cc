#include "slave/log/segmented_log.h"

// Closed segments become packed files; several small ones become one.
#include <algorithm>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "slave/log/packed_segment.h"
#include "slave/log/segment_check.h"

namespace dl::slave {
namespace {

constexpr std::size_t kCopyBytes = 4u << 20;

Error injected(std::string_view point) {
    return make_error(ErrorCode::io_error, "failpoint " + std::string(point));
}

}  // namespace

std::vector<std::shared_ptr<LogSegment>> SegmentedLog::closed_between(Offset first, Offset end) const {
    std::vector<std::shared_ptr<LogSegment>> found;
    Offset next = first;
    for (const auto& segment : segments_) {
        if (segment->index.first_offset != next || next >= end) continue;
        if (!segment->closed) break;
        found.push_back(segment);
        next = segment->index.end_offset;
    }
    if (next != end) found.clear();
    return found;
}

bool SegmentedLog::was_replaced(const std::shared_ptr<LogSegment>& segment) const {
    const std::lock_guard guard(mutex_);
    return std::find(segments_.begin(), segments_.end(), segment) == segments_.end();
}

Result<void> SegmentedLog::pack(Offset first, Offset end) {
    std::vector<std::shared_ptr<LogSegment>> segments;
    {
        const std::lock_guard guard(mutex_);
        segments = closed_between(first, end);
    }
    if (segments.empty())
        return make_error(ErrorCode::not_found, "log \"" + identity_.directory +
                                                    "\" has no closed segments from offset " +
                                                    std::to_string(first) + " to " + std::to_string(end));
    const auto draft = segments.front()->path + ".tmp";
    auto packed = write_packed(segments, draft);
    auto named =
        packed.has_error() ? Result<void>(packed.error()) : name_packed(segments, std::move(*packed), draft);
    if (!named.has_error()) return {};
    auto failure = named.error();
    // What cannot be removed now, recovery removes.
    const auto removed = files_.remove(draft);
    if (removed.has_error() && removed.error().code != ErrorCode::not_found)
        failure.message += "; " + removed.error().message;
    return failure;
}

// The originals go only after each batch was read back from the packed file, and was what it was written as.
Result<SegmentIndex> SegmentedLog::write_packed(const std::vector<std::shared_ptr<LogSegment>>& segments,
                                                const std::string& path) const {
    PackedFooter footer;
    footer.table = identity_.table;
    footer.partition = identity_.partition;
    footer.first_offset = segments.front()->index.first_offset;
    footer.end_offset = segments.back()->index.end_offset;
    const auto removed = files_.remove(path);  // of a try that failed
    if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed.error();
    {
        DL_TRY_ASSIGN(auto file, files_.open_append(path, true));
        PackedSegmentWriter writer(*file);
        for (const auto& segment : segments) {
            const BatchPlace place{identity_.table, identity_.partition, segment->index.first_offset};
            DL_TRY_ASSIGN(const auto opened, open_segment_file(files_, segment->path, place));
            for (std::uint64_t at = 0; at < segment->index.bytes;) {
                DL_TRY_ASSIGN(
                    const auto bytes,
                    opened.file->read(at, std::min<std::uint64_t>(kCopyBytes, segment->index.bytes - at)));
                if (bytes.size() == 0)
                    return make_error(ErrorCode::corrupt_data,
                                      "\"" + segment->path + "\" is shorter than it was");
                DL_TRY(writer.add(bytes.view()));
                at += bytes.size();
            }
            if (DL_FAILPOINT_ERROR("pack.mid")) return injected("pack.mid");
        }
        DL_TRY(writer.finish(footer));
        DL_TRY(file->sync());
    }
    auto checked = check_segment(files_, path, {identity_.table, identity_.partition, footer.first_offset});
    if (checked.has_error())
        return checked.error().in("packing the log from \"" + segments.front()->path +
                                  "\" on, which stays as it is");
    const auto& index = *checked;
    if (index.end_offset != footer.end_offset)
        return make_error(ErrorCode::corrupt_data,
                          "packing the log from \"" + segments.front()->path +
                              "\" on, which stays as it is: " + "its batches end at offset " +
                              std::to_string(index.end_offset) + ", not at " +
                              std::to_string(footer.end_offset));
    return checked;
}

Result<void> SegmentedLog::name_packed(const std::vector<std::shared_ptr<LogSegment>>& segments,
                                       SegmentIndex index, const std::string& draft) {
    auto packed = std::make_shared<LogSegment>();
    packed->path = segments.front()->path;
    packed->closed = packed->packed = true;
    DL_TRY_ASSIGN(packed->stored_bytes, files_.file_size(draft));
    const Offset first = index.first_offset;
    const Offset end = index.end_offset;
    const auto encoded = index.encode();
    index.entries.shrink_to_fit();
    packed->index = std::move(index);

    const std::lock_guard naming(files_mutex_);
    {
        const std::lock_guard guard(mutex_);
        if (closed_between(first, end) != segments)
            return make_error(ErrorCode::not_found,
                              "log \"" + identity_.directory + "\": the segments to be packed are gone");
    }
    if (DL_FAILPOINT_ERROR("pack.before-rename")) return injected("pack.before-rename");
    DL_TRY(files_.rename(draft, packed->path));
    if (DL_FAILPOINT_ERROR("pack.after-rename-before-dir-fsync"))
        return injected("pack.after-rename-before-dir-fsync");
    // From here on the name is that of the packed file, which has all that the others have: whoever reads the
    // first segment finds its bytes where they were.
    {
        const std::lock_guard guard(mutex_);
        const auto at = std::find(segments_.begin(), segments_.end(), segments.front());
        *at = packed;
        segments_.erase(at + 1, at + static_cast<std::ptrdiff_t>(segments.size()));
    }
    DL_TRY(files_.sync_directory(identity_.directory));
    if (DL_FAILPOINT_ERROR("pack.after-dir-fsync")) return injected("pack.after-dir-fsync");
    DL_TRY(files_.replace_atomically(segment_path(identity_.directory, first, ".idx"), encoded));
    for (std::size_t i = 1; i < segments.size(); ++i) {
        const auto begin = segments[i]->index.first_offset;
        for (const auto* ending : {".idx", ".log"}) {
            const auto removed = files_.remove(segment_path(identity_.directory, begin, ending));
            if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed;
        }
        if (DL_FAILPOINT_ERROR("pack.mid-removal")) return injected("pack.mid-removal");
    }
    return segments.size() == 1 ? Result<void>() : files_.sync_directory(identity_.directory);
}

}  // namespace dl::slave
