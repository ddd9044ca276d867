#include "slave/partition/writer_exclusion.h"

#include "common/base/check.h"

namespace dl::slave {

WriterExclusion::Hold WriterExclusion::for_group() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !held_ && commits_waiting_ == 0; });
    held_ = true;
    return Hold(*this);
}

WriterExclusion::Hold WriterExclusion::for_commit() {
    std::unique_lock lock(mutex_);
    ++commits_waiting_;
    free_.wait(lock, [this] { return !held_; });
    DL_CHECK(commits_waiting_ > 0, "a commit that waits is counted");
    --commits_waiting_;
    held_ = true;
    return Hold(*this);
}

void WriterExclusion::release() {
    {
        const std::lock_guard lock(mutex_);
        DL_CHECK(held_, "the exclusion is given back once");
        held_ = false;
    }
    free_.notify_all();
    if (released_) released_();
}

}  // namespace dl::slave
