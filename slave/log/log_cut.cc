#include "slave/log/log_cut.h"

#include <algorithm>

#include "common/base/check.h"
#include "slave/log/segment_scanner.h"

namespace dl::slave {

Result<SegmentIndex> plan_log_cut(std::shared_ptr<ReadableFile> file, const LogIdentity& identity,
                                  const LogSegment& segment, Offset end, LeaderEpoch epoch) {
    SegmentIndex kept;
    kept.table = identity.table;
    kept.partition = identity.partition;
    kept.first_offset = kept.end_offset = segment.index.first_offset;
    SegmentScanner scanner(std::move(file), segment.path,
                           {identity.table, identity.partition, kept.first_offset}, 0, segment.index.bytes);
    while (kept.end_offset < end) {
        DL_TRY_ASSIGN(const bool more, scanner.next());
        if (!more) break;
        const auto& header = scanner.batch().header;
        if (header.end_offset() > end || header.epoch > epoch) break;
        kept.add(header);
    }
    DL_CHECK(kept.end_offset <= std::max(end, kept.first_offset) && kept.bytes <= segment.index.bytes,
             "INV-2 a cut leaves a part of what was there");
    return kept;
}

}  // namespace dl::slave
