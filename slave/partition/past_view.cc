#include "slave/partition/past_view.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "common/base/check.h"
#include "common/duck/parquet_file.h"
#include "slave/partition/tail_scan.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kRowsAtOnce = 1u << 16;

using KeySet = std::unordered_set<Hash128, Hash128Hasher>;

// Which rows of a file are live at the cut: its own bits, taken alone or beside those of now.
class PastRows : public RowFilter {
  public:
    PastRows(RowBits live, std::shared_ptr<const DeleteVector> now)
        : live_(std::move(live)), now_(std::move(now)) {}
    void filter(const std::int64_t* row_numbers, std::size_t count, bool* keep) const override {
        for (std::size_t i = 0; i < count; ++i) {
            const auto row = static_cast<std::uint64_t>(row_numbers[i]);
            keep[i] = row < live_.rows() && (live_.test(row) || (now_ != nullptr && !now_->is_dead(row)));
        }
    }

  private:
    RowBits live_;
    std::shared_ptr<const DeleteVector> now_;
};

class PastView : public ReadView {
  public:
    PastView(std::shared_ptr<const PartitionState> state, Offset cut, std::vector<ViewFile> files,
             std::shared_ptr<UpkeepList::Member> upkeep)
        : state_(std::move(state)), cut_(cut), files_(std::move(files)), upkeep_(std::move(upkeep)) {}
    Offset end_offset() const override { return cut_; }
    const std::vector<ViewFile>& files() const override { return files_; }
    Result<void> prove_files() const override {
        for (const auto& entry : state_->files->entries()) {
            if (entry.file->info().first_offset >= cut_) continue;
            if (auto proven = entry.file->prove(); proven.has_error()) {
                if (upkeep_ != nullptr) upkeep_->wake();
                return proven;
            }
        }
        return {};
    }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const override {
        return std::make_shared<TailScan>(state_->tail, cut_, std::move(columns));
    }
    std::uint64_t tail_rows() const override {
        const auto& chunks = state_->tail->chunks;
        return chunks.empty() || chunks.front()->base_offset >= cut_ ? 0 : state_->tail->rows;
    }
    Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128>, std::span<const Field>) const override {
        return make_error(ErrorCode::not_supported, "the key index tells the newest records only");
    }

  private:
    std::shared_ptr<const PartitionState> state_;
    Offset cut_;
    std::vector<ViewFile> files_;
    std::shared_ptr<UpkeepList::Member> upkeep_;
};

// What becomes of the files of a state when it is looked at from an earlier cut.
class PastFiles {
  public:
    PastFiles(const PartitionCore& core, const PartitionState& state, Offset cut)
        : core_(core), state_(state), cut_(cut) {}

    Result<std::vector<ViewFile>> make() {
        DL_TRY(collect_touched());
        std::vector<ViewFile> files;
        const auto& entries = state_.files->entries();
        for (std::size_t f = entries.size(); f-- > 0;) {
            const auto& info = entries[f].file->info();
            if (info.first_offset >= cut_) continue;
            if (info.end_offset > cut_) {
                DL_TRY_ASSIGN(auto file, split_file(entries[f]));
                files.push_back(std::move(file));
            } else {
                DL_TRY_ASSIGN(auto file, whole_file(entries[f]));
                files.push_back(std::move(file));
            }
        }
        std::reverse(files.begin(), files.end());
        return files;
    }

  private:
    // Keys with a record at or above the cut, but for those whose newest record below it lies in the tail.
    Result<void> collect_touched() {
        std::vector<Hash128> keys;
        for (const auto& segment : state_.tail->segments)
            segment->collect_keys(cut_, &keys);
        for (const auto& entry : state_.files->entries()) {
            const auto& info = entry.file->info();
            if (info.end_offset <= cut_) continue;
            KeyIndex::Cursor entries(entry.file->index());
            for (KeyIndex::Entry newest;;) {
                DL_TRY_ASSIGN(const bool more, entries.next(&newest));
                if (!more) break;
                if (info.first_row_offset + newest.row >= cut_) keys.push_back(newest.hash);
            }
        }
        for (const auto& key : keys) {
            if (touched_.contains(key)) continue;
            const bool in_tail =
                std::any_of(state_.tail->segments.begin(), state_.tail->segments.end(),
                            [&](const auto& segment) { return segment->find_below(key, cut_).has_value(); });
            if (!in_tail) touched_.insert(key);
        }
        return {};
    }

    static ViewFile describe(const FileEntry& entry) {
        ViewFile file;
        file.path = entry.file->parquet_path();
        for (const auto& field : entry.file->info().fields)
            file.fields.push_back({field.id, field.type});
        file.rows = entry.file->info().rows;
        return file;
    }

    // All its records are below the cut. Newer files have been here before and took their keys away.
    Result<ViewFile> whole_file(const FileEntry& entry) {
        auto file = describe(entry);
        RowBits revived(file.rows);
        std::uint64_t count = 0;
        for (auto at = touched_.begin(); at != touched_.end();) {
            DL_TRY_ASSIGN(const auto newest, entry.file->index().find(*at));
            if (!newest) {
                ++at;
                continue;
            }
            at = touched_.erase(at);
            if (!newest->is_delete && entry.dead->is_dead(newest->row) && revived.set(newest->row)) ++count;
        }
        file.dead_rows = entry.dead->dead() - count;
        if (file.dead_rows > 0) file.filter = std::make_shared<PastRows>(std::move(revived), entry.dead);
        return file;
    }

    // The cut lies within it: the newest row below the cut of every key is found by reading the keys. Nothing
    // below the cut is newer than this file.
    Result<ViewFile> split_file(const FileEntry& entry) {
        const auto& info = entry.file->info();
        DL_TRY(entry.file->prove());
        DL_CHECK(!info.compacted, "INV-5 every record from the last compaction on is stored");
        const auto table = core_.table();
        const auto key = table->schema.key().id;
        std::vector<Field> key_field;
        for (const auto& field : info.fields)
            if (field.id == key) key_field.push_back(field);
        struct Newest {
            std::uint32_t row = 0;
            bool is_delete = false;
        };
        std::unordered_map<Hash128, Newest, Hash128Hasher> newest;
        const auto end_row = static_cast<std::uint64_t>(cut_ - info.first_row_offset);
        for (std::uint64_t done = 0; done < end_row;) {
            const auto count =
                static_cast<std::uint32_t>(std::min<std::uint64_t>(kRowsAtOnce, end_row - done));
            DL_TRY_ASSIGN(
                const auto read,
                read_parquet_rows(*core_.context.file_database, entry.file->parquet_path(),
                                  info.first_row_offset + static_cast<Offset>(done), count, key_field));
            if (read.batch.rows() == 0)
                return make_error(ErrorCode::corrupt_data, entry.file->parquet_path() + " ends early");
            DL_TRY_ASSIGN(const auto hashes, hash_keys(read.batch, key, table->index_hash_seed));
            for (std::uint32_t r = 0; r < read.batch.rows(); ++r)
                newest[hashes[r]] = {static_cast<std::uint32_t>(done + r), read.batch.is_delete(r)};
            done += read.batch.rows();
        }
        RowBits live(info.rows);
        std::uint64_t count = 0;
        for (const auto& [hash, row] : newest) {
            touched_.erase(hash);
            if (!row.is_delete && live.set(row.row)) ++count;
        }
        auto file = describe(entry);
        file.dead_rows = file.rows - count;
        if (file.dead_rows > 0) file.filter = std::make_shared<PastRows>(std::move(live), nullptr);
        return file;
    }

    const PartitionCore& core_;
    const PartitionState& state_;
    const Offset cut_;
    KeySet touched_;
};

}  // namespace

Offset oldest_cut(const PartitionState& state) {
    const auto& chunks = state.tail->chunks;
    Offset oldest = chunks.empty() ? state.end_offset : chunks.front()->base_offset;
    const auto& files = state.files->entries();
    for (std::size_t f = files.size(); f-- > 0 && !files[f].file->info().compacted;)
        oldest = files[f].file->info().first_offset;
    return oldest;
}

Result<std::shared_ptr<const ReadView>> make_past_view(const PartitionCore& core,
                                                       std::shared_ptr<const PartitionState> state,
                                                       Offset cut) {
    if (cut > state->end_offset)
        return make_error(ErrorCode::invalid_request, core.label() + " ends at offset " +
                                                          std::to_string(state->end_offset) +
                                                          ", as_of names " + std::to_string(cut));
    if (cut < oldest_cut(*state)) {
        auto earlier = core.earlier.at(cut);
        if (earlier == nullptr)
            return make_error(ErrorCode::not_found,
                              core.label() + " can be read as of offset " +
                                  std::to_string(core.earlier.oldest(oldest_cut(*state))) +
                                  " and later, not " + std::to_string(cut) + ": older records are compacted");
        state = std::move(earlier);
    }
    DL_CHECK(cut >= oldest_cut(*state) && cut <= state->end_offset, "INV-7 the state can answer the cut");
    DL_TRY_ASSIGN(auto files, PastFiles(core, *state, cut).make());
    return std::shared_ptr<const ReadView>(
        std::make_shared<const PastView>(std::move(state), cut, std::move(files), core.upkeep()));
}

}  // namespace dl::slave
