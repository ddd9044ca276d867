// Which schema of a table is meant, and whether one may have come from another. Numbers alone do not say it:
// a catalog restored from a copy gives the numbers that it has forgotten a second time, to other columns.
// Pure; any thread.
#pragma once

#include <cstdint>

#include "common/meta/table_meta.h"

namespace dl {

// Of everything a schema means: its number, the next field's, the key, of each column its id, name, type, NOT
// NULL and default, and what never changes: the hash seed of the indexes and the number of partitions. Never
// 0. Not stored anywhere: nodes compare it in requests, so all of a cluster have to compute the same.
std::uint64_t schema_digest(const TableMeta& table);

// Whether `newer` is `older` after some ALTERs, or the same: columns that `older` has assigned an id to are
// unchanged, renamed (as the former names say), made wider (wider_type.h) or dropped in it, no dropped one is
// back; hash seed and number of partitions are the same. The tables are those of one id and incarnation.
bool descends_from(const TableMeta& newer, const TableMeta& older);

}  // namespace dl
