#include "master/sql/broadcast_reader.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "common/base/limits.h"

namespace dl::master {

namespace {

// Slaves that are asked at the same time.
constexpr std::size_t kReadersMax = 8;
// A table that is too large to be sent is read on up to so many times the limits: the master needs its rows
// anyway.
constexpr std::size_t kKeptTimes = 4;

}  // namespace

// The parts while they are read. The threads share it.
class BroadcastRows::Reading {
  public:
    Reading(FragmentRunner& runner, const Broadcast& broadcast, const std::vector<PinnedFragment>& fragments,
            const FragmentCall& call)
        : runner_(runner), broadcast_(broadcast), call_(call) {
        for (const auto& fragment : fragments)
            parts.push_back({fragment, {}, false});
    }

    Result<void> run() {
        {
            std::vector<std::jthread> readers;
            for (std::size_t i = 1; i < std::min(kReadersMax, parts.size()); ++i)
                readers.emplace_back([this] { read_parts(); });
            read_parts();
        }
        if (failed_) return *failed_;
        return {};
    }

    bool fits() const {
        return rows_ <= limits::broadcast_rows_max && bytes_ <= limits::broadcast_bytes_max &&
               std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.complete; });
    }

    std::vector<Part> parts;

  private:
    void read_parts() {
        for (;;) {
            const auto at = next_.fetch_add(1);
            if (stop_ || at >= parts.size()) return;
            auto done = read_part(parts[at]);
            if (done) continue;
            const std::lock_guard lock(mutex_);
            if (!failed_) failed_ = done.error();
            stop_ = true;
        }
    }

    Result<void> read_part(Part& part) {
        RemoteScan scan(RemoteTable::make(runner_, broadcast_.rows, {part.fragment}, call_, {}));
        scan.set_projection(broadcast_.columns);
        while (!stop_) {
            DL_TRY_ASSIGN(auto unit, scan.next());
            if (!unit) {
                part.complete = true;
                return {};
            }
            const std::lock_guard lock(mutex_);
            rows_ += unit->batch.rows();
            bytes_ += unit->batch.body().size();
            if (unit->batch.rows() != 0) part.units.push_back(std::move(*unit));
            if (rows_ > kKeptTimes * limits::broadcast_rows_max ||
                bytes_ > kKeptTimes * limits::broadcast_bytes_max)
                stop_ = true;
        }
        part.units.clear();
        return {};
    }

    FragmentRunner& runner_;
    const Broadcast& broadcast_;
    const FragmentCall& call_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;  // of what follows
    std::uint64_t rows_ = 0;
    std::size_t bytes_ = 0;
    std::optional<Error> failed_;
};

class BroadcastRows::Source final : public ScanSource {
  public:
    explicit Source(std::shared_ptr<const BroadcastRows> rows) : rows_(std::move(rows)) {}

    const std::vector<ScanColumn>& columns() const override { return rows_->whole_->columns; }

    void set_projection(const std::vector<std::size_t>& positions) override {
        const auto& read = rows_->broadcast_->columns;
        const bool within = std::all_of(positions.begin(), positions.end(), [&](std::size_t position) {
            return std::find(read.begin(), read.end(), position) != read.end();
        });
        if (!within) next_ = rows_->units_.size();
        const auto& asked = within ? rows_->unread_ : rows_->whole_;
        if (!asked) return;
        remote_ = std::make_unique<RemoteScan>(asked);
        remote_->set_projection(positions);
    }

    Result<std::optional<ScanUnit>> next() override {
        const auto at = next_.fetch_add(1);
        if (at < rows_->units_.size()) return std::optional<ScanUnit>(rows_->units_[at]);
        if (remote_) return remote_->next();
        return std::optional<ScanUnit>{};
    }

    std::uint64_t row_estimate() const override {
        return rows_->unread_ ? RemoteScan::kRowEstimate : rows_->rows_;
    }
    std::shared_ptr<ScanSource> rewound() const override { return std::make_shared<Source>(rows_); }

  private:
    std::shared_ptr<const BroadcastRows> rows_;
    std::atomic<std::size_t> next_{0};
    std::unique_ptr<RemoteScan> remote_;
};

Result<std::shared_ptr<const BroadcastRows>> BroadcastRows::read(FragmentRunner& runner,
                                                                 std::shared_ptr<const Broadcast> broadcast,
                                                                 const std::vector<PinnedFragment>& fragments,
                                                                 const FragmentCall& call) {
    Reading reading(runner, *broadcast, fragments, call);
    DL_TRY(reading.run());
    std::shared_ptr<BroadcastRows> rows(new BroadcastRows);
    std::vector<PinnedFragment> unread;
    for (auto& part : reading.parts) {
        if (!part.complete) unread.push_back(std::move(part.fragment));
        for (auto& unit : part.units) {
            rows->rows_ += unit.batch.rows();
            rows->units_.push_back(std::move(unit));
        }
    }
    rows->whole_ = RemoteTable::make(runner, broadcast->rows, fragments, call, {});
    if (!unread.empty())
        rows->unread_ = RemoteTable::make(runner, broadcast->rows, std::move(unread), call, {});
    if (reading.fits()) {
        auto table = std::make_shared<BroadcastTable>();
        table->name = broadcast->view;
        for (const auto position : broadcast->columns) {
            const auto& column = broadcast->rows.columns[position];
            table->columns.push_back({column.name, column.type});
        }
        for (const auto& unit : rows->units_)
            table->batches.push_back(unit.batch);
        rows->sent_ = std::move(table);
    }
    rows->broadcast_ = std::move(broadcast);
    return std::shared_ptr<const BroadcastRows>(std::move(rows));
}

bool BroadcastRows::has_rows_of(const Fragment& fragment) const {
    const auto& rows = broadcast_->rows;
    return fragment.chooses_columns() && fragment.broadcasts.empty() &&
           fragment.table->id == rows.table->id && fragment.from == rows.from;
}

std::shared_ptr<ScanSource> BroadcastRows::source(std::shared_ptr<const BroadcastRows> rows) {
    return std::make_shared<Source>(std::move(rows));
}

}  // namespace dl::master
