// Requests and replies between nodes: the frames and the methods. One connection carries one request at a
// time (pooled by the caller), so a slow reader is slowed by TCP itself and closing the connection cancels
// the request.
//
// Frame: u32 length (little-endian, of what follows) | u8 protocol version (2) | u8 type | u16 0 | payload.
//   request:  type = Method, payload = u32 json length, JSON header, then attached bytes
//   response: any number of `data` frames, then one `end` or `error` frame
//     data: payload by method     end: payload = JSON     error: payload = Error::to_text()
// Format page: docs/formats/rpc.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dl::rpc {

inline constexpr std::uint8_t kProtocolVersion = 2;
inline constexpr std::size_t kFrameHeaderBytes = 8;

// Numbers are never used again for another method. Headers in common/rpc/messages/ describe requests, data
// frames and ends.
enum class Method : std::uint8_t {
    ping = 1,              // node_messages.h
    create_table = 2,      // table_messages.h
    update_table = 3,      // table_messages.h
    drop_table = 4,        // table_messages.h
    append = 5,            // append_messages.h
    read = 6,              // read_messages.h
    wait = 7,              // read_messages.h
    offsets = 8,           // read_messages.h
    pin = 9,               // query_messages.h
    unpin = 10,            // query_messages.h
    query = 11,            // query_messages.h
    compress = 12,         // upkeep_messages.h
    stats = 13,            // upkeep_messages.h
    check = 14,            // upkeep_messages.h
    register_node = 15,    // node_messages.h
    inventory = 16,        // node_messages.h
    accept_loss = 17,      // upkeep_messages.h
    heartbeat = 18,        // replica_messages.h
    assign_replicas = 19,  // replica_messages.h
    fetch = 20,            // replica_messages.h
    export_copy = 21,      // replica_messages.h
    read_export = 22,      // replica_messages.h
    drop_copy = 23,        // copy_messages.h
    copy_progress = 24,    // copy_messages.h
    refill_copy = 25,      // copy_messages.h
    log_digest = 26,       // upkeep_messages.h
};

enum class ReplyType : std::uint8_t { data = 128, end = 129, error = 130 };

}  // namespace dl::rpc
