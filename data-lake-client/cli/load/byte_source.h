// The bytes of a file as UTF-8: read, unpacked (.gz, .zst, told by their first bytes) and brought from other
// encodings. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "datalake/error.h"

namespace datalake::cli {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    // Up to `size` bytes, at least one; 0: the end. Errors name the file; so do a packed file that is cut off
    // and one whose checksum is wrong, when that is reached.
    virtual Result<std::size_t> read(char* to, std::size_t size) = 0;
};

// Bytes of the file as it lies on disk.
struct ReadProgress {
    std::uint64_t done = 0;
    std::uint64_t total = 0;  // 0: not known
};

// `path` "-" is the standard input; messages say `name`. `encoding`: a name iconv knows, or empty for UTF-8;
// a byte order mark of UTF-8 or UTF-16 is honoured and left out. What is not valid in its encoding becomes a
// byte 0xff, which is never part of UTF-8, so that the row it stands in can be refused. `progress` must
// outlive the source.
Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path, const std::string& name,
                                               const std::string& encoding, ReadProgress& progress);
// The same of bytes in memory, for tests.
Result<std::unique_ptr<ByteSource>> bytes_of(std::string content, const std::string& encoding);

}  // namespace datalake::cli
