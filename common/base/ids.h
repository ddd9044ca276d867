// Strong identifier types. Offsets are plain signed 64-bit numbers because they are computed with.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace dl {

template <class Tag, class Rep>
struct StrongId {
    Rep value{};
    constexpr StrongId() = default;
    constexpr explicit StrongId(Rep v) : value(v) {}
    friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

using TableId = StrongId<struct TableIdTag, std::uint64_t>;          // never reused
using PartitionId = StrongId<struct PartitionIdTag, std::uint32_t>;  // 0 .. partition_number - 1
using SchemaId = StrongId<struct SchemaIdTag, std::uint32_t>;        // 1, 2, ... within a table
using FieldId = StrongId<struct FieldIdTag, std::uint32_t>;          // never reused within a table
using NodeId = StrongId<struct NodeIdTag, std::uint32_t>;            // a slave, from 1; never reused; 0: none
using LeaderEpoch = StrongId<struct LeaderEpochTag, std::uint32_t>;

using Offset = std::int64_t;  // position of a record in its partition, from 0

}  // namespace dl

template <class Tag, class Rep>
struct std::hash<dl::StrongId<Tag, Rep>> {
    std::size_t operator()(dl::StrongId<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
