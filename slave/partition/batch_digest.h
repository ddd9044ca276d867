// What tells a repeat of a batch from other rows under the same id: 64 bits of its body. The bytes of a body
// depend on the schema it was written with; bodies of two schemas are not compared.
#pragma once

#include "slave/log/partition_log.h"
#include "slave/partition/append_request.h"

namespace dl::slave {

// Of the encoded columns, never 0. XXH3-128 with the seed 0x446c426f64794967, its upper half.
inline std::uint64_t batch_digest(std::string_view body) {
    constexpr std::uint64_t kSeed = 0x446c426f64794967;
    const auto digest = index_hash(body, kSeed).high;
    return digest == 0 ? 1 : digest;
}

// INVALID_REQUEST when `request`, under the name of the batch `known`, has other rows than that: nothing is
// done then. What is not known of a batch of an earlier release is not compared.
inline Result<void> check_same_rows(const BatchIdEntry& known, const AppendRequest& request) {
    const bool known_rows = known.digest != 0 && known.schema == request.schema;
    if (!known_rows || known.digest == batch_digest(request.body.view())) return {};
    return make_error(ErrorCode::invalid_request,
                      "a batch with other rows was written with this " +
                          std::string(known.sequence == 0 ? "batch_id" : "producer_id and sequence") +
                          " before (" + std::to_string(known.last - known.first + 1) +
                          " records from offset " + std::to_string(known.first) +
                          " on); nothing was written now; give each batch an id of its own");
}

}  // namespace dl::slave
