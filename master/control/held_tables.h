// What a slave says it holds, against what the catalog knows. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "master/catalog/catalog_cache.h"

namespace dl::master {

struct HeldTable {
    TableId id;
    std::uint64_t incarnation = 0;  // 0: of a release that had none
    std::string name;
    std::string key;  // name of the key column
    std::uint64_t index_hash_seed = 0;
    std::uint32_t partitions = 0;  // on that slave
    std::uint64_t records = 0, bytes = 0;
};

// Whether a slave that has no cluster yet is one of this catalog: each table it holds is in the catalog with
// the same number, name, key and hash seed, or is one of `dropped`, which it has yet to delete. Then the
// incarnations its tables get. UNAVAILABLE names the first table that does not fit, and what to do.
Result<std::map<TableId, std::uint64_t>> adopt_tables(const std::vector<HeldTable>& held,
                                                      const std::vector<CatalogTablePtr>& known,
                                                      const std::set<TableId>& dropped);

// The tables on a slave that the catalog does not know: neither by number and incarnation nor as `expected`,
// which are dropped or created at the moment.
std::vector<HeldTable> orphans_of(const std::vector<HeldTable>& held,
                                  const std::vector<CatalogTablePtr>& known,
                                  const std::set<TableId>& expected);

// How an orphan is named in statements: 16 hex digits.
std::string orphan_name(std::uint64_t incarnation);

}  // namespace dl::master
