// The rows of one fragment (of a table, or partial results over it) from the slaves that hold the table, as a
// scan source for the master's DuckDB. Fragments are opened at the first read only, so that a query holds
// none on a slave while it works on other parts of itself. Holds one batch a thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "common/duck/scan_source.h"
#include "master/sql/fragment.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

// Shared by all passes over the fragment in one query.
struct RemoteTable {
    FragmentRunner* runner = nullptr;
    Fragment asked;
    std::vector<PinnedFragment> fragments;
    FragmentCall call;
    std::vector<ScanColumn> columns;  // of `asked`
    // The rows of asked.broadcasts, in the same order; empty for a scan that is not to be read (EXPLAIN).
    std::vector<std::shared_ptr<const BroadcastTable>> broadcasts;

    static std::shared_ptr<const RemoteTable> make(
        FragmentRunner& runner, Fragment asked, std::vector<PinnedFragment> fragments, FragmentCall call,
        std::vector<std::shared_ptr<const BroadcastTable>> broadcasts);
};

class RemoteScan final : public ScanSource {
  public:
    // The slaves' tables may be large: join orders are chosen as for large ones.
    static constexpr std::uint64_t kRowEstimate = 1'000'000;

    explicit RemoteScan(std::shared_ptr<const RemoteTable> table);

    const std::vector<ScanColumn>& columns() const override { return table_->columns; }
    void set_projection(const std::vector<std::size_t>& positions) override;
    Result<std::optional<ScanUnit>> next() override;
    std::uint64_t row_estimate() const override { return kRowEstimate; }
    std::shared_ptr<ScanSource> rewound() const override { return std::make_shared<RemoteScan>(table_); }

  private:
    // One slave's part; a thread holds the mutex while it waits for rows.
    struct Part {
        std::mutex mutex;
        std::unique_ptr<FragmentStream> stream;
        std::atomic<bool> done{false};
    };
    Result<std::optional<ScanUnit>> pull(
        std::size_t at);  // with the part's mutex held; nullopt: the part is done
    Result<void> open(std::size_t at);

    std::shared_ptr<const RemoteTable> table_;
    std::vector<std::size_t> projection_;
    std::shared_ptr<const std::vector<std::uint32_t>> batch_columns_;
    std::vector<std::unique_ptr<Part>> parts_;
    std::atomic<std::size_t> next_part_{0};
};

}  // namespace dl::master
