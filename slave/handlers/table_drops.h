// Tells those who wait for records of a table that the table is dropped. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "slave/partition/wait_list.h"

namespace dl::slave {

class TableDrops {
  public:
    // Passes 0 when the table is dropped. Who has taken it looks whether the table is still there before
    // waiting: a drop of before is not told.
    std::shared_ptr<WaitList> of(TableId table);
    void dropped(TableId table);

  private:
    std::mutex mutex_;
    std::map<TableId, std::weak_ptr<WaitList>> lists_;
};

}  // namespace dl::slave
