#include "slave/log/log_recovery.h"

#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.log";

}  // namespace

Error LogRecovery::damaged(std::string what) const {
    return make_error(ErrorCode::corrupt_data, "log \"" + identity_.directory + "\": " + std::move(what) +
                                                   "; nothing was changed, restore the file from a copy");
}

Result<LogRecovery::Outcome> LogRecovery::run() {
    DL_TRY_ASSIGN(outcome_.seal, read_seal(files_, identity_));
    DL_TRY(find_files());
    if (firsts_.empty()) {
        if (start_if_empty_ < replay_from_)
            return damaged("it has no segment, but records below offset " + std::to_string(replay_from_) +
                           " were flushed from it");
        // A log always has a segment, empty or not, and this one was there.
        if (outcome_.seal)
            return damaged("it has no segment, but it held records up to offset " +
                           std::to_string(outcome_.seal->end_offset));
        DL_TRY(create_first());
        outcome_.summary.end_offset = start_if_empty_;
        return std::move(outcome_);
    }
    if (firsts_.front() > replay_from_)
        return damaged("it begins at offset " + std::to_string(firsts_.front()) + ", records from offset " +
                       std::to_string(replay_from_) + " on are needed");
    DL_TRY(check_beginning());
    for (std::size_t i = 0; i + 1 < firsts_.size(); ++i)
        DL_TRY(recover_closed(firsts_[i], firsts_[i + 1]));
    DL_TRY(recover_last(firsts_.back()));
    DL_TRY(apply_changes());
    const auto& segments = outcome_.segments;
    for (std::size_t i = 0; i + 1 < segments.size(); ++i)
        DL_CHECK(segments[i]->closed && segments[i]->index.end_offset == segments[i + 1]->index.first_offset,
                 "INV-2 offsets of neighbouring segments meet");
    DL_CHECK(!segments.back()->closed && segments.back()->index.end_offset == outcome_.summary.end_offset,
             "INV-2 the log ends where its last segment does");
    DL_TRY(collect_epochs());
    collect_batch_ids();
    return std::move(outcome_);
}

Result<void> LogRecovery::check_beginning() const {
    const auto& seal = outcome_.seal;
    const auto began = std::max(seal ? seal->first_offset : 0, garbage_below_);
    if (firsts_.front() <= began) return {};
    const auto what = "it begins at offset " + std::to_string(firsts_.front()) + ", it had begun at offset " +
                      std::to_string(began);
    if (began < complete_from_) return damaged(what + ": its first files are missing");
    log_warn(kComponent, "the first files of a log are missing; other files have all of their records",
             {{"log", identity_.directory}, {"why", what}});
    return {};
}

Result<void> LogRecovery::find_files() {
    DL_TRY_ASSIGN(const bool there, files_.exists(identity_.directory));
    if (!there) DL_TRY(files_.create_directories(identity_.directory));
    DL_TRY_ASSIGN(const auto names, files_.list(identity_.directory));
    auto firsts = segment_firsts(names);
    Offset first = 0;
    // What a removal was to take may be left in part: a segment ends where the next one begins.
    while (firsts.size() > 1 && *std::next(firsts.begin()) <= garbage_below_) {
        leftovers_.push_back(segment_path("", *firsts.begin(), ".log").substr(1));
        firsts.erase(firsts.begin());
    }
    DL_TRY(leave_out_packed(firsts));
    for (const auto& name : names)
        if (name.ends_with(".tmp") || (parse_segment_name(name, ".idx", first) && !firsts.contains(first)))
            leftovers_.push_back(name);
    firsts_.assign(firsts.begin(), firsts.end());
    return {};
}

// A crash while segments were packed into one file may leave them behind it.
Result<void> LogRecovery::leave_out_packed(std::set<Offset>& firsts) {
    for (auto first = firsts.begin(); first != firsts.end(); ++first) {
        if (std::next(first) == firsts.end()) break;
        const auto path = segment_path(identity_.directory, *first, ".log");
        DL_TRY_ASSIGN(const auto opened, open(path, *first));
        while (opened.packed && std::next(first) != firsts.end() && *std::next(first) < opened.end_offset) {
            leftovers_.push_back(segment_path("", *std::next(first), ".log").substr(1));
            firsts.erase(std::next(first));
        }
    }
    return {};
}

std::shared_ptr<LogSegment> LogRecovery::new_segment(Offset first) const {
    auto segment = std::make_shared<LogSegment>();
    segment->path = segment_path(identity_.directory, first, ".log");
    segment->index.table = identity_.table;
    segment->index.partition = identity_.partition;
    segment->index.first_offset = segment->index.end_offset = first;
    return segment;
}

std::unique_ptr<SegmentIndex> LogRecovery::load_index(Offset first) const {
    // An index that cannot be read is rebuilt like a missing one: the segment itself is the truth.
    const auto bytes = files_.read_all(segment_path(identity_.directory, first, ".idx"));
    if (bytes.has_error()) return nullptr;
    auto index = SegmentIndex::decode(*bytes);
    if (index.has_error() || index->table != identity_.table || index->partition != identity_.partition ||
        index->first_offset != first)
        return nullptr;
    return std::make_unique<SegmentIndex>(std::move(*index));
}

Result<SegmentFile> LogRecovery::open(const std::string& path, Offset first) const {
    auto opened = open_segment_file(files_, path, {identity_.table, identity_.partition, first});
    if (opened.has_error() && opened.error().code == ErrorCode::corrupt_data)
        return damaged(opened.error().message);
    return opened;
}

Result<void> LogRecovery::recover_closed(Offset first, Offset next_first) {
    auto segment = new_segment(first);
    segment->closed = true;
    DL_TRY_ASSIGN(const auto opened, open(segment->path, first));
    const auto& file = opened.file;
    segment->packed = opened.packed;
    segment->stored_bytes = opened.stored_bytes;
    DL_TRY_ASSIGN(const auto size, file->size());
    auto index = load_index(first);
    if (index != nullptr && (index->end_offset != next_first || index->bytes != size)) index.reset();
    if (index == nullptr || next_first > replay_from_) {
        IndexEntry start{first, 0, kNoTime};
        if (index != nullptr && first < replay_from_) start = index->at_or_before(replay_from_);
        SegmentScanner scanner(file, segment->path, {identity_.table, identity_.partition, start.offset},
                               start.position, size);
        for (;;) {
            const auto more = scanner.next();
            if (more.has_error()) {
                if (more.error().code == ErrorCode::corrupt_data) return damaged(more.error().message);
                return more.error();
            }
            if (!*more) break;
            const auto& header = scanner.batch().header;
            DL_TRY(check_epoch(header));
            if (index == nullptr) {
                segment->index.add(header);
                if (header.end_offset() <= replay_from_) segment->index.add_batch_id(header);
            }
            if (header.end_offset() > replay_from_) DL_TRY(replay_(scanner.batch()));
        }
        if (scanner.offset() != next_first)
            return damaged("\"" + segment->path + "\" ends at offset " + std::to_string(scanner.offset()) +
                           " (byte " + std::to_string(size) + "), the next segment begins at " +
                           std::to_string(next_first));
    }
    if (index != nullptr)
        segment->index = std::move(*index);
    else
        reindexed_.push_back(segment);
    first_epochs_.push_back(epoch_at(*file, {first, 0, kNoTime}));
    newest_epoch_ = std::max(newest_epoch_, first_epochs_.back());
    outcome_.segments.push_back(std::move(segment));
    return {};
}

Result<void> LogRecovery::recover_last(Offset first) {
    auto segment = new_segment(first);
    DL_TRY_ASSIGN(auto opened, open(segment->path, first));
    if (opened.packed) {
        // Somebody has removed what lay behind it: it takes what is appended next.
        DL_TRY(unpack_segment_file(files_, segment->path, *opened.file));
        DL_TRY_ASSIGN(opened, open(segment->path, first));
    }
    DL_TRY_ASSIGN(const auto size, opened.file->size());
    // What is known to have been synced cannot be a torn end. An index is written after its segment was
    // synced and the next one had its name.
    std::uint64_t synced_bytes = 0;
    const auto sealed_end = outcome_.seal ? outcome_.seal->end_offset : Offset{0};
    const auto known_end = std::max(replay_from_, sealed_end);
    const auto index = load_index(first);
    if (index != nullptr) synced_bytes = index->bytes;
    SegmentScanner scanner(opened.file, segment->path, {identity_.table, identity_.partition, first}, 0,
                           size);
    for (;;) {
        const auto more = scanner.next();
        if (more.has_error()) {
            if (more.error().code != ErrorCode::corrupt_data) return more.error();
            bool damage = scanner.offset() < known_end || scanner.position() < synced_bytes;
            if (!damage) {
                DL_TRY_ASSIGN(damage, scanner.damage_is_proven());
            }
            if (damage) return damaged(more.error().message);
            break;
        }
        if (!*more) break;
        const auto& header = scanner.batch().header;
        DL_TRY(check_epoch(header));
        segment->index.add(header);
        if (header.end_offset() > replay_from_) DL_TRY(replay_(scanner.batch()));
    }
    if (scanner.offset() < known_end || scanner.position() < synced_bytes)
        return damaged("\"" + segment->path + "\" ends at offset " + std::to_string(scanner.offset()) +
                       " (byte " + std::to_string(size) + "), but more had been synced");
    if (index != nullptr && outcome_.seal)
        return damaged("\"" + segment->path +
                       "\" is the last file, but its index shows that there was another one "
                       "from offset " +
                       std::to_string(index->end_offset) + " on");
    // Of a release that wrote it earlier; from here on it would tell of a segment behind this one.
    if (index != nullptr) leftovers_.push_back(segment_path("", first, ".idx").substr(1));
    outcome_.summary.end_offset = scanner.offset();
    outcome_.summary.torn_bytes_dropped = size - scanner.position();
    cut_ = size > scanner.position();
    first_epochs_.push_back(segment->index.entries.empty()
                                ? LeaderEpoch{0}
                                : epoch_at(*opened.file, segment->index.entries.front()));
    outcome_.segments.push_back(std::move(segment));
    return {};
}

Result<void> LogRecovery::apply_changes() {
    auto& last = *outcome_.segments.back();
    DL_TRY_ASSIGN(auto file, files_.open_append(last.path, false));
    outcome_.active_file = std::make_unique<PooledWriter>(files_, last.path, std::move(file));
    if (cut_) {
        DL_TRY(outcome_.active_file->truncate(last.index.bytes));
        if (DL_FAILPOINT_ERROR("recovery.after-cut"))
            return make_error(ErrorCode::io_error, "failpoint recovery.after-cut");
    }
    // Also without a cut: batches of a killed process may be in the page cache only, and from now on they
    // count.
    DL_TRY(outcome_.active_file->sync());
    for (const auto& segment : reindexed_) {
        const auto path = segment_path(identity_.directory, segment->index.first_offset, ".idx");
        DL_TRY(files_.replace_atomically(path, segment->index.encode()));
    }
    for (const auto& name : leftovers_) {
        const auto removed = files_.remove(identity_.directory + "/" + name);
        // Writing an index above replaces its draft.
        if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed.error();
    }
    // Names too: the process that created them may have been killed before it synced them.
    DL_TRY(files_.sync_directory(identity_.directory));
    if (outcome_.segments.size() > 1) return {};
    return files_.sync_directory(parent_directory(identity_.directory));
}

Result<void> LogRecovery::create_first() {
    auto segment = new_segment(start_if_empty_);
    DL_TRY_ASSIGN(auto file, files_.open_append(segment->path, true));
    outcome_.active_file = std::make_unique<PooledWriter>(files_, segment->path, std::move(file));
    for (const auto& name : leftovers_)
        DL_TRY(files_.remove(identity_.directory + "/" + name));
    DL_TRY(files_.sync_directory(identity_.directory));
    DL_TRY(files_.sync_directory(parent_directory(identity_.directory)));
    outcome_.segments.push_back(std::move(segment));
    return {};
}

LeaderEpoch LogRecovery::epoch_at(const ReadableFile& file, const IndexEntry& entry) const {
    const auto bytes = file.read(entry.position, RecordBatchHeader::kHeaderBytes);
    if (bytes.has_error() || bytes->size() < RecordBatchHeader::kHeaderBytes) return LeaderEpoch{0};
    const auto header =
        check_batch_header(bytes->view(), {identity_.table, identity_.partition, entry.offset});
    return header.has_value() ? header->epoch : LeaderEpoch{0};
}

Result<void> LogRecovery::check_epoch(const RecordBatchHeader& header) {
    if (header.epoch < newest_epoch_)
        return damaged("the batch at offset " + std::to_string(header.base_offset) + " is of leader epoch " +
                       std::to_string(header.epoch.value) + ", one before it of epoch " +
                       std::to_string(newest_epoch_.value));
    newest_epoch_ = header.epoch;
    return {};
}

// A segment whose first batch is of the same epoch as the first one behind it holds no other.
Result<void> LogRecovery::collect_epochs() {
    auto& epochs = outcome_.epochs;
    DL_CHECK(first_epochs_.size() == outcome_.segments.size(), "every segment was asked for its epoch");
    for (std::size_t i = 0; i < outcome_.segments.size(); ++i) {
        const auto& segment = *outcome_.segments[i];
        if (first_epochs_[i] <= epochs.newest()) {
            if (first_epochs_[i] < epochs.newest()) continue;  // empty, or not readable
        } else {
            epochs.add(first_epochs_[i], segment.index.first_offset);
        }
        std::optional<LeaderEpoch> until;
        for (std::size_t next = i + 1; next < first_epochs_.size() && !until; ++next)
            if (first_epochs_[next] > LeaderEpoch{0}) until = first_epochs_[next];
        if (!until || *until > first_epochs_[i]) DL_TRY(find_epochs(segment, until));
    }
    return {};
}

// Adds the epochs behind the first one of the segment, up to `until` or its end.
Result<void> LogRecovery::find_epochs(const LogSegment& segment, std::optional<LeaderEpoch> until) {
    auto& epochs = outcome_.epochs;
    DL_TRY_ASSIGN(const auto opened, open(segment.path, segment.index.first_offset));
    const auto& file = opened.file;
    const auto& entries = segment.index.entries;
    auto from = entries.begin();
    while (!until || epochs.newest() < *until) {
        // Epochs never fall, so the first batch of another one lies behind the last entry of this one.
        const auto behind = std::partition_point(from, entries.end(), [&](const IndexEntry& entry) {
            return epoch_at(*file, entry) <= epochs.newest();
        });
        if (behind == from) return {};
        from = behind - 1;
        SegmentScanner scanner(file, segment.path, {identity_.table, identity_.partition, from->offset},
                               from->position, segment.index.bytes);
        const auto before = epochs.newest();
        while (epochs.newest() == before) {
            const auto more = scanner.next();
            if (more.has_error() && more.error().code != ErrorCode::corrupt_data) return more.error();
            if (more.has_error() || !*more) return {};
            if (scanner.batch().header.epoch > before)
                epochs.add(scanner.batch().header.epoch, scanner.batch().header.base_offset);
        }
    }
    return {};
}

void LogRecovery::collect_batch_ids() {
    auto& ids = outcome_.summary.batch_ids;
    for (auto at = outcome_.segments.rbegin(); at != outcome_.segments.rend(); ++at) {
        auto& segment = **at;
        const auto& from = segment.index.batch_ids;
        for (auto id = from.rbegin(); id != from.rend() && ids.size() < limits::indexed_batch_ids_max; ++id)
            ids.push_back(*id);
        if (segment.closed) segment.index.batch_ids = {};
    }
    std::reverse(ids.begin(), ids.end());
    DL_CHECK(ids.size() <= limits::indexed_batch_ids_max, "INV-13 batch ids are bounded");
}

}  // namespace dl::slave
