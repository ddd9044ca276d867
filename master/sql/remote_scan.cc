#include "master/sql/remote_scan.h"

#include <algorithm>

namespace dl::master {

std::shared_ptr<const RemoteTable> RemoteTable::make(
    FragmentRunner& runner, Fragment asked, std::vector<PinnedFragment> fragments, FragmentCall call,
    std::vector<std::shared_ptr<const BroadcastTable>> broadcasts) {
    auto table = std::make_shared<RemoteTable>();
    table->runner = &runner;
    table->fragments = std::move(fragments);
    table->call = std::move(call);
    for (const auto& column : asked.columns) {
        table->columns.push_back(
            {column.name, ScanColumn::Source::field, FieldId{0}, column.type, std::nullopt});
    }
    table->asked = std::move(asked);
    table->broadcasts = std::move(broadcasts);
    return table;
}

RemoteScan::RemoteScan(std::shared_ptr<const RemoteTable> table) : table_(std::move(table)) {
    for (std::size_t i = 0; i < table_->fragments.size(); ++i)
        parts_.push_back(std::make_unique<Part>());
    set_projection({});
}

void RemoteScan::set_projection(const std::vector<std::size_t>& positions) {
    auto where = std::make_shared<std::vector<std::uint32_t>>(table_->columns.size(), ScanUnit::kNoColumn);
    projection_.clear();
    if (!table_->asked.chooses_columns()) {
        for (std::size_t i = 0; i < where->size(); ++i) {
            (*where)[i] = static_cast<std::uint32_t>(i);
            projection_.push_back(i);
        }
    }
    for (const auto position : positions) {
        auto& at = (*where)[position];
        if (at != ScanUnit::kNoColumn) continue;
        at = static_cast<std::uint32_t>(projection_.size());
        projection_.push_back(position);
    }
    batch_columns_ = std::move(where);
}

Result<void> RemoteScan::open(std::size_t at) {
    const auto& fragment = table_->fragments[at];
    const auto& asked = table_->asked;
    const FragmentStatement statement{
        asked.sql(projection_), {{asked.table->name, asked.table->id}}, table_->broadcasts};
    DL_TRY_ASSIGN(auto stream, table_->runner->query(fragment, statement, table_->call));
    const auto& columns = stream->columns();
    bool fits = columns.size() == std::max<std::size_t>(1, projection_.size());
    for (std::size_t i = 0; fits && i < projection_.size(); ++i) {
        fits = columns[i].type == table_->columns[projection_[i]].type;
    }
    if (!fits) {
        return make_error(ErrorCode::schema_mismatch,
                          "slave " + fragment.node + " knows table '" + asked.table->name +
                              "' with other columns than the master; run the query again");
    }
    parts_[at]->stream = std::move(stream);
    return {};
}

Result<std::optional<ScanUnit>> RemoteScan::pull(std::size_t at) {
    auto& part = *parts_[at];
    if (!part.stream) DL_TRY(open(at));
    DL_TRY_ASSIGN(auto batch, part.stream->next());
    if (!batch) {
        part.stream.reset();
        part.done = true;
        return std::optional<ScanUnit>{};
    }
    ScanUnit unit;
    unit.batch = std::move(*batch);
    unit.batch_columns = batch_columns_;
    return std::optional<ScanUnit>(std::move(unit));
}

Result<std::optional<ScanUnit>> RemoteScan::next() {
    const std::size_t count = parts_.size();
    for (;;) {
        // A part nobody waits for, else in line behind whoever does.
        const std::size_t first = count == 0 ? 0 : next_part_.fetch_add(1) % count;
        std::unique_lock<std::mutex> held;
        std::size_t chosen = count;
        for (std::size_t i = 0; i < count && chosen == count; ++i) {
            const std::size_t at = (first + i) % count;
            if (parts_[at]->done) continue;
            std::unique_lock lock(parts_[at]->mutex, std::try_to_lock);
            if (!lock || parts_[at]->done) continue;
            held = std::move(lock);
            chosen = at;
        }
        for (std::size_t i = 0; i < count && chosen == count; ++i) {
            const std::size_t at = (first + i) % count;
            if (parts_[at]->done) continue;
            std::unique_lock lock(parts_[at]->mutex);
            if (parts_[at]->done) continue;
            held = std::move(lock);
            chosen = at;
        }
        if (chosen == count) return std::optional<ScanUnit>{};
        DL_TRY_ASSIGN(auto unit, pull(chosen));
        if (unit) return std::optional<ScanUnit>(std::move(unit));
    }
}

}  // namespace dl::master
