#include "slave/log/segment_check.h"

#include "slave/log/packed_segment.h"

namespace dl::slave {

Result<SegmentIndex> check_segment(FileSystem& files, const std::string& path, const BatchPlace& place) {
    DL_TRY_ASSIGN(const auto opened, open_segment_file(files, path, place));
    DL_TRY_ASSIGN(const auto plain_bytes, opened.file->size());
    SegmentIndex index;
    index.table = place.table;
    index.partition = place.partition;
    index.first_offset = index.end_offset = place.offset;
    SegmentScanner scanner(opened.file, path, place, 0, plain_bytes);
    for (;;) {
        DL_TRY_ASSIGN(const bool more, scanner.next());
        if (!more) return index;
        index.add(scanner.batch().header);
    }
}

}  // namespace dl::slave
