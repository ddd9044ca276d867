#include "slave/partition/copy_export.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "slave/log/log_files.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {
namespace {

constexpr int kTries = 5;

// The closed log files that end where the column files do and those before them, the newest first.
std::vector<SegmentInfo> history_before(const SharedLog& log, Offset end) {
    const auto segments = log.segments();
    std::vector<SegmentInfo> history;
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
        if (!segment->closed || segment->end_offset > end) continue;
        if (segment->end_offset != end) break;
        end = segment->first_offset;
        history.push_back(*segment);
    }
    return history;
}

bool are_same(const std::vector<SegmentInfo>& one, const std::vector<SegmentInfo>& other) {
    return std::equal(
        one.begin(), one.end(), other.begin(), other.end(), [](const SegmentInfo& a, const SegmentInfo& b) {
            return a.first_offset == b.first_offset && a.end_offset == b.end_offset && a.packed == b.packed;
        });
}

// Log files may become one packed file meanwhile, under the name of the first of them.
Result<std::vector<PartitionCopy::Export::File>> open_history(PartitionCore& core, Offset end) {
    const auto directory = core.directory + "/log";
    for (int i = 0; i < kTries; ++i) {
        std::vector<PartitionCopy::Export::File> files;
        const auto history = history_before(core.log(), end);
        bool gone = false;
        for (const auto& segment : history) {
            const auto path = segment_path(directory, segment.first_offset, ".log");
            auto file = core.context.files->open_read(path);
            gone = file.has_error() && file.error().code == ErrorCode::not_found;
            if (gone) break;
            if (file.has_error()) return std::move(file).error();
            files.push_back({path.substr(directory.size() + 1), std::move(*file)});
        }
        if (!gone && are_same(history, history_before(core.log(), end))) return files;
    }
    return make_error(ErrorCode::unavailable,
                      core.label() + " is not ready to be copied: its log files are being packed");
}

}  // namespace

Result<PartitionCopy::Export> export_partition(PartitionCore& core) {
    PartitionCopy::Export made;
    // No flush or compaction takes a file away before all of them are open.
    const auto committing = core.begin_commit();
    const auto manifest = committing->manifest();
    if (manifest.batch_ids_in_log)
        return make_error(ErrorCode::unavailable,
                          core.label() + " is not ready to be copied: its batch ids lie in its log still");
    auto log = core.log().retain_from(manifest.flushed_end);
    if (log.has_error()) return std::move(log).error();
    made.log = std::move(*log);
    std::vector<std::string> names;
    for (const auto& file : manifest.files)
        names.push_back(file.parquet_name());
    for (const auto edition : manifest.batch_ids)
        names.push_back(Manifest::batch_ids_name(edition));
    for (auto& name : names) {
        DL_TRY_ASSIGN(auto file, core.context.files->open_read(core.snapshots() + "/" + name));
        made.files.push_back({std::move(name), std::move(file)});
    }
    DL_TRY_ASSIGN(auto history, open_history(core, manifest.flushed_end));
    for (auto& file : history)
        made.files.push_back(std::move(file));
    made.manifest = encode_manifest(manifest);
    return made;
}

}  // namespace dl::slave
