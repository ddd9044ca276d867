#include "slave/log/log_salvage.h"

#include <algorithm>
#include <set>

#include "common/base/byte_io.h"
#include "slave/log/packed_segment.h"
#include "slave/log/segment_index.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {
namespace {

constexpr std::size_t kHeaderBytes = RecordBatchHeader::kHeaderBytes;
constexpr std::uint64_t kSearchBytes = 1u << 20;
// More of them do not fit, packed as they may be.
constexpr std::uint64_t kRecordsPerByteMax = 256;

class Salvager {
  public:
    Salvager(FileSystem& files, const LogIdentity& identity, const LogOptions& options, Offset from,
             const std::function<Result<void>(const StoredBatch&)>& sink)
        : files_(files), identity_(identity), options_(options), from_(from), sink_(sink) {}

    Result<Salvage> run() {
        DL_TRY_ASSIGN(const auto seal, read_seal(files_, identity_));
        DL_TRY_ASSIGN(const bool there, files_.exists(identity_.directory));
        std::set<Offset> firsts;
        if (there) {
            DL_TRY_ASSIGN(const auto names, files_.list(identity_.directory));
            firsts = segment_firsts(names);
        }
        while (firsts.size() > 1 && *std::next(firsts.begin()) <= options_.garbage_below)
            firsts.erase(firsts.begin());
        const auto began = std::max(seal ? seal->first_offset : 0, options_.garbage_below);
        end_ = std::min(began, from_);
        for (const auto first : firsts) {
            lose_up_to(first);
            DL_TRY(read_segment(first));
        }
        lose_up_to(proven_end_);
        std::optional<Offset> indexed_end;
        if (!firsts.empty()) {
            DL_TRY_ASSIGN(indexed_end, end_in_index(*firsts.rbegin()));
        }
        if (indexed_end) lose_up_to(*indexed_end);
        if (seal) lose_up_to(seal->end_offset);
        lose_up_to(from_);  // of the log alone: other files have the records, but for those named above
        // Without a seal the log is of a release that wrote indexes earlier.
        const bool more = firsts.empty() || (seal && indexed_end);
        if (more && !(seal && seal->closed)) {
            found_.lost.push_back({end_, end_ + kUnknownRecordsMax, false});
            end_ = found_.lost.back().end;
        }
        found_.end = end_;
        return std::move(found_);
    }

  private:
    // What lies between complete_from and from_ is in other files.
    void lose_up_to(Offset offset) {
        if (offset <= end_) return;
        lose(end_, std::min(offset, options_.complete_from));
        lose(std::max(end_, from_), offset);
        end_ = offset;
    }
    void lose(Offset begin, Offset end) {
        if (begin >= end) return;
        auto& lost = found_.lost;
        if (!lost.empty() && lost.back().end == begin)
            lost.back().end = end;
        else
            lost.push_back({begin, end, true});
    }

    Result<void> read_segment(Offset first) {
        const auto path = segment_path(identity_.directory, first, ".log");
        const auto opened = open_segment_file(files_, path, {identity_.table, identity_.partition, first});
        // A packed file whose end is damaged: nobody can tell where its blocks lie.
        if (opened.has_error() && opened.error().code == ErrorCode::corrupt_data) return {};
        if (opened.has_error()) return opened.error();
        const auto& file = opened->file;
        DL_TRY_ASSIGN(const auto size, file->size());
        std::uint64_t position = 0;
        Offset offset = first;
        while (position < size) {
            SegmentScanner scanner(file, path, {identity_.table, identity_.partition, offset}, position,
                                   size);
            for (;;) {
                const auto more = scanner.next();
                if (more.has_error() && more.error().code != ErrorCode::corrupt_data) return more.error();
                if (more.has_error() || !*more) break;
                DL_TRY(take(scanner.batch()));
            }
            position = scanner.position();
            if (position >= size) return {};
            DL_TRY_ASSIGN(const auto next, next_batch(file, path, position, size));
            if (!next) return {};
            position = next->position;
            offset = next->offset;
        }
        return {};
    }

    Result<void> take(const StoredBatch& batch) {
        const auto& header = batch.header;
        if (header.base_offset < end_ && header.base_offset >= from_) return {};  // of an overlapping file
        lose_up_to(header.base_offset);
        end_ = std::max(end_, header.end_offset());
        found_.newest_epoch = std::max(found_.newest_epoch, header.epoch);
        if (sink_) return sink_(batch);
        return {};
    }

    // From `at` on, at least a header. In a packed file a damaged block shall not hide those before it.
    static Result<SharedBytes> read_some(const ReadableFile& file, std::uint64_t at, std::uint64_t size) {
        auto much = file.read(at, std::min(kSearchBytes, size - at));
        if (much.has_value() || much.error().code != ErrorCode::corrupt_data) return much;
        const auto block_end = (at / kPackedBlockBytes + 1) * kPackedBlockBytes;
        return file.read(at, std::min(std::max<std::uint64_t>(block_end - at, kHeaderBytes), size - at));
    }

    struct Place {
        std::uint64_t position = 0;
        Offset offset = 0;
    };
    // The first intact batch behind the bad one at `position`.
    Result<std::optional<Place>> next_batch(const std::shared_ptr<ReadableFile>& file,
                                            const std::string& path, std::uint64_t position,
                                            std::uint64_t size) {
        SharedBytes window;
        std::uint64_t window_at = 0;
        for (auto at = position; size - at >= kHeaderBytes;) {
            if (at < window_at || at + kHeaderBytes > window_at + window.size()) {
                auto read = read_some(*file, at, size);
                if (read.has_error() && read.error().code != ErrorCode::corrupt_data) return read.error();
                if (read.has_error()) {  // a damaged block
                    at = (at / kPackedBlockBytes + 1) * kPackedBlockBytes;
                    if (at > size) break;
                    continue;
                }
                window = std::move(*read);
                window_at = at;
                if (window.size() < kHeaderBytes) return std::optional<Place>();
            }
            const auto bytes = window.view().substr(at - window_at, kHeaderBytes);
            std::uint64_t step = 8;
            if (load_le<std::uint32_t>(bytes.data()) == RecordBatchHeader::kMagic) {
                const auto header = decode_record_batch_header(bytes);
                const bool own = header.has_value() && header->table == identity_.table &&
                                 header->partition == identity_.partition && header->base_offset >= end_ &&
                                 fits_in(size, header->base_offset);
                // As in SegmentScanner::damage_is_proven().
                if (own && header->base_offset > end_)
                    proven_end_ = std::max(proven_end_, std::min(header->synced_end, header->base_offset));
                if (own && header->total_bytes() <= size - at) {
                    SegmentScanner scanner(
                        file, path, {identity_.table, identity_.partition, header->base_offset}, at, size);
                    const auto intact = scanner.next();
                    if (intact.has_error() && intact.error().code != ErrorCode::corrupt_data)
                        return intact.error();
                    if (intact.has_value() && *intact && at != position)
                        return std::optional<Place>({at, header->base_offset});
                    // What lies in a body is a client's data.
                    step = header->total_bytes();
                }
            }
            at += step;
            if (at > size) break;
        }
        return std::optional<Place>();
    }

    // What lies within a damaged batch is a client's data and may look like a batch of any offset.
    bool fits_in(std::uint64_t file_bytes, Offset base_offset) const {
        return static_cast<std::uint64_t>(base_offset - end_) / kRecordsPerByteMax <= file_bytes;
    }

    // An index is written when the segment behind has its name.
    Result<std::optional<Offset>> end_in_index(Offset first) const {
        const auto bytes = files_.read_all(segment_path(identity_.directory, first, ".idx"));
        if (bytes.has_error()) {
            if (bytes.error().code == ErrorCode::not_found) return std::optional<Offset>();
            return bytes.error();
        }
        const auto index = SegmentIndex::decode(*bytes);
        const bool own = index.has_value() && index->table == identity_.table &&
                         index->partition == identity_.partition && index->first_offset == first;
        return own ? std::optional<Offset>(index->end_offset) : std::nullopt;
    }

    FileSystem& files_;
    const LogIdentity& identity_;
    const LogOptions& options_;
    const Offset from_;
    const std::function<Result<void>(const StoredBatch&)>& sink_;
    Salvage found_;
    Offset end_ = 0;         // of what was looked at
    Offset proven_end_ = 0;  // by headers behind damage: everything below had been synced
};

}  // namespace

std::string describe(const LostRange& lost) {
    if (!lost.end_is_known)
        return "an unknown number of records from offset " + std::to_string(lost.from) + " on";
    const auto count = lost.end - lost.from;
    if (count == 1) return "1 record, offset " + std::to_string(lost.from);
    return std::to_string(count) + " records, offsets " + std::to_string(lost.from) + " to " +
           std::to_string(lost.end - 1);
}

std::string describe(const std::vector<LostRange>& lost) {
    std::string text;
    for (std::size_t i = 0; i < lost.size(); ++i)
        text += (i == 0 ? "" : i + 1 == lost.size() ? " and " : ", ") + describe(lost[i]);
    return text;
}

Result<Salvage> salvage_log(FileSystem& files, const LogIdentity& identity, const LogOptions& options,
                            Offset from, const std::function<Result<void>(const StoredBatch&)>& sink) {
    return Salvager(files, identity, options, from, sink).run();
}

}  // namespace dl::slave
