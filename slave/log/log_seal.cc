#include "slave/log/log_seal.h"

#include <cstring>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.log";
constexpr std::uint32_t kMagic = 0x4c534c44;  // "DLSL"
constexpr std::uint16_t kVersion = 1;
constexpr std::uint16_t kClosed = 1;
constexpr std::size_t kSealBytes = 40;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, std::move(what));
}

// Of all bytes but its own four.
std::uint32_t checksum(std::string_view bytes) {
    const auto before = crc32c(0, bytes.data(), 8);
    return crc32c(before, bytes.data() + 12, bytes.size() - 12);
}

}  // namespace

std::string seal_path(const std::string& log_directory) {
    return log_directory + ".seal";
}

std::string encode_seal(const LogSeal& seal, TableId table, PartitionId partition) {
    std::string bytes(kSealBytes, '\0');
    char* at = bytes.data();
    store_le(at, kMagic);
    store_le(at + 4, kVersion);
    store_le(at + 6, seal.closed ? kClosed : std::uint16_t{0});
    store_le(at + 12, partition.value);
    store_le(at + 16, table.value);
    store_le(at + 24, seal.first_offset);
    store_le(at + 32, seal.end_offset);
    store_le(at + 8, checksum(bytes));
    return bytes;
}

Result<LogSeal> decode_seal(std::string_view bytes, TableId table, PartitionId partition) {
    const char* at = bytes.data();
    if (bytes.size() < 12 || load_le<std::uint32_t>(at) != kMagic) return corrupt("is no seal of a log");
    if (load_le<std::uint32_t>(at + 8) != checksum(bytes)) return corrupt("its checksum does not match");
    if (const auto version = load_le<std::uint16_t>(at + 4); version != kVersion)
        return make_error(ErrorCode::not_supported, "has format version " + std::to_string(version) +
                                                        ", this program knows " + std::to_string(kVersion));
    if (bytes.size() != kSealBytes)
        return corrupt("is " + std::to_string(bytes.size()) + " bytes long, not " +
                       std::to_string(kSealBytes));
    if (load_le<std::uint32_t>(at + 12) != partition.value || load_le<std::uint64_t>(at + 16) != table.value)
        return corrupt("is of another partition");
    const auto flags = load_le<std::uint16_t>(at + 6);
    if ((flags & ~kClosed) != 0) return corrupt("has flags that this version does not have");
    const LogSeal seal{load_le<Offset>(at + 24), load_le<Offset>(at + 32), flags == kClosed};
    if (seal.first_offset < 0 || seal.end_offset < seal.first_offset)
        return corrupt("its offsets do not ascend");
    return seal;
}

Result<std::optional<LogSeal>> read_seal(FileSystem& files, const LogIdentity& identity) {
    const auto path = seal_path(identity.directory);
    const auto bytes = files.read_all(path);
    if (bytes.has_error()) {
        if (bytes.error().code == ErrorCode::not_found) return std::optional<LogSeal>();
        return bytes.error();
    }
    const auto seal = decode_seal(*bytes, identity.table, identity.partition);
    if (seal.has_value()) return std::optional<LogSeal>(*seal);
    if (seal.error().code == ErrorCode::not_supported) return seal.error().in("seal " + path);
    log_warn(kComponent, "the seal of a log is damaged and is made anew",
             {{"file", path}, {"error", seal.error()}});
    return std::optional<LogSeal>();
}

Result<void> write_seal(FileSystem& files, const LogIdentity& identity, const LogSeal& seal) {
    DL_FAILPOINT("seal.before-write");
    DL_TRY(files.replace_atomically(seal_path(identity.directory),
                                    encode_seal(seal, identity.table, identity.partition)));
    DL_FAILPOINT("seal.after-write");
    return {};
}

}  // namespace dl::slave
