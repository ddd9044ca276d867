#include "slave/partition/copy_export.h"

#include <algorithm>

#include "slave/snapshot/manifest.h"

namespace dl::slave {

Result<PartitionCopy::Export> export_partition(PartitionCore& core) {
    PartitionCopy::Export made;
    // No flush or compaction takes a file away before all of them are open.
    const auto committing = core.begin_commit();
    auto manifest = committing->manifest();
    if (manifest.batch_ids_in_log)
        return make_error(ErrorCode::unavailable,
                          core.label() + " is not ready to be copied: its batch ids lie in its log still");
    auto log = core.log().retain_from(manifest.flushed_end);
    if (log.has_error()) return std::move(log).error();
    made.log = std::move(*log);
    // The copy's log begins behind the files: what only the log here has of older records, the copy has not.
    manifest.log_start = std::max(manifest.compacted_end, manifest.salvaged_end);
    std::vector<std::string> names;
    for (const auto& file : manifest.files)
        names.push_back(file.parquet_name());
    for (const auto edition : manifest.batch_ids)
        names.push_back(Manifest::batch_ids_name(edition));
    for (auto& name : names) {
        DL_TRY_ASSIGN(auto file, core.context.files->open_read(core.snapshots() + "/" + name));
        made.files.push_back({std::move(name), std::move(file)});
    }
    made.manifest = encode_manifest(manifest);
    return made;
}

}  // namespace dl::slave
