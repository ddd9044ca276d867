#include "slave/log/log_seal.h"

#include "common/base/failpoint.h"
#include "slave/log/partition_mark.h"

namespace dl::slave {
namespace {

constexpr std::uint16_t kClosed = 1;
constexpr PartitionMarkFormat kFormat{.magic = 0x4c534c44,  // "DLSL"
                                      .version = 1,
                                      .flags = kClosed,
                                      .offsets = 2,
                                      .name = "seal",
                                      .full_name = "seal of a log"};

Result<LogSeal> seal_of(const PartitionMark& mark) {
    const LogSeal seal{mark.offsets[0], mark.offsets[1], mark.flags == kClosed};
    if (seal.end_offset < seal.first_offset)
        return make_error(ErrorCode::corrupt_data, "its offsets do not ascend");
    return seal;
}

}  // namespace

std::string seal_path(const std::string& log_directory) {
    return log_directory + ".seal";
}

std::string encode_seal(const LogSeal& seal, TableId table, PartitionId partition) {
    PartitionMark mark;
    mark.flags = seal.closed ? kClosed : std::uint16_t{0};
    mark.offsets = {seal.first_offset, seal.end_offset};
    return encode_partition_mark(kFormat, mark, table, partition);
}

Result<LogSeal> decode_seal(std::string_view bytes, TableId table, PartitionId partition) {
    DL_TRY_ASSIGN(const auto mark, decode_partition_mark(kFormat, bytes, table, partition));
    return seal_of(mark);
}

Result<std::optional<LogSeal>> read_seal(FileSystem& files, const LogIdentity& identity) {
    const auto path = seal_path(identity.directory);
    DL_TRY_ASSIGN(const auto mark,
                  read_partition_mark(files, kFormat, path, identity.table, identity.partition));
    if (!mark) return std::optional<LogSeal>();
    const auto seal = seal_of(*mark);
    if (seal.has_error()) return seal.error().in("seal " + path);
    return std::optional<LogSeal>(*seal);
}

Result<void> write_seal(FileSystem& files, const LogIdentity& identity, const LogSeal& seal) {
    DL_FAILPOINT("seal.before-write");
    DL_TRY(files.replace_atomically(seal_path(identity.directory),
                                    encode_seal(seal, identity.table, identity.partition)));
    DL_FAILPOINT("seal.after-write");
    return {};
}

}  // namespace dl::slave
