#include "slave/partition/batch_id_upkeep.h"

#include <spdlog/spdlog.h>

#include "common/base/failpoint.h"

namespace dl::slave {
namespace {

std::string path_of(const PartitionCore& core, std::uint64_t edition) {
    return core.snapshots() + "/" + Manifest::batch_ids_name(edition);
}

Error damaged(const Error& error, const std::string& path) {
    return error.in("batch ids " + path + " are damaged (restore the partition's directory from a copy)");
}

}  // namespace

Result<void> open_batch_ids(PartitionCore& core, WriterExclusion::Hold& hold, const Manifest& manifest) {
    std::vector<std::shared_ptr<const BatchIdFile>> files;
    if (!manifest.batch_ids_in_log) {
        for (const auto edition : manifest.batch_ids) {
            auto file = BatchIdFile::open(*core.context.files, path_of(core, edition), edition,
                                          {manifest.table, manifest.partition});
            if (file.has_error()) return damaged(file.error(), path_of(core, edition));
            files.push_back(std::move(*file));
        }
    }
    hold->batch_ids = BatchIdWindow({.label = core.label(),
                                     .window_us = core.options.batch_id_window.count() * 1000,
                                     .uptime_us = core.context.uptime_us,
                                     .budget = core.context.batch_id_budget},
                                    std::move(files));
    return {};
}

Result<SpilledBatchIds> write_batch_ids(PartitionCore& core, Offset below) {
    BatchIdSpill spill;
    spill.files = core.context.files;
    spill.directory = core.snapshots();
    spill.owner = {core.table()->id, core.id};
    {
        auto hold = core.exclusion.for_commit();
        hold->batch_ids.drop_expired();  // nobody looks into them while their files go
        spill.tables = hold->batch_ids.sealed_below(below);
        spill.kept = hold->batch_ids.files();
        spill.forget_before_us = hold->batch_ids.forget_before_us();
    }
    spill.edition = core.publisher().next_edition();
    auto spilled = spill_batch_ids(spill);
    DL_FAILPOINT("flush.after-batch-ids");
    return spilled;
}

Result<void> take_over_batch_ids(PartitionCore& core, const Manifest& manifest,
                                 const std::vector<BatchIdEntry>& indexed) {
    std::vector<BatchIdEntry> entries;
    for (const auto edition : manifest.batch_ids) {
        DL_TRY_ASSIGN(const auto bytes, core.context.files->read_all(path_of(core, edition)));
        auto decoded = decode_batch_ids_v1(bytes);
        if (decoded.has_error()) return damaged(decoded.error(), path_of(core, edition));
        entries = std::move(*decoded);
    }
    for (const auto& entry : indexed)
        if (entry.last < manifest.flushed_end) entries.push_back(entry);
    if (entries.empty()) return {};
    auto table = std::make_shared<BatchIdTable>(0);
    const auto now_us = core.exclusion.for_commit()->batch_ids.now_us();
    for (const auto& entry : entries)
        table->add_id(entry, now_us);
    const auto committing = core.begin_commit();
    BatchIdSpill spill;
    spill.files = core.context.files;
    spill.directory = core.snapshots();
    spill.owner = {manifest.table, manifest.partition};
    spill.edition = core.publisher().next_edition();
    spill.tables = {table};
    spill.forget_before_us = std::numeric_limits<std::int64_t>::min();
    DL_TRY_ASSIGN(auto spilled, spill_batch_ids(spill));
    DL_TRY(committing->commit({.operation = "batch-ids",
                               .files = core.state()->files->entries(),
                               .flushed_end = manifest.flushed_end,
                               .compacted_end = manifest.compacted_end,
                               .log_start = manifest.log_start,
                               .batch_ids = spilled.editions()}));
    auto hold = core.exclusion.for_commit();
    hold->batch_ids.spilled(0, std::move(spilled.kept));
    core.note_tail_bytes(hold);
    spdlog::info("partition: {} has taken over {} batch ids of an earlier release", core.label(),
                 table->size());
    return {};
}

}  // namespace dl::slave
