// The digests of the schemas that one table has had on this node since its start: statements that were under
// way when the table was altered name the one before. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>

#include "common/meta/schema_lineage.h"

namespace dl::slave {

class SchemaHistory {
  public:
    // The table's schema from now on; no older than the one before, and of its line.
    void put(const TableMeta& table) {
        digests_[table.schema.id] = schema_digest(table);
        if (digests_.size() > kSchemasMax) digests_.erase(digests_.begin());
    }

    enum class Known : std::uint8_t {
        here,       // the current one, or one before it
        other,      // another one of the same number
        newer,      // than the current one
        forgotten,  // older than what is remembered
    };
    // After the first put().
    Known look_up(SchemaId schema, std::uint64_t digest) const {
        if (schema > digests_.rbegin()->first) return Known::newer;
        const auto found = digests_.find(schema);
        if (found == digests_.end()) return Known::forgotten;
        return found->second == digest ? Known::here : Known::other;
    }

  private:
    static constexpr std::size_t kSchemasMax = 64;
    std::map<SchemaId, std::uint64_t> digests_;
};

}  // namespace dl::slave
