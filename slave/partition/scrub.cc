#include "slave/partition/scrub.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "slave/partition/file_repair.h"
#include "slave/partition/partition_core.h"
#include "slave/snapshot/delete_vector.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kLogReadBytes = 1u << 20;
constexpr std::uint64_t kBatchIdEntryBytes = 56;

class Scrub {
  public:
    Scrub(PartitionCore& core, const ScrubOptions& options) : core_(core), options_(options) {}

    Result<ScrubReport> run() {
        {
            // Holding the state keeps its files.
            const auto state = core_.state();
            for (const auto& entry : state->files->entries()) {
                if (options_.unproven_only && entry.file->is_proven()) continue;
                DL_TRY(key_index(*entry.file));
                DL_TRY(column_file(*entry.file));
                if (!options_.unproven_only) DL_TRY(delete_vector(*entry.file));
            }
        }
        if (!options_.unproven_only) {
            DL_TRY(batch_ids());
            DL_TRY(log());
        }
        DL_TRY(repair());
        return std::move(report_);
    }

  private:
    Result<void> spend(std::uint64_t bytes) {
        report_.bytes += bytes;
        return options_.spend ? options_.spend(bytes) : Result<void>();
    }
    void found(const Error& error) { report_.findings.push_back(error.message); }

    Result<void> column_file(const SnapshotFile& file) {
        std::optional<Error> ended;  // not the file's
        const auto whole = check_parquet_file(*core_.context.files, file.parquet_path(), file.info(),
                                              [&](std::uint64_t bytes) -> Result<void> {
                                                  auto spent = spend(bytes);
                                                  if (spent.has_error()) ended = spent.error();
                                                  return spent;
                                              });
        if (ended) return *ended;
        ++report_.files;
        file.note_proof(whole);
        if (whole.has_error()) damaged_[file.info().stem()] = whole.error();
        return {};
    }

    Result<void> key_index(const SnapshotFile& file) {
        const auto& index = file.index();
        if (const auto whole = index.check(); whole.has_error()) found(whole.error());
        return spend(index.mapped_bytes());
    }

    Result<void> delete_vector(const SnapshotFile& file) {
        const auto stem = file.info().stem();
        const auto version = [&]() -> std::optional<std::uint64_t> {
            for (const auto& named : core_.publisher().manifest().files)
                if (named.stem() == stem) return named.vector_version;
            return std::nullopt;
        };
        const auto named = version();
        if (!named) return {};  // replaced meanwhile
        const auto path = file.vector_path(*named);
        const auto bytes = core_.context.files->read_all(path);
        std::optional<Error> wrong;
        if (bytes.has_error()) {
            wrong = bytes.error();
        } else {
            const auto& info = file.info();
            const auto vector = DeleteVector::decode(*bytes, info.first_offset, info.end_offset, info.rows);
            if (vector.has_error()) wrong = vector.error().in("delete vector " + path);
        }
        if (wrong && version() == named) {
            found(*wrong);
            core_.derived_doubted = true;  // upkeep writes all vectors anew
        }
        return spend(bytes.has_value() ? bytes->size() : 0);
    }

    // What is damaged in them cannot be made again, and goes with the window.
    Result<void> batch_ids() {
        const auto files = [this] {
            auto hold = core_.exclusion.for_commit();
            return hold->batch_ids.files();
        };
        for (const auto& file : files()) {
            BatchIdFile::Cursor groups(*file);
            std::optional<Error> wrong;
            std::uint64_t unspent = file->bytes(), read = 0;
            for (;;) {
                const auto group = groups.next();
                if (group.has_error()) wrong = group.error();
                if (wrong || !*group) break;
                read += (*group)->batches.size() * kBatchIdEntryBytes;
                if (read < kLogReadBytes || unspent < kLogReadBytes) continue;
                DL_TRY(spend(kLogReadBytes));
                unspent -= kLogReadBytes;
                read = 0;
            }
            if (wrong) {
                // A flush may have replaced it meanwhile.
                const auto now = files();
                if (std::find(now.begin(), now.end(), file) != now.end()) found(*wrong);
            }
            DL_TRY(spend(unspent));
        }
        return {};
    }

    Result<void> log() {
        Offset at = core_.log().first_offset();
        const Offset end = core_.progress().visible_end();
        while (at < end) {
            // One segment at a time: damage in one says nothing of what was read before it in another.
            const auto batches = core_.log().read(at, next_segment(at, end), kLogReadBytes);
            if (batches.has_error()) {
                if (at < core_.log().first_offset()) {  // a compaction has removed it
                    at = core_.log().first_offset();
                    continue;
                }
                found(batches.error());
                at = next_segment(at, end);
                continue;
            }
            if (batches->empty()) break;
            std::uint64_t bytes = 0;
            for (const auto& batch : *batches)
                bytes += batch.body.size();
            at = batches->back().header.end_offset();
            DL_TRY(spend(bytes));
        }
        return {};
    }
    Offset next_segment(Offset at, Offset end) const {
        for (const auto& segment : core_.log().segments())
            if (segment.first_offset > at) return segment.first_offset;
        return end;
    }

    Result<void> repair() {
        if (damaged_.empty()) return {};
        DL_TRY(spend(0));
        const std::lock_guard replacing(core_.files_mutex);
        for (const auto& [stem, error] : damaged_) {
            if (core_.state()->files->find(stem) == nullptr) continue;  // a compaction has replaced it
            const auto done = rewrite_damaged_files(core_, {{stem, error}});
            report_.findings.push_back(done.has_value()
                                           ? error.message + "; the file was written anew from the log"
                                           : done.error().message);
        }
        return {};
    }

    PartitionCore& core_;
    const ScrubOptions& options_;
    ScrubReport report_;
    DamagedFiles damaged_;
};

}  // namespace

Result<ScrubReport> scrub_partition(PartitionCore& core, const ScrubOptions& options) {
    return Scrub(core, options).run();
}

}  // namespace dl::slave
