#include "slave/partition/key_rows.h"

#include <algorithm>
#include <map>

#include "common/base/check.h"

namespace dl::slave {
namespace {

using RowsByPosition = std::map<std::size_t, std::vector<std::uint32_t>>;  // of a chunk or file

struct FoundRows {
    RowsByPosition in_chunks;
    RowsByPosition in_files;
};

// The newest record of a key decides alone: tail segments from the newest to the oldest, then files.
Result<void> find_key(const PartitionState& state, const Hash128& key, FoundRows* found) {
    const auto& segments = state.tail->segments;
    for (std::size_t s = segments.size(); s-- > 0;) {
        const auto offset = segments[s]->find_below(key, state.end_offset);
        if (!offset) continue;
        const auto& chunks = state.tail->chunks;
        const auto after =
            std::upper_bound(chunks.begin(), chunks.end(), *offset,
                             [](Offset at, const auto& chunk) { return at < chunk->base_offset; });
        DL_CHECK(after != chunks.begin(), "a record below the cut lies in a chunk of the snapshot");
        const auto position = static_cast<std::size_t>(after - chunks.begin()) - 1;
        const auto row = static_cast<std::uint32_t>(*offset - chunks[position]->base_offset);
        DL_CHECK(row < chunks[position]->batch.rows(), "chunks of a view are dense");
        if (chunks[position]->is_live(row, state.end_offset)) found->in_chunks[position].push_back(row);
        return {};
    }
    const auto& files = state.files->entries();
    for (std::size_t f = files.size(); f-- > 0;) {
        DL_TRY_ASSIGN(const auto entry, files[f].file->index().find(key));
        if (!entry) continue;
        if (!files[f].dead->is_dead(entry->row)) found->in_files[f].push_back(entry->row);
        return {};
    }
    return {};
}

}  // namespace

Result<std::vector<ScanUnit>> find_key_rows(const PartitionState& state, std::span<const Hash128> keys,
                                            std::span<const Field> fields, ChunkGuideCache* guides) {
    std::vector<Hash128> wanted(keys.begin(), keys.end());
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    FoundRows found;
    for (const auto& key : wanted) {
        const auto done = find_key(state, key, &found);
        // Delete vectors say as well which rows are live; the index is rebuilt meanwhile.
        if (done.has_error()) return make_error(ErrorCode::not_supported, done.error().message);
    }

    std::vector<ScanUnit> units;
    for (auto& [position, rows] : found.in_files) {
        const auto& file = *state.files->entries()[position].file;
        std::vector<Field> stored;
        for (const auto& field : fields)
            for (const auto& own : file.info().fields)
                if (own.id == field.id) stored.push_back(own);
        std::sort(rows.begin(), rows.end());
        DL_TRY_ASSIGN(const auto reader, file.row_reader());
        ScanUnit unit;
        DL_TRY_ASSIGN(unit.batch, reader->read(rows, stored, guides));
        units.push_back(std::move(unit));
    }
    for (auto& [position, rows] : found.in_chunks) {
        const auto& chunk = *state.tail->chunks[position];
        std::sort(rows.begin(), rows.end());
        ScanUnit unit;
        unit.batch = chunk.batch;
        unit.base_offset = chunk.base_offset;
        unit.all_rows = false;
        unit.rows = std::move(rows);
        units.push_back(std::move(unit));
    }
    return units;
}

}  // namespace dl::slave
