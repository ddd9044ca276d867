// Small text files that carry their own checksum: the text, then a last line "crc32c xxxxxxxx" (8 hex digits)
// over every byte before that line. A flipped bit, a cut file or a joined one is CORRUPT_DATA.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace dl {

// `text` on lines of its own, and the line with its checksum.
std::string seal_text(std::string text);
// The text of a sealed file, without its line end. CORRUPT_DATA names `file`.
Result<std::string_view> unseal_text(std::string_view sealed, std::string_view file);
// Whether the last line is one of a checksum, right or wrong: files of earlier formats have none.
bool looks_sealed(std::string_view text);

}  // namespace dl
