// Mapped files that outlive errors of the disk. A page that cannot be read would end the process with SIGBUS;
// instead zeros take its place, for as long as the mapping lives. Whoever reads a mapping therefore compares
// checksums of what it reads, none of which is right for zeros. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dl {

// Guards [at, at + length), which begins at a page, from now on. False: too many are guarded already, read
// the file instead.
bool guard_mapping(const void* at, std::size_t length);
// Before it is unmapped.
void stop_guarding_mapping(const void* at);
// Pages of this process that were replaced by zeros so far.
std::uint64_t mapped_pages_lost();

}  // namespace dl
