#include "slave/partition/check_scan.h"

#include <algorithm>

#include "slave/partition/file_repair.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kLogReadBytes = 8u << 20;
constexpr std::uint64_t kDeleteBit = std::uint64_t{1} << 62;

// A record as a number that tells whether it is a delete as well.
Offset marked(Offset offset, bool is_delete) {
    return is_delete ? static_cast<Offset>(static_cast<std::uint64_t>(offset) | kDeleteBit) : offset;
}

class Scan {
  public:
    explicit Scan(const CheckPass& pass)
        : pass_(pass), core_(*pass.core), truth_(pass.part, pass.parts, pass.records_held_max) {}

    Result<CheckFindings> run() {
        log_from_ = std::max(core_.log().first_offset(), Offset{0});
        for (const auto& entry : pass_.state->files->entries())
            DL_TRY(scan_file(entry));
        DL_TRY(scan_log());
        if (found_.moved) return std::move(found_);
        DL_TRY(scan_tail());
        if (first_pass()) compare_log_with_files();
        found_.truth = truth_.live();
        return std::move(found_);
    }

  private:
    bool first_pass() const { return pass_.part == 0; }
    void problem(std::string text) { found_.problems.push_back(std::move(text)); }
    // An error of the data becomes a finding; others end the check.
    Result<void> note(const Error& error) {
        if (error.code == ErrorCode::timeout || error.code == ErrorCode::cancelled) return error;
        problem(error.message);
        found_.complete = false;
        return {};
    }

    Result<void> scan_file(const FileEntry& entry) {
        const auto& info = entry.file->info();
        const auto& index = entry.file->index();
        RowBits indexed(first_pass() ? info.rows : 0);
        RowBits deletes(first_pass() ? info.rows : 0);
        bool index_right = true;
        if (first_pass()) {
            auto right = read_index(index, &indexed, &deletes);
            index_right = right.has_value() && *right;
        }
        std::vector<std::uint32_t> rows;
        std::uint64_t own = 0;
        RowSum all;
        const auto read = scan_parquet_keys(
            *core_.context.file_database, entry.file->parquet_path(), info, *pass_.table,
            [&](const KeyPiece& piece) -> Result<void> {
                DL_TRY(check_still_wanted(*pass_.options, core_));
                for (std::size_t i = 0; i < piece.hashes.size(); ++i) {
                    const auto row = piece.first_row + i;
                    if (piece.offsets[i] < log_from_) {  // else the log has it
                        truth_.add(piece.hashes[i], piece.offsets[i], piece.deletes[i]);
                        ++found_.records;
                    }
                    if (!entry.dead->is_dead(row)) see(piece.hashes[i], piece.offsets[i]);
                    if (first_pass()) all.add(piece.hashes[i], marked(piece.offsets[i], piece.deletes[i]));
                }
                if (!first_pass() || !index_right) return {};
                rows.resize(piece.hashes.size());
                if (index.find(piece.hashes, rows.data()).has_error()) {
                    index_right = false;
                    return {};
                }
                for (std::size_t i = 0; i < rows.size(); ++i) {
                    const auto row = piece.first_row + i;
                    const bool is_own = rows[i] == row;
                    own += is_own ? 1 : 0;
                    index_right = index_right && rows[i] != KeyIndex::kNone && rows[i] >= row &&
                                  (!is_own || (indexed.test(row) && deletes.test(row) == piece.deletes[i]));
                }
                return {};
            });
        if (read.has_error()) return note(read.error());
        if (!first_pass()) return {};
        if (!index_right || own != index.entries()) {
            problem("key index " + core_.snapshots() + "/" + info.index_name() +
                    " does not name the newest record of each key of its file");
            found_.wrong_indexes.insert(info.stem());
        }
        if (info.compacted || info.first_offset < log_from_) return {};
        in_files_[info.first_offset] = all;
        return compare_values(*entry.file);
    }

    Result<void> compare_values(const SnapshotFile& file) {
        const auto differs =
            compare_with_log(core_, file, [&] { return check_still_wanted(*pass_.options, core_); });
        if (differs.has_error() && differs.error().code == ErrorCode::not_found &&
            file.info().first_offset < core_.log().first_offset())
            return {};  // a compaction has removed that log; the pass finds out by itself
        if (differs.has_error()) return note(differs.error());
        if (*differs) problem("snapshot file " + file.parquet_path() + ": " + **differs);
        return {};
    }

    static Result<bool> read_index(const KeyIndex& index, RowBits* indexed, RowBits* deletes) {
        KeyIndex::Cursor entries(index);
        for (KeyIndex::Entry entry;;) {
            DL_TRY_ASSIGN(const bool more, entries.next(&entry));
            if (!more) return true;
            if (entry.row >= indexed->rows() || !indexed->set(entry.row)) return false;
            if (entry.is_delete) deletes->set(entry.row);
        }
    }

    Result<void> scan_log() {
        const Offset end = pass_.state->end_offset;
        Offset at = log_from_;
        while (at < end) {
            DL_TRY(check_still_wanted(*pass_.options, core_));
            const auto batches = core_.log().read(at, end, kLogReadBytes);
            if (batches.has_error()) {
                if (batches.error().code == ErrorCode::not_found && at < core_.log().first_offset()) {
                    found_.moved = true;
                    return {};
                }
                return note(batches.error());
            }
            if (batches->empty()) {
                problem("the log in " + core_.log_directory() + " has no record at offset " +
                        std::to_string(at));
                found_.complete = false;
                return {};
            }
            for (const auto& stored : *batches) {
                DL_TRY(scan_batch(stored, at, end));
                at = stored.header.end_offset();
            }
        }
        return {};
    }

    Result<void> scan_batch(const StoredBatch& stored, Offset expected, Offset end) {
        const auto& header = stored.header;
        if (header.base_offset != expected) {
            problem("the log in " + core_.log_directory() + " goes on at offset " +
                    std::to_string(header.base_offset) + ", not at " + std::to_string(expected));
            found_.complete = false;
        }
        auto batch = decode_record_batch_body(header, stored.body);
        if (batch.has_error())
            return note(batch.error().in("log in " + core_.log_directory() + ", offset " +
                                         std::to_string(header.base_offset)));
        const auto hashes = hash_keys(*batch, pass_.table->schema.key().id, pass_.table->index_hash_seed);
        if (hashes.has_error()) return note(hashes.error());
        for (std::uint32_t row = 0; row < batch->rows(); ++row) {
            const Offset offset = header.base_offset + row;
            if (offset >= end) break;
            ++found_.records;
            truth_.add((*hashes)[row], offset, batch->is_delete(row));
            if (!first_pass() || offset >= pass_.flushed_end) continue;
            const auto file = in_files_.upper_bound(offset);
            if (file != in_files_.begin())
                in_log_[std::prev(file)->first].add((*hashes)[row], marked(offset, batch->is_delete(row)));
        }
        return {};
    }

    Result<void> scan_tail() {
        for (const auto& chunk : pass_.state->tail->chunks) {
            const auto hashes =
                hash_keys(chunk->batch, pass_.table->schema.key().id, pass_.table->index_hash_seed);
            if (hashes.has_error()) return note(hashes.error());
            for (std::uint32_t row = 0; row < chunk->batch.rows(); ++row) {
                const Offset offset = chunk->base_offset + static_cast<Offset>(row);
                if (chunk->is_live(row, pass_.state->end_offset)) see((*hashes)[row], offset);
                if (offset >= log_from_) continue;
                // Flushed and compacted since the cut: of this cut's records the tail is all there is.
                truth_.add((*hashes)[row], offset, chunk->batch.is_delete(row));
                ++found_.records;
            }
        }
        return {};
    }

    void see(const Hash128& key, Offset offset) {
        if (truth_.concerns(key)) found_.seen.add(key, offset);
    }

    // Flushed files hold every record of their range, and so does the log.
    void compare_log_with_files() {
        if (!found_.complete) return;
        for (const auto& [first, sum] : in_files_)
            if (sum != in_log_[first])
                problem("the snapshot file that begins at offset " + std::to_string(first) + " in " +
                        core_.snapshots() + " holds other records than the log");
    }

    const CheckPass& pass_;
    PartitionCore& core_;
    RecordCensus truth_;
    CheckFindings found_;
    Offset log_from_ = 0;
    std::map<Offset, RowSum> in_files_;  // of flushed files that the log still has, by first offset
    std::map<Offset, RowSum> in_log_;
};

}  // namespace

Result<void> check_still_wanted(const CheckOptions& options, const PartitionCore& core) {
    if (options.stop && options.stop())
        return make_error(ErrorCode::cancelled, "the check of " + core.label() + " was cancelled");
    if (std::chrono::steady_clock::now() >= options.deadline)
        return make_error(ErrorCode::timeout,
                          "the check of " + core.label() + " did not end in time; give a longer timeout_ms");
    return {};
}

Result<CheckFindings> run_check_pass(const CheckPass& pass) {
    return Scan(pass).run();
}

}  // namespace dl::slave
