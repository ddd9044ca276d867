#include "slave/index/key_index_file.h"

#include <algorithm>
#include <array>
#include <bit>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x584b4c44;  // "DLKX"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 128;
constexpr std::uint64_t kBucketEntries = 8;
constexpr std::uint32_t kDirectoryBitsMax = 28;

std::uint32_t directory_bits_for(std::uint64_t entries) {
    if (entries < kBucketEntries) return 0;
    return std::min<std::uint32_t>(kDirectoryBitsMax,
                                   static_cast<std::uint32_t>(std::bit_width(entries / kBucketEntries)) - 1);
}

std::uint64_t bucket_of(const Hash128& hash, std::uint32_t shift) {
    return (hash.high >> 1) >> shift;
}

std::uint64_t align64(std::uint64_t at) {
    return (at + 63) & ~std::uint64_t{63};
}

// Where the sections lie follows from the counts alone.
struct Layout {
    std::uint32_t directory_bits = 0;
    std::uint32_t bloom_blocks = 0;
    std::uint64_t directory = 0, bloom = 0, hashes = 0, rows = 0, end = 0;

    Layout(std::uint64_t entries, std::uint32_t bits, std::uint32_t blocks)
        : directory_bits(bits), bloom_blocks(blocks) {
        directory = kHeaderBytes;
        bloom = align64(directory + ((std::uint64_t{1} << bits) + 1) * 4);
        hashes = align64(bloom + std::uint64_t{blocks} * kBloomBlockBytes);
        rows = align64(hashes + entries * 16);
        end = rows + entries * 4;
    }
};

std::string_view as_text(const void* data, std::size_t bytes) {
    return {static_cast<const char*>(data), bytes};
}

Error corrupt(const std::string& path, const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "key index " + path + ": " + what);
}

}  // namespace

void KeyIndexWriter::reserve(std::size_t entries) {
    hashes_.reserve(entries);
    rows_.reserve(entries);
}

void KeyIndexWriter::add(const Hash128& hash, std::uint32_t row, bool is_delete) {
    DL_CHECK(hashes_.empty() || hashes_.back() < hash, "key index entries ascend by hash, each key once");
    DL_CHECK(row < info_.rows && row < KeyIndex::kDeleteBit, "key index rows lie within their file");
    hashes_.push_back(hash);
    rows_.push_back(is_delete ? row | KeyIndex::kDeleteBit : row);
}

Result<void> KeyIndexWriter::write(FileSystem& files, const std::string& path) const {
    BloomBuilder bloom(hashes_.size());
    const Layout layout(hashes_.size(), directory_bits_for(hashes_.size()), bloom.blocks());
    const std::uint32_t shift = 63 - layout.directory_bits;
    std::vector<std::uint32_t> directory((std::size_t{1} << layout.directory_bits) + 1);
    std::uint64_t bucket = 0;
    for (std::size_t i = 0; i < hashes_.size(); ++i) {
        bloom.add(hashes_[i]);
        for (const auto own = bucket_of(hashes_[i], shift); bucket < own;)
            directory[++bucket] = static_cast<std::uint32_t>(i);
    }
    while (bucket + 1 < directory.size())
        directory[++bucket] = static_cast<std::uint32_t>(hashes_.size());

    DL_CHECK(rows_.size() == hashes_.size() && directory.back() == hashes_.size(),
             "every entry has its row and its bucket");
    static constexpr std::array<char, 64> kZeros{};
    const auto pad = [](std::uint64_t from, std::uint64_t to) { return as_text(kZeros.data(), to - from); };
    static_assert(sizeof(Hash128) == 16);
    const std::array<std::string_view, 7> body = {
        as_text(directory.data(), directory.size() * 4),
        pad(layout.directory + directory.size() * 4, layout.bloom),
        bloom.bytes(),
        pad(layout.bloom + bloom.bytes().size(), layout.hashes),
        as_text(hashes_.data(), hashes_.size() * 16),
        pad(layout.hashes + hashes_.size() * 16, layout.rows),
        as_text(rows_.data(), rows_.size() * 4),
    };
    std::uint32_t body_crc = 0;
    std::uint64_t bytes = kHeaderBytes;
    for (const auto part : body) {
        body_crc = crc32c(body_crc, part.data(), part.size());
        bytes += part.size();
    }
    DL_CHECK(bytes == layout.end, "the sections of a key index fill its layout");

    std::string header;
    append_le(header, kMagic);
    append_le(header, kVersion);
    append_le(header, std::uint16_t{0});
    append_le(header, std::uint32_t{0});  // header CRC, below
    append_le(header, body_crc);
    append_le(header, info_.rows);
    append_le(header, static_cast<std::uint64_t>(hashes_.size()));
    append_le(header, info_.hash_seed);
    append_le(header, info_.first_offset);
    append_le(header, info_.end_offset);
    append_le(header, layout.directory_bits);
    append_le(header, layout.bloom_blocks);
    append_le(header, layout.end);
    header.resize(kHeaderBytes, '\0');
    store_le(header.data() + 8, crc32c(0, header.data() + 12, kHeaderBytes - 12));

    DL_TRY_ASSIGN(const auto file, files.open_append(path, true));
    std::array<std::string_view, 8> parts;
    parts[0] = header;
    std::copy(body.begin(), body.end(), parts.begin() + 1);
    DL_TRY(file->append(parts));
    DL_TRY(file->sync());
    return {};
}

Result<std::shared_ptr<const KeyIndex>> KeyIndex::open(FileSystem& files, const std::string& path,
                                                       const KeyIndexInfo& expected) {
    DL_TRY_ASSIGN(const auto file, files.open_read(path));
    DL_TRY_ASSIGN(auto bytes, file->map());
    if (bytes.size() < kHeaderBytes)
        return corrupt(path, "is " + std::to_string(bytes.size()) + " bytes long, shorter than its header");
    const char* data = bytes.view().data();
    if (load_le<std::uint32_t>(data) != kMagic) return corrupt(path, "does not begin with DLKX");
    const auto version = load_le<std::uint16_t>(data + 4);
    if (version != kVersion || load_le<std::uint16_t>(data + 6) != 0)
        return corrupt(path, "has format version " + std::to_string(version) + ", this program knows 1");
    if (load_le<std::uint32_t>(data + 8) != crc32c(0, data + 12, kHeaderBytes - 12))
        return corrupt(path, "the checksum of the header does not match");
    KeyIndexInfo info;
    info.rows = load_le<std::uint64_t>(data + 16);
    const auto entries = load_le<std::uint64_t>(data + 24);
    info.hash_seed = load_le<std::uint64_t>(data + 32);
    info.first_offset = load_le<Offset>(data + 40);
    info.end_offset = load_le<Offset>(data + 48);
    const auto bits = load_le<std::uint32_t>(data + 56);
    const auto blocks = load_le<std::uint32_t>(data + 60);
    if (info.rows != expected.rows || info.first_offset != expected.first_offset ||
        info.end_offset != expected.end_offset || info.hash_seed != expected.hash_seed)
        return corrupt(
            path, "is not of the file that the manifest names (offsets " + std::to_string(info.first_offset) +
                      " to " + std::to_string(info.end_offset) + ", " + std::to_string(info.rows) + " rows)");
    if (entries > info.rows || bits > kDirectoryBitsMax || blocks == 0)
        return corrupt(path, "the counts in the header are out of range");
    const Layout layout(entries, bits, blocks);
    if (layout.end != load_le<std::uint64_t>(data + 64) || layout.end != bytes.size())
        return corrupt(path, "is " + std::to_string(bytes.size()) + " bytes long, its header says " +
                                 std::to_string(layout.end));
    if (load_le<std::uint32_t>(data + 12) != crc32c(0, data + kHeaderBytes, bytes.size() - kHeaderBytes))
        return corrupt(path, "the checksum of the content does not match");

    auto index = std::make_shared<KeyIndex>();
    index->entries_ = entries;
    index->directory_shift_ = 63 - bits;
    index->directory_ = data + layout.directory;
    index->hashes_ = data + layout.hashes;
    index->rows_ = data + layout.rows;
    index->bloom_ = BloomView(data + layout.bloom, blocks);
    index->bytes_ = std::move(bytes);
    return std::shared_ptr<const KeyIndex>(std::move(index));
}

std::uint32_t KeyIndex::load_row(std::uint64_t index) const {
    return load_le<std::uint32_t>(rows_ + index * 4);
}

Hash128 KeyIndex::load_hash(std::uint64_t index) const {
    return {load_le<std::uint64_t>(hashes_ + index * 16), load_le<std::uint64_t>(hashes_ + index * 16 + 8)};
}

KeyIndex::Entry KeyIndex::entry(std::uint64_t index) const {
    DL_CHECK(index < entries_, "key index entries are read within bounds");
    const auto row = load_row(index);
    return {load_hash(index), row & ~kDeleteBit, (row & kDeleteBit) != 0};
}

std::optional<KeyIndex::Entry> KeyIndex::find(const Hash128& hash) const {
    if (!bloom_.may_contain(hash)) return std::nullopt;
    const char* bucket = directory_ + bucket_of(hash, directory_shift_) * 4;
    const auto end = std::min<std::uint64_t>(load_le<std::uint32_t>(bucket + 4), entries_);
    for (std::uint64_t at = load_le<std::uint32_t>(bucket); at < end; ++at)
        if (load_hash(at) == hash) return entry(at);
    return std::nullopt;
}

void KeyIndex::find(std::span<const Hash128> hashes, std::uint32_t* rows) const {
    constexpr std::size_t kGroup = 64;
    std::array<std::uint32_t, kGroup> maybe;
    std::array<std::pair<std::uint32_t, std::uint32_t>, kGroup> range;
    for (std::size_t start = 0; start < hashes.size(); start += kGroup) {
        const std::size_t count = std::min(kGroup, hashes.size() - start);
        const Hash128* group = hashes.data() + start;
        for (std::size_t i = 0; i < count; ++i)
            bloom_.prefetch(group[i]);
        std::size_t hits = 0;
        for (std::size_t i = 0; i < count; ++i) {
            rows[start + i] = kNone;
            if (!bloom_.may_contain(group[i])) continue;
            maybe[hits++] = static_cast<std::uint32_t>(i);
            __builtin_prefetch(directory_ + bucket_of(group[i], directory_shift_) * 4);
        }
        for (std::size_t h = 0; h < hits; ++h) {
            const char* bucket = directory_ + bucket_of(group[maybe[h]], directory_shift_) * 4;
            range[h] = {load_le<std::uint32_t>(bucket), load_le<std::uint32_t>(bucket + 4)};
            __builtin_prefetch(hashes_ + std::uint64_t{range[h].first} * 16);
            __builtin_prefetch(hashes_ + std::uint64_t{range[h].first} * 16 + 64);
        }
        for (std::size_t h = 0; h < hits; ++h) {
            const Hash128& wanted = group[maybe[h]];
            for (std::uint64_t at = range[h].first; at < range[h].second && at < entries_; ++at) {
                if (load_hash(at) != wanted) continue;
                rows[start + maybe[h]] = row_at(at);
                break;
            }
        }
    }
}

}  // namespace dl::slave
