// A fragment and what its pinned cut holds, for the process that runs it: a head of a few KiB, and memory
// that is mapped there instead of copied. Both sides are the same program, so the form has no version.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/process/sealed_memory.h"
#include "common/process/unique_fd.h"
#include "slave/query/fragment_engine.h"
#include "slave/query/sealed_cache.h"

namespace dl::slave {

struct EncodedFragment {
    std::string head;
    std::vector<std::shared_ptr<const SealedMemory>> memory;  // to be sent along, in this order
};

// Blocking: rows of keys are looked up here, marks of files and tails are read. What it names lives as long
// as the query's view.
Result<EncodedFragment> encode_fragment(const FragmentQuery& query, SealedCache& cache);

// The other side. The view answers as the pinned one does, from `memory` and the files; its deadline is far
// away and its cancel new. CORRUPT_DATA when the parts do not fit.
Result<FragmentQuery> decode_fragment(std::string_view head, std::vector<UniqueFd> memory);

}  // namespace dl::slave
