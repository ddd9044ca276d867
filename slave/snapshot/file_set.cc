#include "slave/snapshot/file_set.h"

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {

FileSet::FileSet(std::vector<FileEntry> entries) : entries_(std::move(entries)) {
    Offset end = 0;
    for (const auto& entry : entries_) {
        const auto& info = entry.file->info();
        DL_CHECK(entry.dead->rows() == info.rows, "INV-5 a delete vector is of its file");
        DL_CHECK(info.first_offset >= end && info.end_offset > info.first_offset,
                 "INV-6 files ascend and do not overlap");
        end = info.end_offset;
    }
}

const FileEntry* FileSet::find(std::string_view stem) const {
    for (const auto& entry : entries_)
        if (entry.file->info().stem() == stem) return &entry;
    return nullptr;
}

bool FileSet::has_doubted_index() const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [](const FileEntry& entry) { return entry.file->index().is_doubted(); });
}

Result<std::shared_ptr<const FileSet>> FileSet::superseded_by(
    std::span<const TailSegment::FreshKey> keys) const {
    std::shared_ptr<FileSet> next;
    std::vector<Hash128> hashes(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i)
        hashes[i] = keys[i].hash;
    std::vector<std::uint32_t> rows(hashes.size());
    std::vector<std::uint32_t> dead;
    for (std::size_t f = entries_.size(); f-- > 0 && !hashes.empty();) {
        DL_TRY(entries_[f].file->index().find(hashes, rows.data()));
        dead.clear();
        std::size_t left = 0;
        for (std::size_t i = 0; i < hashes.size(); ++i) {
            if (rows[i] == KeyIndex::kNone)
                hashes[left++] = hashes[i];
            else
                dead.push_back(rows[i]);  // older files hold only rows that were dead before
        }
        DL_CHECK(left + dead.size() == hashes.size(), "INV-5 every key is looked for in every file");
        hashes.resize(left);
        if (dead.empty()) continue;
        auto vector = entries_[f].dead->with(dead);
        if (vector == nullptr) continue;
        DL_CHECK(vector->dead() > entries_[f].dead->dead(), "INV-5 a new version has more dead rows");
        if (next == nullptr) next = std::make_shared<FileSet>(entries_);
        next->entries_[f].dead = std::move(vector);
    }
    return std::shared_ptr<const FileSet>(std::move(next));
}

}  // namespace dl::slave
