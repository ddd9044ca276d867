#include "slave/partition/commit_mark.h"

#include "slave/log/partition_mark.h"

namespace dl::slave {
namespace {

constexpr PartitionMarkFormat kFormat{.magic = 0x4d434c44,  // "DLCM"
                                      .version = 1,
                                      .offsets = 1,
                                      .name = "mark",
                                      .full_name = "mark of what is committed"};

}  // namespace

std::string commit_mark_path(const std::string& directory) {
    return directory + "/log.committed";
}

std::string encode_commit_mark(Offset committed, TableId table, PartitionId partition) {
    PartitionMark mark;
    mark.offsets[0] = committed;
    return encode_partition_mark(kFormat, mark, table, partition);
}

Result<Offset> decode_commit_mark(std::string_view bytes, TableId table, PartitionId partition) {
    DL_TRY_ASSIGN(const auto mark, decode_partition_mark(kFormat, bytes, table, partition));
    return mark.offsets[0];
}

Result<Offset> read_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                                PartitionId partition) {
    DL_TRY_ASSIGN(const auto mark,
                  read_partition_mark(files, kFormat, commit_mark_path(directory), table, partition));
    return mark ? mark->offsets[0] : Offset{0};
}

Result<void> write_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                               PartitionId partition, Offset committed) {
    return files.replace_atomically(commit_mark_path(directory),
                                    encode_commit_mark(committed, table, partition));
}

}  // namespace dl::slave
