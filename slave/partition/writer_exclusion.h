// What of a partition one thread at a time may touch, and the way to it: a Hold. The appender takes one for
// every group; flushes, compactions and whoever moves the high watermark take one between two groups and go
// first when they wait. While a group waits for the disk its hold is lent to those that apply what is
// committed: what other copies have acknowledged does not wait for the next group's sync.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "slave/index/tail.h"
#include "slave/log/partition_log.h"
#include "slave/partition/append_group.h"
#include "slave/partition/batch_id_window.h"
#include "slave/partition/log_progress.h"
#include "slave/partition/unapplied_batches.h"

namespace dl::slave {

struct WriterState {
    std::unique_ptr<PartitionLog> log;
    LogProgress& progress;                   // to change it; the partition's core lets anybody read it
    Tail tail{0};                            // what is applied and not flushed
    UnappliedBatches unapplied;              // from the end of the tail to the end of the log
    BatchIdWindow batch_ids{};               // of applied batches
    std::deque<UnansweredGroup> unanswered;  // appended, not applied yet; oldest first
    std::int64_t last_append_time_us = 0;
};

class WriterExclusion {
  public:
    class Hold {
      public:
        Hold(Hold&& other) noexcept : owner_(other.owner_), borrowed_(other.borrowed_) {
            other.owner_ = nullptr;
        }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold() {
            if (owner_ != nullptr) owner_->release(borrowed_);
        }
        WriterState* operator->() const { return &owner_->state_; }

        // Runs `work`, which touches the log and nothing else of the state; holds for_apply() come and go
        // meanwhile, and all are given back when it returns.
        template <class Work>
        auto lend(Work&& work) {
            const Loan loan(*owner_);
            return work();
        }

      private:
        friend class WriterExclusion;
        Hold(WriterExclusion& owner, bool borrowed) : owner_(&owner), borrowed_(borrowed) {}
        WriterExclusion* owner_;
        bool borrowed_;
    };
    explicit WriterExclusion(LogProgress& progress) : state_{.log = nullptr, .progress = progress} {}
    // Called behind every Hold, when it is given back; before the first that others can take.
    void set_released(std::function<void()> released) { released_ = std::move(released); }
    [[nodiscard]] Hold for_group();
    [[nodiscard]] Hold for_commit();
    // To apply committed batches, which are synced: everything but the log may be touched.
    [[nodiscard]] Hold for_apply();

  private:
    class Loan {
      public:
        explicit Loan(WriterExclusion& owner) : owner_(owner) { owner_.begin_loan(); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        ~Loan() { owner_.end_loan(); }

      private:
        WriterExclusion& owner_;
    };
    void begin_loan();
    void end_loan();
    void release(bool borrowed);
    std::mutex mutex_;
    std::condition_variable free_;
    bool held_ = false, lent_ = false, borrowed_ = false;
    int commits_waiting_ = 0;
    std::function<void()> released_;
    WriterState state_;
};

}  // namespace dl::slave
