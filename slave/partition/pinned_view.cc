#include "slave/partition/pinned_view.h"

#include <algorithm>
#include <mutex>

#include "common/base/check.h"
#include "slave/partition/key_rows.h"
#include "slave/partition/tail_scan.h"

namespace dl::slave {
namespace {

class PinnedView : public ReadView {
  public:
    explicit PinnedView(const PartitionCore& core)
        : state_(core.state()), guides_(core.context.chunk_guides), upkeep_(core.upkeep()) {
        DL_CHECK(state_ != nullptr && state_->files != nullptr && state_->tail != nullptr,
                 "INV-7 a view has files and tail of one instant");
    }
    Offset end_offset() const override { return state_->end_offset; }
    // Made with the first call: lookups of keys do not ask.
    const std::vector<ViewFile>& files() const override {
        std::call_once(files_made_, [this] { list_files(); });
        return files_;
    }
    Result<void> prove_files() const override {
        for (const auto& entry : state_->files->entries())
            if (auto proven = entry.file->prove(); proven.has_error()) {
                wake();
                return proven;
            }
        return {};
    }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const override {
        return std::make_shared<TailScan>(state_->tail, state_->end_offset, std::move(columns));
    }
    std::uint64_t tail_rows() const override { return state_->tail->rows; }
    std::optional<std::uint64_t> count_rows() const override {
        std::uint64_t rows = 0;
        for (const auto& entry : state_->files->entries()) {
            DL_CHECK(entry.dead->dead() <= entry.file->info().rows, "INV-5 a file has its dead rows");
            rows += entry.file->info().rows - entry.dead->dead();
        }
        for (const auto& chunk : state_->tail->chunks) {
            if (chunk->base_offset >= state_->end_offset) break;
            const auto end = static_cast<std::uint32_t>(
                std::min<Offset>(chunk->batch.rows(), state_->end_offset - chunk->base_offset));
            rows += chunk->count_live(0, end, state_->end_offset);
        }
        return rows;
    }
    Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128> keys,
                                            std::span<const Field> fields) const override {
        auto found = find_key_rows(*state_, keys, fields, guides_);
        if (found.has_error()) wake();
        return found;
    }

  private:
    void wake() const {
        if (upkeep_ != nullptr) upkeep_->wake();
    }
    void list_files() const {
        for (const auto& entry : state_->files->entries()) {
            ViewFile file;
            file.path = entry.file->parquet_path();
            for (const auto& field : entry.file->info().fields)
                file.fields.push_back({field.id, field.type});
            file.rows = entry.file->info().rows;
            file.dead_rows = entry.dead->dead();
            if (file.dead_rows > 0) file.filter = entry.dead;
            files_.push_back(std::move(file));
        }
    }

    std::shared_ptr<const PartitionState> state_;
    ChunkGuideCache* guides_;
    std::shared_ptr<UpkeepList::Member> upkeep_;
    mutable std::once_flag files_made_;
    mutable std::vector<ViewFile> files_;
};

}  // namespace

std::shared_ptr<const ReadView> make_pinned_view(const PartitionCore& core) {
    return std::make_shared<const PinnedView>(core);
}

}  // namespace dl::slave
