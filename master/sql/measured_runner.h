// What each slave does for one statement, and how long it takes: a FragmentRunner in front of another one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "master/sql/fragment_runner.h"

namespace dl::master {

// One thing that was asked of one slave. Times are as this program sees them, the network included.
struct MeasuredStep {
    std::string step;  // "cut", "fragment", "statement"
    std::string node;
    std::string sql;         // of a fragment or statement
    std::uint64_t rows = 0;  // that came back
    std::uint64_t bytes = 0;
    std::chrono::microseconds time{
        0};             // until the last row had come; waiting for whoever takes rows left out
    bool whole = true;  // false: given up before its end
};

// Thread-safe. Outlives its streams.
class MeasuredRunner final : public FragmentRunner {
  public:
    explicit MeasuredRunner(FragmentRunner& runner) : runner_(runner) {}
    std::vector<MeasuredStep> steps() const;  // in the order they were begun

    Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const override;
    Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins,
                                            std::chrono::milliseconds lease,
                                            const FragmentCall& call) override;
    Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                  const FragmentStatement& statement,
                                                  const FragmentCall& call) override;
    Result<PinnedStream> pin_and_query(const FragmentPin& pin, const std::string& sql,
                                       const std::map<std::string, TableId>& names,
                                       const FragmentCall& call) override;
    void unpin(const std::vector<PinnedFragment>& pinned) override { runner_.unpin(pinned); }

  private:
    class Stream;
    std::size_t begin(MeasuredStep step);
    void update(std::size_t at, const MeasuredStep& step);

    FragmentRunner& runner_;
    mutable std::mutex mutex_;
    std::vector<MeasuredStep> steps_;
};

}  // namespace dl::master
