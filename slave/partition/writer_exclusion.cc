#include "slave/partition/writer_exclusion.h"

#include "common/base/check.h"

namespace dl::slave {

WriterExclusion::Hold WriterExclusion::for_group() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !held_ && commits_waiting_ == 0; });
    held_ = true;
    return Hold(*this, false);
}

WriterExclusion::Hold WriterExclusion::for_commit() {
    std::unique_lock lock(mutex_);
    ++commits_waiting_;
    free_.wait(lock, [this] { return !held_; });
    DL_CHECK(commits_waiting_ > 0, "a commit that waits is counted");
    --commits_waiting_;
    held_ = true;
    return Hold(*this, false);
}

WriterExclusion::Hold WriterExclusion::for_apply() {
    std::unique_lock lock(mutex_);
    ++commits_waiting_;
    free_.wait(lock, [this] { return !held_ || (lent_ && !borrowed_); });
    DL_CHECK(commits_waiting_ > 0, "a commit that waits is counted");
    --commits_waiting_;
    if (held_) {
        borrowed_ = true;
        return Hold(*this, true);
    }
    held_ = true;
    return Hold(*this, false);
}

void WriterExclusion::begin_loan() {
    {
        const std::lock_guard lock(mutex_);
        DL_CHECK(held_ && !lent_ && !borrowed_, "who lends the exclusion holds it");
        lent_ = true;
    }
    free_.notify_all();
}

void WriterExclusion::end_loan() {
    std::unique_lock lock(mutex_);
    lent_ = false;
    free_.wait(lock, [this] { return !borrowed_; });
}

void WriterExclusion::release(bool borrowed) {
    {
        const std::lock_guard lock(mutex_);
        bool& taken = borrowed ? borrowed_ : held_;
        DL_CHECK(taken && !(borrowed && !held_), "the exclusion is given back once");
        taken = false;
    }
    free_.notify_all();
    if (released_) released_();
}

}  // namespace dl::slave
