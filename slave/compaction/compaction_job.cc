#include "slave/compaction/compaction_job.h"

#include <algorithm>
#include <optional>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/planted_fault.h"
#include "common/duck/parquet_file.h"
#include "slave/compaction/merged_columns.h"
#include "slave/parquet/parquet_writer.h"

namespace dl::slave {
namespace {

// Lets the kept rows of the inputs through, counts what went by, and waits when that was more than the budget
// allows. One scan reads the inputs one after the other, on one thread: a record's row is found by counting.
// Their offsets tell that this is so.
class KeptFilter : public RowFilter {
  public:
    using Spend = std::function<void(std::uint64_t bytes)>;
    struct Part {
        const ManifestFile* file = nullptr;
        const KeptRows* kept = nullptr;
        double bytes_per_row = 0;
    };
    KeptFilter(std::vector<Part> parts, Spend spend, std::atomic<std::uint64_t>& rows_done)
        : parts_(std::move(parts)), spend_(std::move(spend)), rows_done_(rows_done) {}
    void filter(const std::int64_t* offsets, std::size_t count, bool* keep) const override {
        double bytes = 0;  // read and written
        for (std::size_t i = 0; i < count; ++i) {
            while (part_ < parts_.size() && row_ == parts_[part_].file->rows) {
                ++part_;
                row_ = 0;
            }
            const bool expected = part_ < parts_.size() && offsets[i] > last_ &&
                                  offsets[i] >= parts_[part_].file->first_offset &&
                                  offsets[i] < parts_[part_].file->end_offset;
            in_order_ = in_order_ && expected;
            keep[i] = expected && parts_[part_].kept->test(row_);
            if (!expected) continue;
            bytes += keep[i] ? 2 * parts_[part_].bytes_per_row : parts_[part_].bytes_per_row;
            last_ = offsets[i];
            ++row_;
        }
        rows_done_.fetch_add(count);
        spend_(static_cast<std::uint64_t>(bytes));
        DL_FAILPOINT("compaction.mid");
    }
    // Every row went by once, in order.
    bool is_complete() const {
        return in_order_ && part_ + 1 >= parts_.size() &&
               (parts_.empty() || part_ == parts_.size() || row_ == parts_[part_].file->rows);
    }

  private:
    const std::vector<Part> parts_;
    Spend spend_;
    std::atomic<std::uint64_t>& rows_done_;
    // Of the one thread.
    mutable std::size_t part_ = 0;
    mutable std::uint64_t row_ = 0;
    mutable Offset last_ = -1;
    mutable bool in_order_ = true;
};

Error mismatch(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "compaction refused, nothing was changed (INV-5): " + what +
                                                   "; the partition's files disagree, "
                                                   "check the disk and restore the partition from a copy");
}

constexpr std::uint32_t kRowsAtOnce = 8192;

// Rows of the columns of a file, in row groups.
Result<void> write_rows(DuckResult& rows, ParquetWriter& writer) {
    std::vector<ColumnBatch> group;  // the writer needs their texts until the end of the row group
    std::uint32_t count = 0;
    std::uint64_t bytes = 0;
    for (;;) {
        // A few at a time: of tables with very many columns the bytes end a row group, not the rows.
        DL_TRY_ASSIGN(auto batch, rows.next(std::min(kParquetRowGroupRows - count, kRowsAtOnce)));
        if (!batch) return writer.end_row_group();
        for (std::size_t i = 0; i < writer.columns().size(); ++i)
            writer.column(i).append(batch->columns()[i], 0, batch->rows());
        count += batch->rows();
        bytes += batch->body().size();
        group.push_back(std::move(*batch));
        if (count < kParquetRowGroupRows && bytes < kParquetRowGroupBytes) continue;
        DL_TRY(writer.end_row_group());
        group.clear();
        count = 0;
        bytes = 0;
    }
}

}  // namespace

std::shared_ptr<const DeleteVector> CompactionOutput::vector_of(const File& output,
                                                                const FileSet& current) const {
    RowBits dead(output.group.rows);
    std::uint64_t base = 0;
    for (std::size_t i = output.group.begin; i < output.group.end; ++i) {
        const FileEntry* entry = current.find(inputs[i].file->info().stem());
        DL_CHECK(entry != nullptr, "the inputs of a compaction stay until it is committed");
        if (output.group.carried_over) return entry->dead;
        if (DL_PLANTED("compaction-without-new-marks")) entry = &inputs[i];
        for (const auto row : entry->dead->rows_since(DeleteVector(entry->dead->rows())))
            if (kept[i].test(row)) dead.set(base + kept[i].rank(row));
        base += kept[i].count();
    }
    DL_CHECK(base == output.group.rows, "INV-5 an output holds the kept rows of its inputs");
    return DeleteVector::from_bits(dead);
}

void CompactionJob::cancel() {
    const auto session = session_.lock();
    cancelled_ = true;
    if (*session != nullptr) (*session)->interrupt(ErrorCode::cancelled);
}

Result<CompactionOutput> CompactionJob::run() {
    auto output = merge();
    if (output.has_error())
        for (const auto& path : begun_)
            (void)input_.files->remove(path);  // what stays is garbage that the next start removes
    return output;
}

void CompactionJob::spend(std::uint64_t bytes) const {
    if (input_.budget != nullptr) input_.budget->take(bytes, cancelled_);
}

// Compaction gives space back in the end, but needs some first.
Result<void> CompactionJob::check_disk(const std::vector<InputSize>& sizes,
                                       const std::vector<OutputGroup>& groups) const {
    std::uint64_t bytes = 0;
    for (const auto& group : groups)
        for (std::size_t i = group.begin; i < group.end && !group.carried_over; ++i)
            bytes += static_cast<std::uint64_t>(static_cast<double>(sizes[i].parquet_bytes) *
                                                static_cast<double>(sizes[i].kept) /
                                                static_cast<double>(sizes[i].rows));
    DL_TRY_ASSIGN(const auto free, input_.files->free_bytes(input_.snapshots_directory));
    if (input_.free_disk_bytes_min == 0 || free >= bytes + input_.free_disk_bytes_min) return {};
    return make_error(ErrorCode::disk_full, "a compaction in " + input_.snapshots_directory +
                                                " writes about " + std::to_string(bytes) + " bytes, " +
                                                std::to_string(free) + " are free and " +
                                                std::to_string(input_.free_disk_bytes_min) +
                                                " of them are kept for other writes; free some space");
}

Result<std::vector<KeptRows>> CompactionJob::find_kept() const {
    std::vector<KeepInput> indexes;
    std::vector<KeptRows> all;
    for (const auto& entry : input_.inputs) {
        const auto rows = entry.file->info().rows;
        indexes.push_back({&entry.file->index(), rows});
        if (!input_.join) continue;
        RowBits bits(rows);
        for (std::uint64_t row = 0; row < rows; ++row)
            bits.set(row);
        all.emplace_back(std::move(bits));
    }
    if (input_.join) return all;
    return find_kept_rows(indexes);
}

Result<CompactionOutput> CompactionJob::merge() {
    CompactionOutput output;
    output.inputs = input_.inputs;
    for (const auto& entry : output.inputs) {
        DL_CHECK(!input_.join || !entry.file->info().compacted, "flushed files are joined");
        output.rows_before += entry.file->info().rows;
    }
    rows_total_ = output.rows_before;
    DL_TRY_ASSIGN(output.kept, find_kept());

    std::vector<InputSize> sizes;
    for (std::size_t i = 0; i < output.inputs.size(); ++i) {
        const auto& info = output.inputs[i].file->info();
        if (const auto lost = live_rows_not_kept(*output.inputs[i].dead, output.kept[i]); lost != 0)
            return mismatch("file " + info.stem() + " has " + std::to_string(lost) +
                            " live rows that the key indexes call replaced");
        sizes.push_back({info.rows, output.kept[i].count(), info.parquet_bytes, info.compacted});
        output.rows_after += output.kept[i].count();
    }
    const bool all_compacted =
        std::all_of(sizes.begin(), sizes.end(), [](const InputSize& size) { return size.compacted; });
    if (all_compacted && output.rows_after == output.rows_before) {
        output.unchanged = true;
        return output;
    }
    DL_CHECK(output.rows_after <= output.rows_before, "INV-5 a compaction brings no rows");
    const auto groups = input_.join ? std::vector<OutputGroup>{{0, sizes.size(), output.rows_after, false}}
                                    : group_outputs(sizes);
    DL_TRY(check_disk(sizes, groups));
    DL_FAILPOINT("compaction.before-write-new");
    for (const auto& group : groups) {
        if (group.rows == 0) {
            for (std::size_t i = group.begin; i < group.end; ++i)
                rows_done_ += sizes[i].rows;
            continue;
        }
        if (group.carried_over) {
            output.files.push_back({output.inputs[group.begin].file, group});
            rows_done_ += sizes[group.begin].rows;
            continue;
        }
        DL_TRY_ASSIGN(auto file, write_output(output, group));
        bytes_done_ += file->info().parquet_bytes;
        output.files.push_back({std::move(file), group});
    }
    std::uint64_t rows = 0;
    for (const auto& file : output.files)
        rows += file.file->info().rows;
    DL_CHECK(rows == output.rows_after, "INV-5 the new files hold every kept row");
    return output;
}

Result<std::shared_ptr<const SnapshotFile>> CompactionJob::write_output(const CompactionOutput& output,
                                                                        const OutputGroup& group) {
    ManifestFile info;
    info.first_offset = output.inputs[group.begin].file->info().first_offset;
    info.end_offset = output.inputs[group.end - 1].file->info().end_offset;
    info.edition = input_.edition;
    info.compacted = !input_.join;
    info.rows = group.rows;
    std::vector<const ManifestFile*> files;
    for (std::size_t i = group.begin; i < group.end; ++i)
        files.push_back(&output.inputs[i].file->info());
    info.fields = merged_fields(files, *input_.table);
    double plain_bytes = 0;
    for (std::size_t i = group.begin; i < group.end; ++i) {
        const auto& from = output.inputs[i].file->info();
        info.epoch = std::max(info.epoch, from.epoch);
        plain_bytes += static_cast<double>(from.plain_bytes) * static_cast<double>(output.kept[i].count()) /
                       static_cast<double>(from.rows);
    }
    info.plain_bytes = static_cast<std::uint64_t>(plain_bytes);

    const std::string path = input_.snapshots_directory + "/" + info.parquet_name();
    begun_.push_back(path);
    begun_.push_back(input_.snapshots_directory + "/" + info.index_name());
    const auto copied = copy_rows(output, group, info.fields, path);
    // What was read counts only when it still is what was once written: DuckDB looks at no checksum. The
    // bytes have just been read, so that this costs no disk and is not in the budget.
    for (std::size_t i = group.begin; i < group.end && !cancelled_; ++i) {
        const auto& file = *output.inputs[i].file;
        const auto whole = check_parquet_file(*input_.files, file.parquet_path(), file.info());
        if (whole.has_error()) return whole.error().in("compaction refused, nothing was changed");
    }
    if (copied.has_error()) return copied.error();
    DL_TRY(check_written(path, &info));
    DL_TRY(measure_parquet(*input_.files, path, &info));
    spend(info.parquet_bytes + info.rows * (sizeof(Hash128) + sizeof(std::uint32_t)));
    DL_TRY(write_index(output, group, info));
    const KeyIndexInfo expected{info.first_offset, info.end_offset, info.rows, input_.table->index_hash_seed};
    DL_TRY_ASSIGN(auto index, KeyIndex::open(*input_.files,
                                             input_.snapshots_directory + "/" + info.index_name(), expected));
    return std::shared_ptr<const SnapshotFile>(std::make_shared<SnapshotFile>(
        *input_.files, input_.snapshots_directory, std::move(info), std::move(index)));
}

Result<void> CompactionJob::copy_rows(const CompactionOutput& output, const OutputGroup& group,
                                      const std::vector<Field>& fields, const std::string& path) {
    std::vector<KeptFilter::Part> parts;
    std::vector<const ManifestFile*> files;
    std::vector<std::string> paths;
    std::uint64_t widest = 0;
    for (std::size_t i = group.begin; i < group.end; ++i) {
        const auto& file = *output.inputs[i].file;
        if (output.kept[i].count() == 0) {
            rows_done_ += file.info().rows;
            continue;
        }
        DL_TRY_ASSIGN(const auto group_bytes, file.widest_group_bytes());
        widest = std::max(widest, group_bytes);
        const auto& info = file.info();
        parts.push_back({&info, &output.kept[i],
                         static_cast<double>(info.parquet_bytes) / static_cast<double>(info.rows)});
        files.push_back(&info);
        paths.push_back(file.parquet_path());
    }
    DL_CHECK(!parts.empty(), "an output has rows");
    std::string columns = "_offset, _delete, _time";
    for (const auto& field : fields)
        columns += ", " + merged_value_sql(files, field);

    const auto filter = std::make_shared<KeptFilter>(
        std::move(parts), [this](std::uint64_t bytes) { spend(bytes); }, rows_done_);
    DL_TRY_ASSIGN(const auto writer,
                  ParquetWriter::create(*input_.files, path, snapshot_file_columns(fields)));
    DL_TRY_ASSIGN(const auto database, file_database_for(input_.database, widest, WideFileUse::compaction));
    DL_TRY_ASSIGN(const auto session, start_session(*database));
    const auto copied = [&]() -> Result<void> {
        // One scan over a list of files keeps their order; of a UNION ALL that is not known.
        DL_TRY_ASSIGN(
            const auto rows,
            session->query("SELECT " + columns + " FROM " + sql_parquet_files(paths, "union_by_name = true") +
                           " WHERE " + sql_kept(session->add_row_filter(filter), "_offset")));
        return write_rows(*rows, *writer);
    }();
    *session_.lock() = nullptr;
    if (copied.has_error()) return copied.error().in("writing " + path);
    if (!filter->is_complete()) return mismatch("the rows for " + path + " did not come in their order");
    DL_FAILPOINT("compaction.before-fsync-new");
    return writer->finish();
}

Result<void> CompactionJob::check_written(const std::string& path, ManifestFile* info) {
    DL_TRY_ASSIGN(const auto session, start_session(*input_.database));
    std::uint64_t rows = 0;
    Offset last = info->first_offset - 1;
    const auto read = [&]() -> Result<void> {
        DL_TRY_ASSIGN(const auto result, session->query("SELECT _offset FROM " + sql_parquet_file(path)));
        for (;;) {
            DL_TRY_ASSIGN(const auto batch, result->next(65536));
            if (!batch) return {};
            const auto& offsets = batch->columns()[0];
            for (std::uint32_t row = 0; row < batch->rows(); ++row) {
                const auto offset = offsets.fixed<Offset>(row);
                if (offset <= last || offset >= info->end_offset)
                    return mismatch("offset " + std::to_string(offset) + " follows " + std::to_string(last) +
                                    " in " + path);
                if (rows++ == 0) info->first_row_offset = offset;
                last = offset;
            }
        }
    }();
    *session_.lock() = nullptr;
    if (read.has_error()) return read.error();
    info->last_row_offset = last;
    if (rows != info->rows)
        return mismatch(std::to_string(rows) + " rows were written to " + path + ", the key indexes count " +
                        std::to_string(info->rows));
    return {};
}

Result<void> CompactionJob::write_index(const CompactionOutput& output, const OutputGroup& group,
                                        const ManifestFile& info) {
    std::vector<KeepInput> inputs;
    std::vector<std::uint64_t> base;
    std::uint64_t rows = 0;
    for (std::size_t i = group.begin; i < group.end; ++i) {
        inputs.push_back({&output.inputs[i].file->index(), output.inputs[i].file->info().rows});
        base.push_back(rows);
        rows += output.kept[i].count();
    }
    KeyIndexWriter writer({info.first_offset, info.end_offset, info.rows, input_.table->index_hash_seed});
    writer.reserve(info.rows);
    std::optional<Hash128> last;
    DL_TRY(merge_indexes(inputs, [&](std::size_t input, const KeyIndex::Entry& entry) {
        const auto& kept = output.kept[group.begin + input];
        // The newest record of a key comes first. Joined files keep the others too, which no index names.
        if (!kept.test(entry.row) || (input_.join && last == entry.hash)) return;
        last = entry.hash;
        writer.add(entry.hash, static_cast<std::uint32_t>(base[input] + kept.rank(entry.row)),
                   input_.join && entry.is_delete);
    }));
    DL_CHECK(rows == info.rows, "INV-5 an output has the kept rows of its group");
    DL_CHECK(input_.join || writer.entries() == info.rows, "INV-5 every kept row has one key index entry");
    return writer.write(*input_.files, input_.snapshots_directory + "/" + info.index_name());
}

Result<std::unique_ptr<DuckSession>> CompactionJob::start_session(DuckDatabase& database) {
    DL_TRY_ASSIGN(auto session, database.session());
    const auto running = session_.lock();
    if (cancelled_)
        return make_error(ErrorCode::cancelled, "the compaction was stopped because the partition closes");
    *running = session.get();
    return session;
}

}  // namespace dl::slave
