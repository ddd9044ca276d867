#include "slave/partition/batch_id_window.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/check.h"

namespace dl::slave {
namespace {

// What an id in memory will take of the filter of a file.
constexpr std::uint64_t kFilterBytesPerId = 2;

}  // namespace

BatchIdWindow::BatchIdWindow() = default;
BatchIdWindow::BatchIdWindow(BatchIdWindow&&) noexcept = default;
BatchIdWindow& BatchIdWindow::operator=(BatchIdWindow&&) noexcept = default;
BatchIdWindow::~BatchIdWindow() = default;

BatchIdWindow::BatchIdWindow(Options options, std::vector<std::shared_ptr<const BatchIdFile>> files)
    : options_(std::move(options)),
      files_(std::move(files)),
      share_(std::make_unique<BatchIdBudget::Share>(options_.budget)) {
    if (options_.uptime_us) started_us_ = options_.uptime_us();
    // What follows was applied no earlier than what the files hold.
    for (const auto& file : files_)
        base_us_ = std::max(base_us_, file->newest_us());
    note_files();
}

std::int64_t BatchIdWindow::now_us() const {
    return options_.uptime_us ? base_us_ + std::max<std::int64_t>(0, options_.uptime_us() - started_us_)
                              : base_us_;
}

void BatchIdWindow::begin_segment(Offset first) {
    if (!tables_.empty() && tables_.back()->first_offset() == first) return;
    DL_CHECK(tables_.empty() || tables_.back()->end_offset() <= first, "INV-2 segments ascend");
    tables_.push_back(std::make_shared<BatchIdTable>(first));
}

BatchIdTable& BatchIdWindow::newest_table(Offset first) {
    if (tables_.empty()) begin_segment(first);
    return *tables_.back();
}

Result<const BatchGroup*> BatchIdWindow::find_producer(const Hash128& id,
                                                       std::optional<BatchGroup>& read) const {
    for (auto table = tables_.rbegin(); table != tables_.rend(); ++table)
        if (const auto* group = (*table)->find_producer(id)) return group;
    for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
        DL_TRY_ASSIGN(read, (*file)->find(id));
        if (read) return static_cast<const BatchGroup*>(&*read);
    }
    return static_cast<const BatchGroup*>(nullptr);
}

void BatchIdWindow::add(const BatchIdEntry& entry) {
    auto& table = newest_table(entry.first);
    if (entry.sequence == 0) {
        table.add_id(entry, now_us());
    } else {
        std::optional<BatchGroup> known;
        if (table.find_producer(entry.id) == nullptr) {
            const auto found = find_producer(entry.id, known);
            if (found.has_error()) {
                spdlog::error(
                    "batch ids: {}: batches of a producer before number {} can no longer be told: {}",
                    options_.label, entry.sequence, found.error().to_text());
                known = BatchGroup{.id = entry.id, .forgotten = entry.sequence - 1, .batches = {}};
            } else if (*found != nullptr && !known) {
                known = **found;
            }
        }
        table.add_of_producer(entry, now_us(), std::move(known));
    }
    if (share_ != nullptr) share_->set(index_bytes());
}

Result<std::optional<BatchIdEntry>> BatchIdWindow::find(const BatchName& name) const {
    const std::optional<BatchIdEntry> is_new;
    if (name.sequence == 0) {
        for (auto table = tables_.rbegin(); table != tables_.rend(); ++table)
            if (const auto* batch = (*table)->find_id(name.id))
                return std::optional(entry_of(name.id, *batch));
        for (auto file = files_.rbegin(); file != files_.rend(); ++file) {
            DL_TRY_ASSIGN(const auto group, (*file)->find(name.id));
            if (group) return std::optional(entry_of(name.id, group->batches.front()));
        }
        return is_new;
    }
    std::optional<BatchGroup> read;
    DL_TRY_ASSIGN(const auto* const group, find_producer(name.id, read));
    if (group == nullptr) return is_new;
    if (const auto* batch = group->find(name.sequence)) return std::optional(entry_of(name.id, *batch));
    if (name.sequence > group->forgotten) return is_new;
    return make_error(ErrorCode::batch_id_expired,
                      options_.label + " remembers the newest " + std::to_string(group->batches.size()) +
                          " batches of this producer, from number " +
                          std::to_string(group->batches.front().sequence) + " on; number " +
                          std::to_string(name.sequence) +
                          " is older and was not written now. Whether it was before can no longer be told: "
                          "read its rows, or send them under a new number");
}

Result<void> BatchIdWindow::check_room() const {
    const auto* budget = options_.budget;
    if (budget == nullptr || !budget->full()) return {};
    return make_error(ErrorCode::overloaded,
                      "the batch ids this slave remembers take " + std::to_string(budget->used()) +
                          " bytes, slave.batch_id.memory.bytes allows " +
                          std::to_string(budget->bytes_max()) +
                          ": no batch with a new id is taken until older ids may be forgotten; try again "
                          "later, use producer ids, or raise the limit");
}

std::vector<std::shared_ptr<const BatchIdTable>> BatchIdWindow::sealed_below(Offset below) {
    std::vector<std::shared_ptr<const BatchIdTable>> sealed;
    for (const auto& table : tables_) {
        if (table->first_offset() >= below) break;
        DL_CHECK(table->end_offset() <= below, "INV-11 what is flushed takes whole tables along");
        sealed.push_back(table);
    }
    // What comes goes to another one.
    if (!sealed.empty() && sealed.size() == tables_.size()) begin_segment(below);
    return sealed;
}

void BatchIdWindow::spilled(Offset below, std::vector<std::shared_ptr<const BatchIdFile>> files) {
    std::erase_if(tables_, [&](const auto& table) { return table->first_offset() < below; });
    files_ = std::move(files);
    note_files();
}

void BatchIdWindow::drop_expired() {
    const auto before = forget_before_us();
    auto kept = files_.begin();
    while (kept != files_.end() && (*kept)->newest_us() < before)
        ++kept;
    files_.erase(files_.begin(), kept);
    note_files();
}

std::size_t BatchIdWindow::table_ids() const {
    std::size_t ids = 0;
    for (const auto& table : tables_)
        ids += table->size();
    return ids;
}

std::uint64_t BatchIdWindow::index_bytes() const {
    return files_resident_ + table_ids() * kFilterBytesPerId;
}

void BatchIdWindow::note_files() {
    files_resident_ = 0;
    for (const auto& file : files_)
        files_resident_ += file->resident_bytes();
    if (share_ != nullptr) share_->set(index_bytes());
}

BatchIdWindow::Figures BatchIdWindow::figures() const {
    Figures figures;
    figures.ids = table_ids();
    figures.index_bytes = index_bytes();
    for (const auto& table : tables_)
        figures.table_bytes += table->resident_bytes();
    for (const auto& file : files_) {
        figures.ids += file->entries();
        figures.file_bytes += file->bytes();
    }
    if (!files_.empty())
        figures.expires_in_us =
            std::max<std::int64_t>(1, files_.front()->newest_us() - forget_before_us() + 1);
    return figures;
}

}  // namespace dl::slave
