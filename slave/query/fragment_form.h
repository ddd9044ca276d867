// Where the two sides of fragment_codec.h put bytes. Internal to slave/query.
#pragma once

#include <cstdint>

namespace dl::slave {

enum class Place : std::uint8_t {
    joined,  // with the other small parts: u64 offset, u64 length
    own,     // a memory of its own: u32 number
    within,  // a memory that it shares with its neighbours: u32 number, u64 offset, u64 length
};

// Where the small parts are.
enum class JoinedIn : std::uint8_t {
    nothing,
    memory,  // the first that is sent along
    head,    // u64 length and the bytes, in front of the rest of the head
};

}  // namespace dl::slave
