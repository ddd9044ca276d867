#include "slave/partition/file_join.h"

#include <algorithm>
#include <map>
#include <string>

#include "common/base/check.h"
#include "common/base/failpoint.h"

namespace dl::slave {

Result<void> commit_joined(PartitionCore& core, const CompactionOutput& joined) {
    DL_CHECK(joined.files.size() == 1 && joined.rows_after == joined.rows_before && !joined.inputs.empty(),
             "INV-5 files are joined into one that has all of their records");
    const auto& output = joined.files.front();
    const auto with_joined = [&](const FileSet& current, std::shared_ptr<const DeleteVector> dead) {
        auto entries = current.entries();
        const auto first = std::find_if(entries.begin(), entries.end(), [&](const FileEntry& entry) {
            return entry.file == joined.inputs.front().file;
        });
        const auto count = static_cast<std::ptrdiff_t>(joined.inputs.size());
        DL_CHECK(entries.end() - first >= count, "the inputs of a join stay until it is committed");
        for (std::ptrdiff_t i = 0; i < count; ++i)
            DL_CHECK(first[i].file == joined.inputs[static_cast<std::size_t>(i)].file,
                     "the inputs of a join lie side by side");
        *first = {output.file, std::move(dead)};
        entries.erase(first + 1, first + count);
        return entries;
    };
    const auto committing = core.begin_commit();
    const auto before = committing->manifest();
    if (auto durable = core.make_log_durable(before.flushed_end); durable.has_error()) {
        committing->discard({{output.file, nullptr}});
        return durable;
    }
    const auto state = core.state();
    const auto dead = joined.vector_of(output, *state->files);
    DL_TRY(committing->commit({.operation = "join",
                               .files = with_joined(*state->files, dead),
                               .flushed_end = before.flushed_end,
                               .compacted_end = before.compacted_end,
                               .log_start = before.log_start}));
    {
        auto hold = core.exclusion.for_commit();
        const auto now = core.state();
        DL_CHECK(now->files->entries().size() == state->files->entries().size(),
                 "files change under a Commit only");
        auto dead_now = joined.vector_of(output, *now->files);
        if (dead_now->dead() == dead->dead()) dead_now = dead;
        auto next = std::make_shared<PartitionState>(*now);
        next->files = std::make_shared<const FileSet>(with_joined(*now->files, std::move(dead_now)));
        core.publish(hold, std::move(next));
    }
    DL_FAILPOINT("join.before-delete-old");
    std::map<std::string, std::uint64_t> versions;
    for (const auto& file : before.files)
        versions[file.stem()] = file.vector_version;
    for (const auto& input : joined.inputs)
        input.file->make_obsolete(versions.at(input.file->info().stem()));
    return {};
}

}  // namespace dl::slave
