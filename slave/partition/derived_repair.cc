#include "slave/partition/derived_repair.h"

#include <spdlog/spdlog.h>

#include "common/base/check.h"
#include "slave/snapshot/derived_files.h"

namespace dl::slave {

namespace {

// The files with what the records of the tail from `from` on have replaced marked dead.
Result<std::shared_ptr<const FileSet>> with_marks_of_tail(std::shared_ptr<const FileSet> files,
                                                          const TailSnapshot& tail, Offset from,
                                                          const TableMeta& table) {
    for (const auto& chunk : tail.chunks) {
        if (chunk->base_offset + static_cast<Offset>(chunk->batch.rows()) <= from) continue;
        DL_TRY_ASSIGN(const auto hashes,
                      hash_keys(chunk->batch, table.schema.key().id, table.index_hash_seed));
        std::vector<TailSegment::FreshKey> keys;
        keys.reserve(hashes.size());
        for (std::size_t row = 0; row < hashes.size(); ++row)
            keys.push_back({hashes[row], chunk->base_offset + static_cast<Offset>(row)});
        DL_TRY_ASSIGN(auto next, files->superseded_by(keys));
        if (next != nullptr) files = std::move(next);
    }
    return files;
}

}  // namespace

Result<std::shared_ptr<const FileSet>> with_derived_vectors(const PartitionState& state,
                                                            const TableMeta& table) {
    std::vector<std::shared_ptr<const SnapshotFile>> files;
    for (const auto& entry : state.files->entries())
        files.push_back(entry.file);
    DL_TRY_ASSIGN(auto vectors, derive_vectors(files));
    std::vector<FileEntry> entries;
    for (std::size_t i = 0; i < files.size(); ++i)
        entries.push_back({files[i], std::move(vectors[i])});
    return with_marks_of_tail(std::make_shared<const FileSet>(std::move(entries)), *state.tail, 0, table);
}

namespace {

Result<void> rebuild_index(PartitionCore& core, const DerivedFrom& from, const SnapshotFile& file) {
    const std::lock_guard rebuilding(core.index_mutex);
    DL_TRY_ASSIGN(auto index, rebuild_key_index(from, file.info()));
    file.replace_index(std::move(index));
    spdlog::warn("partition: {} has a new key index for file {}", core.label(), file.info().stem());
    return {};
}

Result<void> repair_vectors(PartitionCore& core, const TableMeta& table,
                            const std::function<Result<void>()>& wanted) {
    const auto committing = core.begin_commit();
    const auto before = core.state();
    DL_TRY_ASSIGN(const auto derived, with_derived_vectors(*before, table));
    DL_TRY(wanted());
    std::vector<FileEntry> entries;
    {
        auto hold = core.exclusion.for_commit();
        const auto now = core.state();
        DL_CHECK(now->files->entries().size() == derived->entries().size(),
                 "files change under the commit mutex only");
        // What was written since. Its own marks do not tell: a row that was dead by mistake got none.
        DL_TRY_ASSIGN(const auto right_now,
                      with_marks_of_tail(derived, *now->tail, before->end_offset, table));
        DL_CHECK(right_now->entries().size() == now->files->entries().size(), "every file keeps its vector");
        for (std::size_t i = 0; i < right_now->entries().size(); ++i) {
            const auto& current = now->files->entries()[i];
            auto dead = right_now->entries()[i].dead;
            const bool right =
                dead->dead() == current.dead->dead() && dead->rows_since(*current.dead).empty();
            entries.push_back({current.file, right ? current.dead : std::move(dead)});
        }
        auto next = std::make_shared<PartitionState>(*now);
        next->files = std::make_shared<const FileSet>(entries);
        core.publish(hold, std::move(next));
    }
    const auto manifest = committing->manifest();
    DL_TRY(core.make_log_durable(manifest.flushed_end));
    return committing->rewrite_vectors(entries);
}

}  // namespace

Result<void> rebuild_doubted_indexes(PartitionCore& core, const FileSet& files) {
    const auto table = core.table();
    const DerivedFrom from{core.context.files, core.context.file_database.get(), core.snapshots(),
                           table.get()};
    for (const auto& entry : files.entries()) {
        const auto& index = entry.file->index();
        // Damage seldom comes alone, and lookups stop at the first they meet.
        if (!index.is_doubted() && index.check().has_value()) continue;
        DL_TRY(rebuild_index(core, from, *entry.file));
    }
    return {};
}

Result<void> repair_derived(PartitionCore& core, const std::set<std::string>& indexes,
                            const std::function<Result<void>()>& wanted) {
    const auto table = core.table();
    // Holding the state keeps the files, so that nothing is written for one that is gone.
    const auto state = core.state();
    const DerivedFrom from{core.context.files, core.context.file_database.get(), core.snapshots(),
                           table.get()};
    for (const auto& entry : state->files->entries()) {
        if (!indexes.contains(entry.file->info().stem())) continue;
        DL_TRY(wanted());
        DL_TRY(rebuild_index(core, from, *entry.file));
    }
    return repair_vectors(core, *table, wanted);
}

}  // namespace dl::slave
