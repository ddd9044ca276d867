#include "slave/partition/commit_mark.h"

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"
#include "common/base/log.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.partition";
constexpr std::uint32_t kMagic = 0x4d434c44;  // "DLCM"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMarkBytes = 32;

Error corrupt(std::string what) {
    return make_error(ErrorCode::corrupt_data, std::move(what));
}

// Of all bytes but its own four.
std::uint32_t checksum(std::string_view bytes) {
    const auto before = crc32c(0, bytes.data(), 8);
    return crc32c(before, bytes.data() + 12, bytes.size() - 12);
}

}  // namespace

std::string commit_mark_path(const std::string& directory) {
    return directory + "/log.committed";
}

std::string encode_commit_mark(Offset committed, TableId table, PartitionId partition) {
    std::string bytes(kMarkBytes, '\0');
    char* at = bytes.data();
    store_le(at, kMagic);
    store_le(at + 4, kVersion);
    store_le(at + 12, partition.value);
    store_le(at + 16, table.value);
    store_le(at + 24, committed);
    store_le(at + 8, checksum(bytes));
    return bytes;
}

Result<Offset> decode_commit_mark(std::string_view bytes, TableId table, PartitionId partition) {
    const char* at = bytes.data();
    if (bytes.size() < 12 || load_le<std::uint32_t>(at) != kMagic)
        return corrupt("is no mark of what is committed");
    if (load_le<std::uint32_t>(at + 8) != checksum(bytes)) return corrupt("its checksum does not match");
    if (const auto version = load_le<std::uint16_t>(at + 4); version != kVersion)
        return make_error(ErrorCode::not_supported, "has format version " + std::to_string(version) +
                                                        ", this program knows " + std::to_string(kVersion));
    if (bytes.size() != kMarkBytes)
        return corrupt("is " + std::to_string(bytes.size()) + " bytes long, not " +
                       std::to_string(kMarkBytes));
    if (load_le<std::uint32_t>(at + 12) != partition.value || load_le<std::uint64_t>(at + 16) != table.value)
        return corrupt("is of another partition");
    if (load_le<std::uint16_t>(at + 6) != 0) return corrupt("has flags that this version does not have");
    const auto committed = load_le<Offset>(at + 24);
    if (committed < 0) return corrupt("names no offset");
    return committed;
}

Result<Offset> read_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                                PartitionId partition) {
    const auto path = commit_mark_path(directory);
    const auto bytes = files.read_all(path);
    if (bytes.has_error()) {
        if (bytes.error().code == ErrorCode::not_found) return Offset{0};
        return bytes.error();
    }
    auto mark = decode_commit_mark(*bytes, table, partition);
    if (mark.has_value()) return mark;
    if (mark.error().code == ErrorCode::not_supported) return mark.error().in("mark " + path);
    log_warn(kComponent, "the mark of what is committed is damaged and is made anew",
             {{"file", path}, {"error", mark.error()}});
    return Offset{0};
}

Result<void> write_commit_mark(FileSystem& files, const std::string& directory, TableId table,
                               PartitionId partition, Offset committed) {
    return files.replace_atomically(commit_mark_path(directory),
                                    encode_commit_mark(committed, table, partition));
}

}  // namespace dl::slave
