#include "slave/log/packed_segment.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x4b504c44;  // "DLPK"
constexpr std::uint16_t kVersion = 1;
constexpr std::uint16_t kCodecZstd = 1;
constexpr std::size_t kHeadBytes = 8;
constexpr std::size_t kBlockEntryBytes = 8;
constexpr std::size_t kFooterBytes = 56;
constexpr int kZstdLevel = 1;
constexpr std::size_t kCopyBytes = 4u << 20;

Error corrupt(const std::string& path, std::string_view what) {
    return make_error(ErrorCode::corrupt_data, "packed log file \"" + path + "\": " + std::string(what));
}

std::string head() {
    std::string out;
    append_le(out, kMagic);
    append_le(out, kVersion);
    append_le(out, kCodecZstd);
    return out;
}

std::string encode(const PackedFooter& footer) {
    std::string out;
    for (const auto& block : footer.blocks) {
        append_le(out, block.stored_bytes);
        append_le(out, block.crc);
    }
    append_le(out, footer.partition.value);
    append_le(out, footer.block_bytes);
    append_le(out, footer.table.value);
    append_le(out, footer.first_offset);
    append_le(out, footer.end_offset);
    append_le(out, footer.plain_bytes);
    append_le(out, static_cast<std::uint32_t>(footer.blocks.size()));
    append_le(out, std::uint32_t{0});
    const auto begin = head();
    append_le(out, crc32c(crc32c(0, begin.data(), begin.size()), out.data(), out.size()));
    append_le(out, kMagic);
    return out;
}

// All of `length` bytes.
Result<SharedBytes> read_whole(const ReadableFile& file, const std::string& path, std::uint64_t at,
                               std::size_t length) {
    DL_TRY_ASSIGN(auto bytes, file.read(at, length));
    if (bytes.size() != length) return corrupt(path, "it is shorter than it was");
    return bytes;
}

Result<PackedFooter> read_footer(const ReadableFile& file, const std::string& path, std::uint64_t size,
                                 std::string_view begin) {
    const auto version = load_le<std::uint16_t>(begin.data() + 4);
    const auto codec = load_le<std::uint16_t>(begin.data() + 6);
    if (version != kVersion || codec != kCodecZstd)
        return corrupt(path, "format version " + std::to_string(version) + " with codec " +
                                 std::to_string(codec) + " is unknown (known: 1 with 1)");
    if (size < kHeadBytes + kFooterBytes) return corrupt(path, "it is too short for its end");
    DL_TRY_ASSIGN(const auto end, read_whole(file, path, size - kFooterBytes, kFooterBytes));
    ByteReader in(end.view());
    PackedFooter footer;
    footer.partition = PartitionId{in.read<std::uint32_t>()};
    footer.block_bytes = in.read<std::uint32_t>();
    footer.table = TableId{in.read<std::uint64_t>()};
    footer.first_offset = in.read<Offset>();
    footer.end_offset = in.read<Offset>();
    footer.plain_bytes = in.read<std::uint64_t>();
    const auto count = in.read<std::uint32_t>();
    const auto zero = in.read<std::uint32_t>();
    const auto crc = in.read<std::uint32_t>();
    const auto magic = in.read<std::uint32_t>();
    // Before anything is read by a number of it (INV-13).
    const auto table_bytes = std::uint64_t{count} * kBlockEntryBytes;
    if (magic != kMagic || zero != 0 || table_bytes > size - kHeadBytes - kFooterBytes)
        return corrupt(path, "its end is not that of a packed log file");
    DL_TRY_ASSIGN(const auto table, read_whole(file, path, size - kFooterBytes - table_bytes, table_bytes));
    auto found = crc32c(0, begin.data(), kHeadBytes);
    found = crc32c(found, table.view().data(), table.size());
    found = crc32c(found, end.view().data(), kFooterBytes - 8);
    if (found != crc) return corrupt(path, "the checksum of its end does not fit");
    std::uint64_t stored = 0;
    ByteReader entries(table.view());
    footer.blocks.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        PackedBlock block;
        block.stored_bytes = entries.read<std::uint32_t>();
        block.crc = entries.read<std::uint32_t>();
        stored += block.stored_bytes;
        footer.blocks.push_back(block);
    }
    // The CRC says these are our own bytes; this guards against a writer's defect sending readers astray.
    const bool fits = footer.block_bytes > 0 && footer.block_bytes <= kPackedBlockBytesMax && count > 0 &&
                      footer.plain_bytes > std::uint64_t{count - 1} * footer.block_bytes &&
                      footer.plain_bytes <= std::uint64_t{count} * footer.block_bytes &&
                      footer.end_offset > footer.first_offset &&
                      stored == size - kHeadBytes - kFooterBytes - table_bytes;
    if (!fits) return corrupt(path, "its blocks do not fit its size");
    return footer;
}

class PackedFile final : public ReadableFile {
  public:
    PackedFile(std::shared_ptr<ReadableFile> file, std::string path, PackedFooter footer)
        : file_(std::move(file)), path_(std::move(path)), footer_(std::move(footer)) {
        std::uint64_t at = kHeadBytes;
        for (const auto& block : footer_.blocks) {
            positions_.push_back(at);
            at += block.stored_bytes;
        }
    }

    Result<SharedBytes> read(std::uint64_t offset, std::size_t length) const override {
        if (offset >= footer_.plain_bytes) return SharedBytes();
        length = static_cast<std::size_t>(std::min<std::uint64_t>(length, footer_.plain_bytes - offset));
        std::string out;
        out.reserve(length);
        std::string plain;
        while (out.size() < length) {
            const auto at = offset + out.size();
            const auto block = static_cast<std::size_t>(at / footer_.block_bytes);
            DL_TRY(unpack(block, plain));
            const auto begin = static_cast<std::size_t>(at - std::uint64_t{block} * footer_.block_bytes);
            out.append(plain, begin, length - out.size());
        }
        return SharedBytes::from_string(std::move(out));
    }
    Result<std::uint64_t> size() const override { return footer_.plain_bytes; }
    Result<SharedBytes> map() const override { return read(0, footer_.plain_bytes); }

  private:
    std::size_t plain_bytes_of(std::size_t block) const {
        return static_cast<std::size_t>(std::min<std::uint64_t>(
            footer_.block_bytes, footer_.plain_bytes - std::uint64_t{block} * footer_.block_bytes));
    }
    // Nothing is kept of it: readers come in steps of many blocks, and many files are open.
    Result<void> unpack(std::size_t block, std::string& plain) const {
        const auto& entry = footer_.blocks[block];
        DL_TRY_ASSIGN(const auto stored, read_whole(*file_, path_, positions_[block], entry.stored_bytes));
        const auto bad = [&](std::string_view what) {
            return corrupt(
                path_, "the block at byte " + std::to_string(positions_[block]) + " " + std::string(what));
        };
        const auto packed = stored.view();
        if (crc32c(0, packed.data(), packed.size()) != entry.crc) return bad("does not fit its checksum");
        plain.resize(plain_bytes_of(block));
        if (packed.size() == plain.size()) {
            plain.assign(packed);
            return {};
        }
        const auto done = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
        if (ZSTD_isError(done) != 0 || done != plain.size()) return bad("cannot be unpacked");
        return {};
    }

    const std::shared_ptr<ReadableFile> file_;
    const std::string path_;
    const PackedFooter footer_;
    std::vector<std::uint64_t> positions_;  // of the blocks
};

}  // namespace

struct PackedSegmentWriter::Compressor {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    std::string buffer = std::string(ZSTD_compressBound(kPackedBlockBytes), '\0');
    Compressor() { DL_CHECK(context != nullptr, "memory for a compressor"); }
    ~Compressor() { ZSTD_freeCCtx(context); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;
};

PackedSegmentWriter::PackedSegmentWriter(WritableFile& file)
    : file_(file), compressor_(std::make_unique<Compressor>()) {}
PackedSegmentWriter::~PackedSegmentWriter() = default;

Result<void> PackedSegmentWriter::write_block(std::string_view plain) {
    auto& [context, buffer] = *compressor_;
    const auto packed =
        ZSTD_compressCCtx(context, buffer.data(), buffer.size(), plain.data(), plain.size(), kZstdLevel);
    // What does not get smaller is stored as it is: its size says so.
    const bool smaller = ZSTD_isError(packed) == 0 && packed < plain.size();
    const std::string_view stored = smaller ? std::string_view(buffer.data(), packed) : plain;
    std::vector<std::string_view> parts;
    const auto begin = head();
    if (!std::exchange(begun_, true)) parts.push_back(begin);
    parts.push_back(stored);
    footer_.blocks.push_back(
        {static_cast<std::uint32_t>(stored.size()), crc32c(0, stored.data(), stored.size())});
    footer_.plain_bytes += plain.size();
    return file_.append(parts);
}

Result<void> PackedSegmentWriter::add(std::string_view plain) {
    while (!plain.empty()) {
        if (pending_.empty() && plain.size() >= kPackedBlockBytes) {
            DL_TRY(write_block(plain.substr(0, kPackedBlockBytes)));
            plain.remove_prefix(kPackedBlockBytes);
            continue;
        }
        const auto taken = std::min<std::size_t>(plain.size(), kPackedBlockBytes - pending_.size());
        pending_.append(plain.substr(0, taken));
        plain.remove_prefix(taken);
        if (pending_.size() < kPackedBlockBytes) continue;
        DL_TRY(write_block(pending_));
        pending_.clear();
    }
    return {};
}

Result<void> PackedSegmentWriter::finish(PackedFooter footer) {
    if (!pending_.empty()) DL_TRY(write_block(pending_));
    pending_.clear();
    DL_CHECK(!footer_.blocks.empty(), "INV-2 a closed segment has batches");
    footer.blocks = std::move(footer_.blocks);
    footer.plain_bytes = footer_.plain_bytes;
    footer.block_bytes = kPackedBlockBytes;
    const auto end = encode(footer);
    const std::string_view part = end;
    return file_.append(std::span(&part, 1));
}

Result<SegmentFile> open_segment_file(FileSystem& files, const std::string& path, const BatchPlace& place) {
    SegmentFile opened;
    DL_TRY_ASSIGN(opened.file, files.open_read(path));
    DL_TRY_ASSIGN(const auto begin, opened.file->read(0, kHeadBytes));
    if (begin.size() < kHeadBytes || load_le<std::uint32_t>(begin.view().data()) != kMagic) return opened;
    DL_TRY_ASSIGN(opened.stored_bytes, opened.file->size());
    DL_TRY_ASSIGN(auto footer, read_footer(*opened.file, path, opened.stored_bytes, begin.view()));
    if (footer.table != place.table || footer.partition != place.partition ||
        footer.first_offset != place.offset)
        return corrupt(path, "it is of table " + std::to_string(footer.table.value) + ", partition " +
                                 std::to_string(footer.partition.value) + ", offset " +
                                 std::to_string(footer.first_offset) + ", where others are expected");
    opened.packed = true;
    opened.end_offset = footer.end_offset;
    opened.file = std::make_shared<PackedFile>(std::move(opened.file), path, std::move(footer));
    return opened;
}

Result<void> unpack_segment_file(FileSystem& files, const std::string& path, const ReadableFile& packed) {
    const auto draft = path + ".tmp";
    // Of an earlier try.
    const auto removed = files.remove(draft);
    if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed;
    DL_TRY_ASSIGN(const auto size, packed.size());
    DL_TRY_ASSIGN(auto file, files.open_append(draft, true));
    for (std::uint64_t at = 0; at < size;) {
        DL_TRY_ASSIGN(const auto bytes, packed.read(at, kCopyBytes));
        const auto part = bytes.view();
        DL_TRY(file->append(std::span(&part, 1)));
        at += part.size();
    }
    DL_TRY(file->sync());
    file.reset();
    DL_TRY(files.rename(draft, path));
    const auto slash = path.find_last_of('/');
    return files.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace dl::slave
