// Who waits for records beyond an offset. Thread-safe; wakes run outside its lock, on the thread that calls
// advance().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "common/base/ids.h"

namespace dl::slave {

class WaitList : public std::enable_shared_from_this<WaitList> {
  public:
    explicit WaitList(Offset end) : end_(end) {}
    // Calls `wake` once the end passes `beyond`, at once if it has. Dropping the token forgets it; a wake
    // that has begun by then still runs to its end.
    std::shared_ptr<void> add(Offset beyond, std::function<void()> wake);
    void advance(Offset end);
    Offset end() const;

  private:
    using Key = std::pair<Offset, std::uint64_t>;  // beyond, number
    void remove(const Key& key);

    mutable std::mutex mutex_;
    Offset end_;
    std::uint64_t next_number_ = 0;
    std::map<Key, std::function<void()>> waiting_;
};

}  // namespace dl::slave
