// Places in a snappy stream where unpacking can begin and end, so that a few bytes of a large page cost a
// part of it. Compressors work in blocks of 64 KiB that do not refer to each other: a block that is seen to
// keep to itself can be entered at its start. Pure; the unpacking itself is the library's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace dl::slave {

class SnappyMarks {
  public:
    // Plain bytes between two places to end at, about; a tag may be longer.
    static constexpr std::uint32_t kStep = 4096;
    static constexpr std::uint32_t kBlock = 65'536;

    SnappyMarks() = default;
    // Reads every tag. CORRUPT_DATA unless all of them together make exactly `plain_bytes` and none refers to
    // what is not there: only after that is `plain_bytes` fit to size memory by.
    static Result<SnappyMarks> survey(std::string_view stored, std::uint32_t plain_bytes);

    // A stretch of the plain bytes that can be unpacked by itself.
    struct Part {
        std::uint32_t begin = 0, end = 0;                // plain
        std::uint32_t stored_begin = 0, stored_end = 0;  // of its tags
    };
    // The shortest one around [begin, end), which must lie within the plain bytes.
    Part part_around(std::uint32_t begin, std::uint32_t end) const;
    // To part.end - part.begin bytes at `out`. `stored` are the bytes that were surveyed; false: they are
    // not.
    static bool unpack(std::string_view stored, const Part& part, char* out);

    std::size_t memory_bytes() const { return marks_.capacity() * sizeof(Mark); }

  private:
    struct Mark {
        std::uint32_t stored, plain;
        std::uint32_t entry;  // the mark at or before this one to begin at
    };
    std::vector<Mark> marks_;  // ascending; the first is the first tag, the last the end
};

}  // namespace dl::slave
