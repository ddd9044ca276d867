// Changes of a manifest, appended behind its whole form. The last one may be torn: then it was never
// committed. Format: docs/formats/manifest.md.
#pragma once

#include "slave/snapshot/manifest.h"

namespace dl::slave {

// What makes `after` of `before`, as it is appended. nullopt: it can only be told as a whole (losses).
std::optional<std::string> encode_manifest_change(const Manifest& before, const Manifest& after);
// Applies every change of `text` to `manifest`. CORRUPT_DATA: damaged, but for a torn end; or one that does
// not fit what is before it. `torn_bytes`: how much behind the last whole change is none.
Result<void> apply_manifest_changes(std::string_view text, Manifest* manifest, std::size_t* torn_bytes);

}  // namespace dl::slave
