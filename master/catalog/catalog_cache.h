// Tables by name in memory. Readers take a shared snapshot of one table; changes replace the table's entry,
// so a statement keeps the metadata it began with. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/meta/table_meta.h"

namespace dl::master {

using TablePtr = std::shared_ptr<const TableMeta>;

class CatalogCache {
  public:
    // nullptr when there is none. `name` in lower case.
    TablePtr find(std::string_view name) const;
    // Sorted by name.
    std::vector<TablePtr> list() const;
    std::vector<std::string> names() const;
    std::size_t size() const;
    void put(TablePtr table);
    // Only when it is still this table (a new one of the same name stays).
    void remove(const TableMeta& table);

  private:
    mutable std::shared_mutex mutex_;
    std::map<std::string, TablePtr, std::less<>> tables_;
};

}  // namespace dl::master
