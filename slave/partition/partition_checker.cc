#include "slave/partition/partition_checker.h"

#include <algorithm>

#include "slave/partition/check_scan.h"
#include "slave/partition/derived_repair.h"
#include "slave/partition/file_repair.h"
#include "slave/snapshot/derived_files.h"

namespace dl::slave {
namespace {

constexpr int kPassTriesMax = 20;  // a compaction moves the log's start now and then

struct Checked {
    CheckReport report;
    std::set<std::string> wrong_indexes;
    bool wrong_vectors = false;
    DamagedFiles damaged_files;
};

class Checker {
  public:
    Checker(PartitionCore& core, const CheckOptions& options, std::uint64_t keys_at_once)
        : core_(core),
          options_(options),
          keys_at_once_(keys_at_once != 0 ? keys_at_once : RecordCensus::kKeysAtOnce),
          table_(core.table()) {}

    Result<Checked> run() {
        {
            // Manifest and state of the same instant.
            const auto committing = core_.begin_commit();
            manifest_ = core_.publisher().manifest();
            state_ = core_.state();
        }
        DL_TRY(check_manifest());
        for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
            DL_TRY(check_still_wanted(options_, core_));
            DL_TRY(check_parquet(*state_->files->entries()[i].file));
            DL_TRY(check_index_file(*state_->files->entries()[i].file));
        }
        DL_TRY(check_records());
        DL_TRY(check_vectors());
        measure();
        checked_.report.end_offset = state_->end_offset;
        return std::move(checked_);
    }

  private:
    void problem(const std::string& text) { checked_.report.problems.push_back(text); }

    Result<void> check_manifest() {
        const auto on_disk = ManifestStore(*core_.context.files, core_.directory).load();
        if (on_disk.has_error())
            problem(on_disk.error().message);
        else if (on_disk->edition < manifest_.edition)
            problem("manifest " + core_.directory + "/manifest has edition " +
                    std::to_string(on_disk->edition) + ", it should have " +
                    std::to_string(manifest_.edition));
        if (const auto checked = dl::slave::check_manifest(manifest_); checked.has_error())
            problem("the manifest of " + core_.label() + ": " + checked.error().message);
        return {};
    }

    Result<void> check_parquet(const SnapshotFile& file) {
        const auto whole = check_parquet_file(*core_.context.files, file.parquet_path(), file.info());
        if (whole.has_value()) return {};
        problem(whole.error().message);
        checked_.damaged_files[file.info().stem()] = whole.error();
        return {};
    }

    // As it lies on the disk; what it says is compared with the records later.
    Result<void> check_index_file(const SnapshotFile& file) {
        const auto& info = file.info();
        const KeyIndexInfo expected{info.first_offset, info.end_offset, info.rows, table_->index_hash_seed};
        const auto index =
            KeyIndex::open(*core_.context.files, core_.snapshots() + "/" + info.index_name(), expected);
        if (index.has_value()) return {};
        problem(index.error().message);
        checked_.wrong_indexes.insert(info.stem());
        return {};
    }

    Result<void> check_records() {
        const auto& entries = state_->files->entries();
        std::uint64_t records = static_cast<std::uint64_t>(state_->end_offset);
        if (!entries.empty())
            records -= static_cast<std::uint64_t>(entries.front().file->info().first_offset);
        for (const auto& lost : manifest_.lost)
            if (!lost.end_is_known)
                records -= std::min(records, static_cast<std::uint64_t>(lost.end - lost.from));
        const auto parts = RecordCensus::parts_for(records, keys_at_once_);
        RowSum truth, seen;
        bool complete = true;
        for (std::uint64_t part = 0; part < parts; ++part) {
            DL_TRY_ASSIGN(auto found, run_pass(part, parts));
            truth.add(found.truth);
            seen.add(found.seen);
            complete = complete && found.complete;
            if (part == 0) {
                checked_.report.records = found.records;
                checked_.wrong_indexes.insert(found.wrong_indexes.begin(), found.wrong_indexes.end());
            }
            for (const auto& text : found.problems)
                if (std::count(checked_.report.problems.begin(), checked_.report.problems.end(), text) == 0)
                    problem(text);
        }
        const auto& counted = complete ? truth : seen;
        checked_.report.live_rows = counted.rows;
        checked_.report.hash = counted.hash;
        if (complete && truth != seen) {
            problem("queries of " + core_.label() + " see " + std::to_string(seen.rows) +
                    " rows; by the newest record of each key there are " + std::to_string(truth.rows) +
                    (truth.rows == seen.rows ? " others" : ""));
            checked_.wrong_vectors = true;
        }
        return {};
    }

    Result<CheckFindings> run_pass(std::uint64_t part, std::uint64_t parts) {
        CheckPass pass{&core_,   state_, table_, manifest_.flushed_end, part, parts, 2 * keys_at_once_,
                       &options_};
        for (int tries = 0; tries < kPassTriesMax; ++tries) {
            DL_TRY_ASSIGN(auto found, run_check_pass(pass));
            if (!found.moved) return found;
        }
        return make_error(ErrorCode::overloaded,
                          "compactions of " + core_.label() + " outrun its check; repeat it");
    }

    // Vectors follow from right indexes only; wrong ones are derived anew after the indexes.
    Result<void> check_vectors() {
        if (!checked_.wrong_indexes.empty()) {
            checked_.wrong_vectors = true;
            return {};
        }
        DL_TRY_ASSIGN(const auto derived, with_derived_vectors(*state_, *table_));
        for (std::size_t i = 0; i < derived->entries().size(); ++i) {
            const auto& file = *state_->files->entries()[i].file;
            const auto& wanted = *derived->entries()[i].dead;
            compare("in memory, of file " + file.info().stem(), file, *state_->files->entries()[i].dead,
                    wanted);
            DL_TRY(check_vector_file(manifest_.files[i], file, wanted));
        }
        return {};
    }

    void compare(const std::string& name, const SnapshotFile& file, const DeleteVector& vector,
                 const DeleteVector& wanted) {
        const auto missing = wanted.rows_since(vector);
        const auto extra = vector.rows_since(wanted);
        if (missing.empty() && extra.empty()) return;
        const auto row = missing.empty() ? extra.front() : missing.front();
        problem("the delete vector " + name + " (" + file.parquet_path() + ") has " +
                std::to_string(extra.size()) + " live rows as dead and lacks " +
                std::to_string(missing.size()) + " dead ones, the first is row " + std::to_string(row));
        checked_.wrong_vectors = true;
    }

    // On the disk there is what was dead at some instant between the last flush and the cut.
    Result<void> check_vector_file(const ManifestFile& info, const SnapshotFile& file,
                                   const DeleteVector& at_cut) {
        const auto path = file.vector_path(info.vector_version);
        const auto bytes = core_.context.files->read_all(path);
        if (bytes.has_error()) {
            for (const auto& now : core_.publisher().manifest().files)
                if (now.stem() == info.stem() && now.vector_version == info.vector_version) {
                    problem("delete vector " + path + ": " + bytes.error().message);
                    checked_.wrong_vectors = true;
                }
            return {};  // else it was replaced meanwhile
        }
        const auto vector = DeleteVector::decode(*bytes, info.first_offset, info.end_offset, info.rows);
        if (vector.has_error()) {
            problem("delete vector " + path + ": " + vector.error().message);
            checked_.wrong_vectors = true;
            return {};
        }
        if (file_vectors_.empty()) {
            std::vector<std::shared_ptr<const SnapshotFile>> files;
            for (const auto& entry : state_->files->entries())
                files.push_back(entry.file);
            DL_TRY_ASSIGN(file_vectors_, derive_vectors(files));
        }
        const auto at = static_cast<std::size_t>(&info - manifest_.files.data());
        const auto missing = file_vectors_[at]->rows_since(**vector).size();
        const auto extra = (*vector)->rows_since(at_cut).size();
        if (missing + extra == 0) return {};
        problem("delete vector " + path + " has " + std::to_string(extra) + " live rows as dead and lacks " +
                std::to_string(missing) + " dead ones");
        checked_.wrong_vectors = true;
        return {};
    }

    void measure() {
        for (const auto& segment : core_.log().segments())
            checked_.report.bytes += segment.bytes;
        for (const auto& info : manifest_.files) {
            checked_.report.bytes += info.parquet_bytes;
            for (const auto& name : {info.index_name(), info.vector_name(info.vector_version)})
                if (const auto size = core_.context.files->file_size(core_.snapshots() + "/" + name);
                    size.has_value())
                    checked_.report.bytes += *size;
        }
    }

    PartitionCore& core_;
    const CheckOptions& options_;
    const std::uint64_t keys_at_once_;
    const std::shared_ptr<const TableMeta> table_;
    Manifest manifest_;
    std::shared_ptr<const PartitionState> state_;
    std::vector<std::shared_ptr<const DeleteVector>> file_vectors_;  // by the records in files alone
    Checked checked_;
};

void limit_problems(std::vector<std::string>* problems) {
    if (problems->size() <= kCheckProblemsMax) return;
    const auto more = problems->size() - kCheckProblemsMax;
    problems->resize(kCheckProblemsMax);
    problems->push_back("and " + std::to_string(more) + " more");
}

// Files first: indexes are made of them.
Result<void> repair(PartitionCore& core, const Checked& checked, const CheckOptions& options) {
    if (!checked.damaged_files.empty()) {
        const std::unique_lock replacing(core.files_mutex, options.deadline);
        if (!replacing) return check_still_wanted(options, core);
        DL_TRY(rewrite_damaged_files(core, checked.damaged_files));
    }
    if (!checked.wrong_vectors) return {};
    return repair_derived(core, checked.wrong_indexes, [&] { return check_still_wanted(options, core); });
}

}  // namespace

Result<CheckReport> check_partition(PartitionCore& core, const CheckOptions& options,
                                    std::uint64_t keys_at_once) {
    DL_TRY_ASSIGN(auto checked, Checker(core, options, keys_at_once).run());
    if (options.repair && (checked.wrong_vectors || !checked.damaged_files.empty())) {
        const auto repaired = repair(core, checked, options);
        DL_TRY_ASSIGN(auto again, Checker(core, options, keys_at_once).run());
        std::vector<std::string> problems;
        for (const auto& text : checked.report.problems)
            if (std::count(again.report.problems.begin(), again.report.problems.end(), text) == 0)
                problems.push_back("repaired: " + text);
        problems.insert(problems.end(), again.report.problems.begin(), again.report.problems.end());
        if (repaired.has_error()) problems.push_back("repairing failed: " + repaired.error().to_text());
        checked = std::move(again);
        checked.report.problems = std::move(problems);
    }
    limit_problems(&checked.report.problems);
    return std::move(checked.report);
}

}  // namespace dl::slave
