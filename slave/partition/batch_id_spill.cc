#include "slave/partition/batch_id_spill.h"

#include <spdlog/spdlog.h>

#include <span>
#include <utility>

#include "common/base/check.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {
namespace {

// One input of the merge, in ascending order of ids.
class Source {
  public:
    explicit Source(const BatchIdTable& table) : table_(&table), ids_(table.sorted_ids()) {}
    explicit Source(const BatchIdFile& file) : file_(&file), cursor_(file) {}

    const std::optional<BatchGroup>& head() const { return head_; }
    const BatchIdFile* file() const { return file_; }
    Result<void> advance() {
        head_.reset();
        if (cursor_) {
            DL_TRY_ASSIGN(head_, cursor_->next());
        } else if (next_ < ids_.size()) {
            head_ = table_->group(ids_[next_++]);
        }
        return {};
    }
    BatchGroup take() { return std::move(*head_); }

  private:
    const BatchIdTable* table_ = nullptr;
    std::vector<Hash128> ids_;
    std::size_t next_ = 0;
    const BatchIdFile* file_ = nullptr;
    std::optional<BatchIdFile::Cursor> cursor_;
    std::optional<BatchGroup> head_;
};

struct Merged {
    bool any = false;                         // something was written
    const BatchIdFile* unreadable = nullptr;  // the input that could not be read
};

Result<Merged> merge(const BatchIdSpill& spill, std::span<const std::shared_ptr<const BatchIdFile>> files,
                     const std::string& path) {
    std::vector<Source> sources;  // oldest first
    for (const auto& file : files)
        sources.emplace_back(*file);
    for (const auto& table : spill.tables)
        sources.emplace_back(*table);
    Merged merged;
    const auto advanced = [&](Source& source) {
        const bool good = source.advance().has_value();
        if (!good) merged.unreadable = source.file();
        return good;
    };
    for (auto& source : sources)
        if (!advanced(source)) return merged;
    std::unique_ptr<BatchIdFileWriter> writer;
    for (;;) {
        const Hash128* lowest = nullptr;
        for (const auto& source : sources)
            if (source.head() && (lowest == nullptr || source.head()->id < *lowest))
                lowest = &source.head()->id;
        if (lowest == nullptr) break;
        const auto id = *lowest;
        BatchGroup newest;
        for (auto& source : sources) {
            if (!source.head() || source.head()->id != id) continue;
            newest = source.take();
            if (!advanced(source)) return merged;
        }
        if (newest.newest_us() < spill.forget_before_us) continue;
        if (writer == nullptr) {
            DL_TRY_ASSIGN(writer, BatchIdFileWriter::create(*spill.files, path, spill.owner));
        }
        DL_TRY(writer->add(newest));
    }
    merged.any = writer != nullptr;
    if (writer != nullptr) DL_TRY(writer->finish());
    return merged;
}

}  // namespace

std::vector<std::uint64_t> SpilledBatchIds::editions() const {
    std::vector<std::uint64_t> editions;
    for (const auto& file : kept)
        editions.push_back(file->edition());
    return editions;
}

Result<SpilledBatchIds> spill_batch_ids(const BatchIdSpill& spill) {
    SpilledBatchIds out{.kept = spill.kept};
    std::uint64_t entries = 0;
    for (const auto& table : spill.tables)
        entries += table->entries();
    if (entries == 0) return out;
    std::size_t apart = out.kept.size();
    while (apart > 0 && !out.kept[apart - 1]->damaged() && out.kept[apart - 1]->entries() <= 2 * entries &&
           entries + out.kept[apart - 1]->entries() <= kBatchIdEntriesMax)
        entries += out.kept[--apart]->entries();

    const auto path = spill.directory + "/" + Manifest::batch_ids_name(spill.edition);
    const auto remove = [&] { (void)spill.files->remove(path); };
    for (;;) {
        auto merged = merge(spill, std::span(out.kept).subspan(apart), path);
        if (merged.has_value() && merged->unreadable != nullptr) {
            spdlog::error(
                "batch ids: {} cannot be read and is kept as it is until its ids are forgotten; batches "
                "whose "
                "id may be in it are refused",
                merged->unreadable->path());
            merged->unreadable->note_damage();
            remove();
            while (apart < out.kept.size() && !out.kept.empty()) {
                const bool reached = out.kept[apart].get() == merged->unreadable;
                ++apart;
                if (reached) break;
            }
            continue;
        }
        if (merged.has_error()) {
            remove();
            return merged.error();
        }
        out.kept.resize(apart);
        if (!merged->any) return out;
        auto opened = BatchIdFile::open(*spill.files, path, spill.edition, spill.owner);
        if (opened.has_error()) {
            remove();
            return opened.error();
        }
        out.kept.push_back(std::move(*opened));
        return out;
    }
}

}  // namespace dl::slave
