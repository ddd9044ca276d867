#include "slave/partition/file_repair.h"

#include <spdlog/spdlog.h>

#include "common/base/check.h"
#include "common/duck/parquet_file.h"
#include "common/record/widened_batch.h"
#include "common/types/wider_type.h"
#include "slave/snapshot/flush_job.h"
#include "slave/snapshot/segment_file.h"

namespace dl::slave {
namespace {

constexpr std::uint64_t kLogReadBytes = 8u << 20;

// The batches of a range of offsets that the log holds, one after the other.
class LogBatches {
  public:
    LogBatches(const SharedLog& log, Offset first, Offset end) : log_(log), at_(first), end_(end) {}

    // nullopt behind the last one.
    Result<std::optional<StoredBatch>> next() {
        if (read_ == batches_.size()) {
            if (at_ >= end_) return std::optional<StoredBatch>{};
            DL_TRY_ASSIGN(batches_, log_.read(at_, end_, kLogReadBytes));
            read_ = 0;
        }
        if (batches_.empty() || batches_[read_].header.base_offset != at_)
            return make_error(ErrorCode::corrupt_data,
                              "the log does not go on at offset " + std::to_string(at_));
        at_ = batches_[read_].header.end_offset();
        return std::optional<StoredBatch>(std::move(batches_[read_++]));
    }

  private:
    const SharedLog& log_;
    Offset at_, end_;
    std::vector<StoredBatch> batches_;
    std::size_t read_ = 0;
};

bool log_has(const PartitionCore& core, const ManifestFile& info) {
    return !info.compacted && core.log().first_offset() <= info.first_offset;
}

// The tail segment that the file was flushed from.
Result<std::shared_ptr<const TailSegment>> segment_from_log(const PartitionCore& core,
                                                            const ManifestFile& info,
                                                            const TableMeta& table) {
    Tail tail(info.first_offset);
    tail.start_segment();
    LogBatches batches(core.log(), info.first_offset, info.end_offset);
    std::vector<TailSegment::FreshKey> fresh;
    for (;;) {
        DL_TRY_ASSIGN(const auto stored, batches.next());
        if (!stored) break;
        DL_TRY_ASSIGN(const auto batch, decode_record_batch_body(stored->header, stored->body));
        DL_TRY_ASSIGN(const auto hashes, hash_keys(batch, table.schema.key().id, table.index_hash_seed));
        DL_TRY(tail.append(batch, stored->header.append_time_us, hashes, &fresh));
        fresh.clear();
    }
    tail.close_segment();
    if (tail.end_offset() != info.end_offset || tail.segments().front()->rows() != info.rows)
        return make_error(ErrorCode::corrupt_data, "the log ends its batches elsewhere than the file");
    return std::shared_ptr<const TailSegment>(tail.segments().front());
}

Result<void> commit_rewritten(PartitionCore& core, const std::shared_ptr<const SnapshotFile>& old,
                              const std::shared_ptr<const SnapshotFile>& fresh) {
    // Rows lie in the same places, so that the same rows are dead.
    const auto with_fresh = [&](const FileSet& files) {
        auto entries = files.entries();
        for (auto& entry : entries)
            if (entry.file == old) entry.file = fresh;
        return entries;
    };
    const auto committing = core.begin_commit();
    const auto before = committing->manifest();
    DL_TRY(core.make_log_durable(before.flushed_end));
    DL_TRY(committing->commit({.operation = "repair",
                               .files = with_fresh(*core.state()->files),
                               .flushed_end = before.flushed_end,
                               .compacted_end = before.compacted_end,
                               .log_start = before.log_start}));
    {
        auto hold = core.exclusion.for_commit();
        auto next = std::make_shared<PartitionState>(*core.state());
        next->files = std::make_shared<const FileSet>(with_fresh(*next->files));
        core.publish(hold, std::move(next));
    }
    for (const auto& file : before.files)
        if (file.stem() == old->info().stem()) old->make_obsolete(file.vector_version);
    return {};
}

Result<void> rewrite_file(PartitionCore& core, const std::shared_ptr<const SnapshotFile>& file) {
    const auto& info = file->info();
    DL_TRY_ASSIGN(const auto kept, core.log().retain_from(info.first_offset));
    FlushInput input;
    input.files = core.context.files;
    input.snapshots_directory = core.snapshots();
    input.table = core.table();
    input.edition = core.publisher().next_edition();
    input.epoch = info.epoch;
    DL_TRY_ASSIGN(input.segment, segment_from_log(core, info, *input.table));
    auto written = run_flush_job(input);
    if (written.has_error()) {
        remove_unfinished_flush(input);
        return written.error();
    }
    return commit_rewritten(core, file, *written);
}

// What a record holds of one column: of the batch, or the default of those that lack it.
struct Cell {
    const ColumnView* view = nullptr;  // nullptr: NULL
    std::uint32_t row = 0;

    bool is_null() const { return view == nullptr || view->is_null(row); }
    std::string_view bytes() const {
        const auto width = physical_width(physical_type(view->type));
        return width == 0 ? view->bytes(row) : std::string_view(view->data + row * width, width);
    }
    bool operator==(const Cell& other) const {
        if (is_null() || other.is_null()) return is_null() == other.is_null();
        return view->type == other.view->type && bytes() == other.bytes();
    }
};

// Goes over the rows of a file in their order, and over the log beside them.
class Comparison {
  public:
    Comparison(const PartitionCore& core, const ManifestFile& info)
        : info_(info), table_(core.table()), batches_(core.log(), info.first_offset, info.end_offset) {}

    // Defaults are the table's, a manifest has none. A column that was dropped has no default any more.
    Result<void> prepare() {
        for (const auto& field : info_.fields) {
            const auto known = table_->schema.find(field.id);
            default_known_.push_back(known || field.id >= table_->next_field_id);
            fields_.push_back(known ? table_->schema.fields[*known] : field);
            fields_.back().type = wider_type_of(fields_.back().type, field.type);
            DL_TRY_ASSIGN(auto value, default_row(fields_.back()));
            defaults_.push_back(std::move(value));
        }
        return {};
    }
    // As they are compared: the table's, which may have become wider than the file's.
    const std::vector<Field>& fields() const { return fields_; }
    // Rows of `SELECT _offset, _delete, _time, f...`, as fields() has them.
    Result<std::optional<std::string>> piece(const ColumnBatch& rows) {
        for (std::uint32_t row = 0; row < rows.rows(); ++row, ++offset_) {
            if (at_ == batch_.rows()) DL_TRY(next_batch());
            const auto& columns = rows.columns();
            if (columns[0].fixed<Offset>(row) != offset_) return differs("_offset");
            if ((columns[1].fixed<std::uint8_t>(row) != 0) != batch_.is_delete(at_))
                return differs("_delete");
            if (columns[2].fixed<std::int64_t>(row) != header_.append_time_us) return differs("_time");
            for (std::size_t i = 0; i < info_.fields.size(); ++i)
                if ((views_[i] != nullptr || default_known_[i]) && !(Cell{&columns[3 + i], row} == in_log(i)))
                    return differs(info_.fields[i].name);
            ++at_;
        }
        return std::optional<std::string>{};
    }
    std::uint64_t rows() const { return static_cast<std::uint64_t>(offset_ - info_.first_offset); }

  private:
    Result<void> next_batch() {
        DL_TRY_ASSIGN(const auto stored, batches_.next());
        if (!stored) return make_error(ErrorCode::corrupt_data, "the file has more rows than the log");
        header_ = stored->header;
        DL_TRY_ASSIGN(const auto batch, decode_record_batch_body(stored->header, stored->body));
        DL_TRY_ASSIGN(batch_, widened_batch(batch, fields_));
        at_ = 0;
        views_.clear();
        for (const auto& field : info_.fields)
            views_.push_back(batch_.find(field.id));
        return {};
    }
    Cell in_log(std::size_t field) const {
        if (views_[field] != nullptr) return {views_[field], at_};
        if (defaults_[field].rows() == 0) return {};
        return {&defaults_[field].columns().front(), 0};
    }
    std::optional<std::string> differs(const std::string& column) const {
        return "column " + column + " at offset " + std::to_string(offset_) + " is not what the log holds";
    }

    const ManifestFile& info_;
    const std::shared_ptr<const TableMeta> table_;
    LogBatches batches_;
    std::vector<Field> fields_;
    std::vector<ColumnBatch> defaults_;
    std::vector<bool> default_known_;
    Offset offset_ = info_.first_offset;
    RecordBatchHeader header_;
    ColumnBatch batch_;
    std::uint32_t at_ = 0;
    std::vector<const ColumnView*> views_;
};

}  // namespace

Result<DamagedFiles> find_damaged_files(const PartitionCore& core, const PartitionState& state,
                                        const std::function<Result<void>()>& wanted) {
    DamagedFiles damaged;
    for (const auto& entry : state.files->entries()) {
        DL_TRY(wanted());
        const auto& file = *entry.file;
        const auto whole = check_parquet_file(*core.context.files, file.parquet_path(), file.info());
        if (whole.has_error()) damaged[file.info().stem()] = whole.error();
    }
    return damaged;
}

DamagedFiles replaceable_damage(const PartitionCore& core, const PartitionState& state) {
    DamagedFiles damaged;
    for (const auto& entry : state.files->entries()) {
        if (entry.file->is_proven()) continue;
        auto found = entry.file->damage();
        if (found && log_has(core, entry.file->info())) damaged.emplace(entry.file->info().stem(), *found);
    }
    return damaged;
}

Result<void> rewrite_damaged_files(PartitionCore& core, const DamagedFiles& damaged) {
    std::optional<Error> left;
    const auto state = core.state();
    for (const auto& [stem, error] : damaged) {
        const auto* entry = state->files->find(stem);
        if (entry == nullptr) continue;  // a compaction has replaced it
        const auto& info = entry->file->info();
        std::string why = "the log no longer holds its records";
        if (log_has(core, info)) {
            const auto done = rewrite_file(core, entry->file);
            if (done.has_value()) {
                spdlog::error("snapshot: {}; the file was written anew from the log", error.message);
                continue;
            }
            why = "writing it anew from the log failed: " + done.error().to_text();
        }
        spdlog::error("snapshot: {}; {}", error.message, why);
        if (!left)
            left = make_error(error.code, error.message + "; " + why +
                                              "; nothing was changed: check the disk and restore the "
                                              "partition's directory from a copy");
    }
    if (left) return *left;
    return {};
}

Result<std::optional<std::string>> compare_with_log(const PartitionCore& core, const SnapshotFile& file,
                                                    const std::function<Result<void>()>& wanted) {
    DL_TRY_ASSIGN(const auto kept, core.log().retain_from(file.info().first_offset));
    Comparison comparison(core, file.info());
    DL_TRY(comparison.prepare());
    DL_TRY_ASSIGN(const auto group_bytes, file.widest_group_bytes());
    DL_TRY_ASSIGN(const auto database,
                  file_database_for(core.context.file_database, group_bytes, WideFileUse::check, wanted));
    DL_TRY_ASSIGN(const auto session, database->session());
    std::string columns = "_offset, _delete, _time";
    for (const auto& field : comparison.fields())
        columns += ", CAST(" + parquet_field_name(field.id) + " AS " + duck_type_name(field.type) + ")";
    auto rows = session->query("SELECT " + columns + " FROM " + sql_parquet_file(file.parquet_path()));
    if (rows.has_error()) return rows.error().in("reading " + file.parquet_path());
    for (;;) {
        DL_TRY(wanted());
        const auto piece = (*rows)->next();
        if (piece.has_error()) return piece.error().in("reading " + file.parquet_path());
        if (!*piece) break;
        DL_TRY_ASSIGN(auto differs, comparison.piece(**piece));
        if (differs) return differs;
    }
    if (comparison.rows() != file.info().rows)
        return std::optional<std::string>("it has " + std::to_string(comparison.rows()) + " rows");
    return std::optional<std::string>{};
}

}  // namespace dl::slave
