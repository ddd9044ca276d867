#include "slave/log/partition_mark.h"

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.log";
constexpr std::size_t kHeadBytes = 24;
constexpr std::size_t kChecksumAt = 8;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, std::move(what));
}

// Of all bytes but its own four.
std::uint32_t checksum(std::string_view bytes) {
    constexpr std::size_t kBehind = kChecksumAt + sizeof(std::uint32_t);
    const auto before = crc32c(0, bytes.data(), kChecksumAt);
    return crc32c(before, bytes.data() + kBehind, bytes.size() - kBehind);
}

}  // namespace

std::string encode_partition_mark(const PartitionMarkFormat& format, const PartitionMark& mark, TableId table,
                                  PartitionId partition) {
    DL_CHECK(format.offsets <= mark.offsets.size(), "the mark has room for its offsets");
    std::array<char, kHeadBytes + PartitionMarkFormat::kOffsetsMax * sizeof(Offset)> buffer{};
    char* const at = buffer.data();
    store_le(at, format.magic);
    store_le(at + 4, format.version);
    store_le(at + 6, mark.flags);
    store_le(at + 12, partition.value);
    store_le(at + 16, table.value);
    for (std::size_t i = 0; i < format.offsets; ++i)
        store_le(at + kHeadBytes + i * sizeof(Offset), mark.offsets[i]);
    const std::string_view bytes(at, kHeadBytes + format.offsets * sizeof(Offset));
    store_le(at + kChecksumAt, checksum(bytes));
    return std::string(bytes);
}

Result<PartitionMark> decode_partition_mark(const PartitionMarkFormat& format, std::string_view bytes,
                                            TableId table, PartitionId partition) {
    const char* at = bytes.data();
    const auto whole = kHeadBytes + format.offsets * sizeof(Offset);
    if (bytes.size() < kHeadBytes || load_le<std::uint32_t>(at) != format.magic)
        return corrupt("is no " + std::string(format.full_name));
    if (load_le<std::uint32_t>(at + kChecksumAt) != checksum(bytes))
        return corrupt("its checksum does not match");
    if (const auto version = load_le<std::uint16_t>(at + 4); version != format.version)
        return make_error(ErrorCode::not_supported, "has format version " + std::to_string(version) +
                                                        ", this program knows " +
                                                        std::to_string(format.version));
    if (bytes.size() != whole)
        return corrupt("is " + std::to_string(bytes.size()) + " bytes long, not " + std::to_string(whole));
    if (load_le<std::uint32_t>(at + 12) != partition.value || load_le<std::uint64_t>(at + 16) != table.value)
        return corrupt("is of another partition");
    PartitionMark mark;
    mark.flags = load_le<std::uint16_t>(at + 6);
    if ((mark.flags & ~format.flags) != 0) return corrupt("has flags that this version does not have");
    for (std::size_t i = 0; i < format.offsets; ++i) {
        mark.offsets[i] = load_le<Offset>(at + kHeadBytes + i * sizeof(Offset));
        if (mark.offsets[i] < 0) return corrupt("names no offset");
    }
    return mark;
}

Result<std::optional<PartitionMark>> read_partition_mark(FileSystem& files, const PartitionMarkFormat& format,
                                                         const std::string& path, TableId table,
                                                         PartitionId partition) {
    const auto bytes = files.read_all(path);
    if (bytes.has_error()) {
        if (bytes.error().code == ErrorCode::not_found) return std::optional<PartitionMark>();
        return bytes.error();
    }
    const auto mark = decode_partition_mark(format, *bytes, table, partition);
    if (mark.has_value()) return std::optional<PartitionMark>(*mark);
    if (mark.error().code == ErrorCode::not_supported)
        return mark.error().in(std::string(format.name) + " " + path);
    log_warn(kComponent, "the " + std::string(format.full_name) + " is damaged and is made anew",
             {{"file", path}, {"error", mark.error()}});
    return std::optional<PartitionMark>();
}

}  // namespace dl::slave
