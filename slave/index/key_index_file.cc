#include "slave/index/key_index_file.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <bit>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x584b4c44;  // "DLKX"
constexpr std::uint16_t kVersion = 2;
constexpr std::size_t kHeaderBytes = 128;
constexpr std::uint64_t kHeaderLines = kHeaderBytes / kLineBytes;
constexpr std::uint64_t kBucketEntries = 4;
constexpr std::uint32_t kDirectoryBitsMax = 28;
constexpr std::uint64_t kDirectoryPerLine = kLineContentBytes / 4;
constexpr std::uint64_t kEntriesPerLine = KeyIndex::kEntriesPerLine;
// A key lies within some entries of where the directory points: buckets are small. One that does not is
// looked for with every line compared.
constexpr std::uint64_t kSearchedMax = 64;
constexpr std::size_t kHashesBytes = kEntriesPerLine * sizeof(Hash128);  // of a line; rows follow

std::uint32_t directory_bits_for(std::uint64_t entries) {
    if (entries < kBucketEntries) return 0;
    return std::min<std::uint32_t>(kDirectoryBitsMax,
                                   static_cast<std::uint32_t>(std::bit_width(entries / kBucketEntries)) - 1);
}

std::uint64_t lines_for(std::uint64_t items, std::uint64_t per_line) {
    return (items + per_line - 1) / per_line;
}

// Where the sections lie, in lines, follows from the counts alone.
struct Layout {
    std::uint64_t bloom = 0, entries = 0, end = 0;

    Layout(std::uint64_t entry_count, std::uint32_t directory_bits, std::uint32_t bloom_blocks) {
        bloom = kHeaderLines + lines_for(std::uint64_t{1} << directory_bits, kDirectoryPerLine);
        entries = bloom + bloom_blocks;
        end = entries + lines_for(entry_count, kEntriesPerLine);
    }
};

// Gives each line its checksum and appends them to the file in large parts.
class LineWriter {
  public:
    LineWriter(WritableFile& file, std::uint32_t salt) : file_(file), salt_(salt) {}
    Result<void> add(std::string_view content) {
        const auto begin = buffer_.size();
        buffer_.append(content);
        buffer_.resize(begin + kLineContentBytes);
        append_le(buffer_, line_checksum(buffer_.data() + begin, number_++, salt_));
        return buffer_.size() < kPartBytes ? Result<void>() : flush();
    }
    Result<void> flush() {
        const std::string_view part = buffer_;
        DL_TRY(file_.append({&part, 1}));
        buffer_.clear();
        return {};
    }

  private:
    static constexpr std::size_t kPartBytes = 1u << 20;
    WritableFile& file_;
    std::uint32_t salt_;
    std::uint64_t number_ = kHeaderLines;
    std::string buffer_;
};

Error corrupt(const std::string& path, const std::string& what) {
    return make_error(ErrorCode::corrupt_data, "key index " + path + ": " + what);
}

Error wrong_checksum(const std::string& path, std::uint64_t line) {
    return corrupt(
        path, "the checksum of the 64 bytes at " + std::to_string(line * kLineBytes) + " does not match");
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
    const auto directory_bits = directory_bits_for(hashes_.size());
    const Layout layout(hashes_.size(), directory_bits, bloom.blocks());
    const std::uint32_t shift = 63 - directory_bits;
    std::vector<std::uint32_t> directory(std::size_t{1} << directory_bits,
                                         static_cast<std::uint32_t>(hashes_.size()));
    std::uint64_t bucket = 0;  // those below are set
    for (std::size_t i = 0; i < hashes_.size(); ++i) {
        bloom.add(hashes_[i]);
        for (const auto own = (hashes_[i].high >> 1) >> shift; bucket <= own; ++bucket)
            directory[bucket] = static_cast<std::uint32_t>(i);
    }
    DL_CHECK(rows_.size() == hashes_.size(), "every entry has its row");

    std::string header;
    append_le(header, kMagic);
    append_le(header, kVersion);
    append_le(header, std::uint16_t{0});
    append_le(header, std::uint32_t{0});  // header CRC, below
    append_le(header, std::uint32_t{0});
    append_le(header, info_.rows);
    append_le(header, static_cast<std::uint64_t>(hashes_.size()));
    append_le(header, info_.hash_seed);
    append_le(header, info_.first_offset);
    append_le(header, info_.end_offset);
    append_le(header, directory_bits);
    append_le(header, bloom.blocks());
    append_le(header, layout.end * kLineBytes);
    header.resize(kHeaderBytes, '\0');
    const auto salt = crc32c(0, header.data() + 12, kHeaderBytes - 12);
    store_le(header.data() + 8, salt);

    DL_TRY_ASSIGN(const auto file, files.open_append(path, true));
    const std::string_view head = header;
    DL_TRY(file->append({&head, 1}));
    LineWriter lines(*file, salt);
    static_assert(sizeof(Hash128) == 16);
    const std::string_view numbers(reinterpret_cast<const char*>(directory.data()), directory.size() * 4);
    for (std::size_t at = 0; at < numbers.size(); at += kLineContentBytes)
        DL_TRY(lines.add(numbers.substr(at, kLineContentBytes)));
    const std::string_view blocks = bloom.bytes();
    for (std::size_t at = 0; at < blocks.size(); at += kLineContentBytes)
        DL_TRY(lines.add(blocks.substr(at, kLineContentBytes)));
    for (std::size_t i = 0; i < hashes_.size(); i += kEntriesPerLine) {
        const auto count = std::min<std::size_t>(kEntriesPerLine, hashes_.size() - i);
        std::array<char, kLineContentBytes> content{};
        std::memcpy(content.data(), hashes_.data() + i, count * sizeof(Hash128));
        std::memcpy(content.data() + kHashesBytes, rows_.data() + i, count * 4);
        DL_TRY(lines.add({content.data(), content.size()}));
    }
    DL_TRY(lines.flush());
    return file->sync();
}

Result<std::shared_ptr<const KeyIndex>> KeyIndex::open(FileSystem& files, const std::string& path,
                                                       const KeyIndexInfo& expected, Lines lines) {
    auto index = std::make_shared<KeyIndex>();  // before the lease, which goes first
    index->mapping_ = std::make_unique<PooledMapping>(files, path);
    const auto& mapping = index->mapping_;
    DL_TRY_ASSIGN(const auto lease, mapping->lease());
    const auto bytes = mapping->size();
    if (bytes < kHeaderBytes)
        return corrupt(path, "is " + std::to_string(bytes) + " bytes long, shorter than its header");
    const char* data = mapping->data();
    if (load_le<std::uint32_t>(data) != kMagic) return corrupt(path, "does not begin with DLKX");
    const auto version = load_le<std::uint16_t>(data + 4);
    if (version != kVersion || load_le<std::uint16_t>(data + 6) != 0)
        return corrupt(path, "has format version " + std::to_string(version) + ", this program writes " +
                                 std::to_string(kVersion));
    const auto salt = load_le<std::uint32_t>(data + 8);
    if (salt != crc32c(0, data + 12, kHeaderBytes - 12))
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
    if (layout.end * kLineBytes != load_le<std::uint64_t>(data + 64) || layout.end * kLineBytes != bytes)
        return corrupt(path, "is " + std::to_string(bytes) + " bytes long, its header says " +
                                 std::to_string(layout.end * kLineBytes));

    index->path_ = path;
    index->salt_ = salt;
    index->entries_ = entries;
    index->directory_shift_ = 63 - bits;
    index->bloom_blocks_ = blocks;
    index->bloom_line_ = layout.bloom;
    index->entries_line_ = layout.entries;
    if (lines == Lines::all_now) DL_TRY(index->check());
    return std::shared_ptr<const KeyIndex>(std::move(index));
}

Error KeyIndex::damaged(std::uint64_t line) const {
    auto error = wrong_checksum(path_, line);
    if (!doubted_.exchange(true)) spdlog::error("index: {}", error.message);
    return error;
}

Result<void> KeyIndex::check() const {
    DL_TRY_ASSIGN(const auto lease, mapping_->lease());
    for (std::uint64_t number = kHeaderLines; number < mapping_->size() / kLineBytes; ++number)
        if (!is_whole(number)) {
            doubted_ = true;
            return wrong_checksum(path_, number);
        }
    return {};
}

Result<bool> KeyIndex::Cursor::next(Entry* entry) {
    if (at_ == index_.entries_) return false;
    if (!lease_) {
        DL_TRY_ASSIGN(auto lease, index_.mapping_->lease());
        lease_.emplace(std::move(lease));
    }
    const auto number = index_.entries_line_ + at_ / kEntriesPerLine;
    const auto place = at_ % kEntriesPerLine;
    if (place == 0 && !index_.is_whole(number)) return index_.damaged(number);
    const char* line = index_.line(number);
    const auto row = load_le<std::uint32_t>(line + kHashesBytes + place * 4);
    entry->hash = {load_le<std::uint64_t>(line + place * 16), load_le<std::uint64_t>(line + place * 16 + 8)};
    entry->row = row & ~kDeleteBit;
    entry->is_delete = (row & kDeleteBit) != 0;
    ++at_;
    return true;
}

std::uint64_t KeyIndex::directory_line(std::uint64_t bucket) const {
    return kHeaderLines + bucket / kDirectoryPerLine;
}

std::uint32_t KeyIndex::first_entry(const Hash128& hash) const {
    const auto bucket = bucket_of(hash);
    return load_le<std::uint32_t>(line(directory_line(bucket)) + bucket % kDirectoryPerLine * 4);
}

// That a key is there is proven by the line that holds it, however it was come upon. That it is not there
// takes every line on the way.
Result<std::uint32_t> KeyIndex::search(const Hash128& hash, std::uint64_t first_entry) const {
    const auto end = std::min(entries_, first_entry + kSearchedMax);
    for (auto at = first_entry; at < end; ++at) {
        const auto number = entries_line_ + at / kEntriesPerLine;
        const auto place = at % kEntriesPerLine;
        const char* content = line(number);
        const auto high = load_le<std::uint64_t>(content + place * 16);
        if (high < hash.high) continue;
        if (high != hash.high || load_le<std::uint64_t>(content + place * 16 + 8) != hash.low) break;
        if (!is_whole(number)) return damaged(number);
        return load_le<std::uint32_t>(content + kHashesBytes + place * 4);
    }
    return search_proven(hash);
}

Result<std::uint32_t> KeyIndex::search_proven(const Hash128& hash) const {
    if (const auto directory = directory_line(bucket_of(hash)); !is_whole(directory))
        return damaged(directory);
    std::uint64_t proven = 0;
    for (std::uint64_t at = first_entry(hash); at < entries_; ++at) {
        const auto number = entries_line_ + at / kEntriesPerLine;
        if (number != proven && !is_whole(number)) return damaged(number);
        proven = number;
        const auto place = at % kEntriesPerLine;
        const char* content = line(number);
        const Hash128 here{load_le<std::uint64_t>(content + place * 16),
                           load_le<std::uint64_t>(content + place * 16 + 8)};
        if (here < hash) continue;
        if (here != hash) break;
        return load_le<std::uint32_t>(content + kHashesBytes + place * 4);
    }
    return kNone;
}

Result<std::optional<KeyIndex::Entry>> KeyIndex::find(const Hash128& hash) const {
    DL_TRY_ASSIGN(const auto lease, mapping_->lease());
    const auto bloom = bloom_line_ + bloom_block_of(hash, bloom_blocks_);
    __builtin_prefetch(line(bloom));
    const auto first = first_entry(hash);
    if (!bloom_may_contain(line(bloom), hash)) {
        if (!is_whole(bloom)) return damaged(bloom);
        return std::optional<Entry>();
    }
    DL_TRY_ASSIGN(const auto row, search(hash, first));
    if (row == kNone) return std::optional<Entry>();
    return std::optional<Entry>({hash, row & ~kDeleteBit, (row & kDeleteBit) != 0});
}

Result<void> KeyIndex::find(std::span<const Hash128> hashes, std::uint32_t* rows) const {
    constexpr std::size_t kGroup = 64;
    DL_TRY_ASSIGN(const auto lease, mapping_->lease());
    std::array<std::uint32_t, kGroup> maybe;
    std::array<std::uint32_t, kGroup> first;
    for (std::size_t start = 0; start < hashes.size(); start += kGroup) {
        const std::size_t count = std::min(kGroup, hashes.size() - start);
        const Hash128* group = hashes.data() + start;
        for (std::size_t i = 0; i < count; ++i)
            __builtin_prefetch(line(bloom_line_ + bloom_block_of(group[i], bloom_blocks_)));
        std::size_t hits = 0;
        for (std::size_t i = 0; i < count; ++i) {
            rows[start + i] = kNone;
            const auto bloom = bloom_line_ + bloom_block_of(group[i], bloom_blocks_);
            if (!bloom_may_contain(line(bloom), group[i])) {
                if (!is_whole(bloom)) return damaged(bloom);
                continue;
            }
            maybe[hits++] = static_cast<std::uint32_t>(i);
            __builtin_prefetch(line(directory_line(bucket_of(group[i]))));
        }
        for (std::size_t h = 0; h < hits; ++h) {
            first[h] = first_entry(group[maybe[h]]);
            const char* entries = line(entries_line_ + first[h] / kEntriesPerLine);
            __builtin_prefetch(entries);
            __builtin_prefetch(entries + kLineBytes);
            __builtin_prefetch(entries + 2 * kLineBytes);
        }
        for (std::size_t h = 0; h < hits; ++h) {
            DL_TRY_ASSIGN(const auto row, search(group[maybe[h]], first[h]));
            if (row != kNone) rows[start + maybe[h]] = row & ~kDeleteBit;
        }
    }
    return {};
}

}  // namespace dl::slave
