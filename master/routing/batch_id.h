// What makes a batch one that is applied once, however often it is sent.
#pragma once

#include <cstdint>
#include <string>

namespace dl::master {

struct BatchId {
    std::string text;            // 1 to limits::batch_id_bytes_max bytes
    std::uint64_t sequence = 0;  // > 0: text is the id of a producer, and this the number of its batch
    bool operator==(const BatchId&) const = default;
};

}  // namespace dl::master
