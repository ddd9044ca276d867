#include "slave/partition/batch_id_file.h"

#include <algorithm>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x49424c44;  // "DLBI"
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kVersionBefore = 2;  // without digests
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kBlockHeadBytes = 8;  // CRC-32C of the rest of the block, number of entries
constexpr std::size_t kEntryBytes = 56;
constexpr std::size_t kEntryBytesBefore = 48;
constexpr std::size_t block_entries(std::size_t entry_bytes) {
    return (kBlockBytes - kBlockHeadBytes) / entry_bytes;
}
constexpr std::size_t kFooterBytes = 64;
constexpr std::size_t kWriteBytes = 256u << 10;

// Appends one entry to a group that is being read; count 0: what is forgotten of a producer.
void take_entry(const char* at, std::size_t entry_bytes, BatchGroup& group) {
    const auto sequence = load_le<std::uint64_t>(at + 16);
    const auto count = load_le<std::uint32_t>(at + 40);
    if (count == 0)
        group.forgotten = sequence;
    else
        group.batches.push_back({sequence, load_le<Offset>(at + 24), count, load_le<std::int64_t>(at + 32),
                                 SchemaId{load_le<std::uint32_t>(at + 44)},
                                 entry_bytes == kEntryBytes ? load_le<std::uint64_t>(at + 48) : 0});
}

Hash128 id_at(const char* at) {
    return {load_le<std::uint64_t>(at), load_le<std::uint64_t>(at + 8)};
}

}  // namespace

Result<std::unique_ptr<BatchIdFileWriter>> BatchIdFileWriter::create(FileSystem& files,
                                                                     const std::string& path,
                                                                     BatchIdFileOwner owner) {
    DL_TRY_ASSIGN(auto file, files.open_append(path, true));
    return std::unique_ptr<BatchIdFileWriter>(new BatchIdFileWriter(std::move(file), owner));
}

void BatchIdFileWriter::put(const Hash128& id, const RememberedBatch& batch) {
    if (block_.size() == block_entries(kEntryBytes) * kEntryBytes) close_block();
    if (block_.empty()) append_le(firsts_, id.high);
    append_le(block_, id.high);
    append_le(block_, id.low);
    append_le(block_, batch.sequence);
    append_le(block_, batch.first);
    append_le(block_, batch.time_us);
    append_le(block_, batch.count);
    append_le(block_, batch.schema.value);
    append_le(block_, batch.digest);
    ++entries_;
}

void BatchIdFileWriter::close_block() {
    const auto begin = pending_.size();
    append_le(pending_, std::uint32_t{0});
    append_le(pending_, static_cast<std::uint32_t>(block_.size() / kEntryBytes));
    pending_ += block_;
    pending_.resize(begin + kBlockBytes, '\0');
    store_le(pending_.data() + begin, crc32c(0, pending_.data() + begin + 4, kBlockBytes - 4));
    block_.clear();
    ++blocks_;
}

Result<void> BatchIdFileWriter::write_out() {
    const std::string_view part = pending_;
    DL_TRY(file_->append({&part, 1}));
    pending_.clear();
    return {};
}

Result<void> BatchIdFileWriter::add(const BatchGroup& group) {
    DL_CHECK(ids_.empty() || ids_.back() < group.id, "ids of a file ascend");
    DL_CHECK(!group.batches.empty(), "INV-11 an id stands for a batch");
    ids_.push_back(group.id);
    if (group.forgotten != 0) put(group.id, {group.forgotten, 0, 0, group.newest_us()});
    for (const auto& batch : group.batches)
        put(group.id, batch);
    newest_us_ = std::max(newest_us_, group.newest_us());
    return pending_.size() < kWriteBytes ? Result<void>() : write_out();
}

Result<void> BatchIdFileWriter::finish() {
    DL_CHECK(entries_ > 0, "a file of batch ids has some");
    close_block();
    const auto tail = pending_.size();
    pending_ += firsts_;
    BloomBuilder filter(ids_.size());
    for (const auto& id : ids_)
        filter.add(id);
    pending_ += filter.bytes();
    const auto tail_crc = crc32c(0, pending_.data() + tail, pending_.size() - tail);
    std::string footer;
    append_le(footer, kMagic);
    append_le(footer, kVersion);
    append_le(footer, owner_.table.value);
    append_le(footer, owner_.partition.value);
    append_le(footer, blocks_);
    append_le(footer, entries_);
    append_le(footer, newest_us_);
    append_le(footer, filter.blocks());
    append_le(footer, tail_crc);
    footer.resize(kFooterBytes - 4, '\0');
    append_le(footer, crc32c(0, footer.data(), footer.size()));
    pending_ += footer;
    DL_TRY(write_out());
    return file_->sync();
}

Error BatchIdFile::corrupt(const std::string& what) const {
    return make_error(ErrorCode::corrupt_data, "batch ids " + path_ + ": " + what);
}

Result<std::shared_ptr<const BatchIdFile>> BatchIdFile::open(FileSystem& files, std::string path,
                                                             std::uint64_t edition, BatchIdFileOwner owner) {
    std::shared_ptr<BatchIdFile> opened(new BatchIdFile(files, std::move(path), edition));
    DL_TRY(opened->load(owner));
    return std::shared_ptr<const BatchIdFile>(std::move(opened));
}

Result<void> BatchIdFile::load(BatchIdFileOwner owner) {
    DL_TRY_ASSIGN(const auto file, files_.open_read(path_));
    DL_TRY_ASSIGN(bytes_, file->size());
    if (bytes_ < kFooterBytes) return corrupt("is shorter than its end should be");
    DL_TRY_ASSIGN(const auto footer, file->read(bytes_ - kFooterBytes, kFooterBytes));
    ByteReader in(footer.view());
    if (in.read<std::uint32_t>() != kMagic) return corrupt("does not end as a file of batch ids");
    const auto version = in.read<std::uint32_t>();
    if (version != kVersion && version != kVersionBefore)
        return corrupt("has format version " + std::to_string(version) + ", this program knows 1 to 3");
    entry_bytes_ = version == kVersion ? kEntryBytes : kEntryBytesBefore;
    const auto table = in.read<std::uint64_t>();
    const auto partition = in.read<std::uint32_t>();
    const auto blocks = in.read<std::uint32_t>();
    entries_ = in.read<std::uint64_t>();
    newest_us_ = in.read<std::int64_t>();
    filter_blocks_ = in.read<std::uint32_t>();
    const auto tail_crc = in.read<std::uint32_t>();
    if (load_le<std::uint32_t>(footer.data() + kFooterBytes - 4) !=
        crc32c(0, footer.data(), kFooterBytes - 4))
        return corrupt("the checksum of its end does not match");
    if (table != owner.table.value || partition != owner.partition.value)
        return corrupt("is of another partition");
    const auto first_bytes = std::uint64_t{blocks} * sizeof(std::uint64_t);
    const auto filter_bytes = std::uint64_t{filter_blocks_} * kLineContentBytes;
    const auto block_bytes = std::uint64_t{blocks} * kBlockBytes;
    if (blocks == 0 || filter_blocks_ == 0 || entries_ == 0 ||
        entries_ > std::uint64_t{blocks} * block_entries(entry_bytes_) ||
        bytes_ != block_bytes + first_bytes + filter_bytes + kFooterBytes)
        return corrupt("its size does not fit its end");
    DL_TRY_ASSIGN(const auto tail, file->read(block_bytes, first_bytes + filter_bytes));
    if (tail.size() != first_bytes + filter_bytes || crc32c(0, tail.data(), tail.size()) != tail_crc)
        return corrupt("the checksum of its filter does not match");
    firsts_.resize(blocks);
    std::copy_n(tail.view().data(), first_bytes, reinterpret_cast<char*>(firsts_.data()));
    filter_ = tail.view().substr(first_bytes);
    return {};
}

Result<SharedBytes> BatchIdFile::read_block(std::uint32_t block) const {
    std::shared_ptr<ReadableFile> file;
    {
        const std::lock_guard lock(mutex_);
        if (file_ == nullptr) {
            DL_TRY_ASSIGN(file_, files_.open_read(path_));
        }
        file = file_;
    }
    return file->read(std::uint64_t{block} * kBlockBytes, kBlockBytes);
}

Result<std::string_view> BatchIdFile::check_block(const SharedBytes& bytes, std::uint32_t block) const {
    const auto damaged = [&] {
        return corrupt("the checksum of the block at byte " +
                       std::to_string(std::uint64_t{block} * kBlockBytes) +
                       " does not match; batches whose id may be in it are refused until it is forgotten");
    };
    if (bytes.size() != kBlockBytes) return damaged();
    const char* at = bytes.view().data();
    const auto entries = load_le<std::uint32_t>(at + 4);
    if (load_le<std::uint32_t>(at) != crc32c(0, at + 4, kBlockBytes - 4) || entries == 0 ||
        entries > block_entries(entry_bytes_))
        return damaged();
    return bytes.view().substr(kBlockHeadBytes, entries * entry_bytes_);
}

Result<std::optional<BatchGroup>> BatchIdFile::find(const Hash128& id) const {
    const char* line = filter_.data() + bloom_block_of(id, filter_blocks_) * kLineContentBytes;
    if (!bloom_may_contain(line, id)) return std::optional<BatchGroup>();
    BatchGroup group;
    group.id = id;
    // Ids with this upper half may begin at the end of the block before the first that begins with one.
    const auto at = std::lower_bound(firsts_.begin(), firsts_.end(), id.high);
    auto block = static_cast<std::uint32_t>(at - firsts_.begin());
    if (block > 0) --block;
    for (; block < firsts_.size() && firsts_[block] <= id.high; ++block) {
        DL_TRY_ASSIGN(const auto bytes, read_block(block));
        DL_TRY_ASSIGN(const auto entries, check_block(bytes, block));
        for (std::size_t i = 0; i < entries.size(); i += entry_bytes_)
            if (id_at(entries.data() + i) == id) take_entry(entries.data() + i, entry_bytes_, group);
    }
    if (group.batches.empty()) return std::optional<BatchGroup>();
    return std::optional(std::move(group));
}

Result<bool> BatchIdFile::Cursor::load_block() {
    if (block_ == file_.firsts_.size()) return false;
    DL_TRY_ASSIGN(bytes_, file_.read_block(block_));
    DL_TRY_ASSIGN(entries_, file_.check_block(bytes_, block_));
    ++block_;
    return true;
}

Result<std::optional<BatchGroup>> BatchIdFile::Cursor::next() {
    BatchGroup group;
    bool begun = false;
    for (;;) {
        if (entries_.empty()) {
            DL_TRY_ASSIGN(const bool more, load_block());
            if (!more) break;
        }
        const auto id = id_at(entries_.data());
        if (begun && id != group.id) break;
        begun = true;
        group.id = id;
        take_entry(entries_.data(), file_.entry_bytes_, group);
        entries_.remove_prefix(file_.entry_bytes_);
    }
    if (!begun) return std::optional<BatchGroup>();
    if (group.batches.empty()) return file_.corrupt("names a producer without a batch");
    return std::optional(std::move(group));
}

Result<std::vector<BatchIdEntry>> decode_batch_ids_v1(std::string_view bytes) {
    constexpr std::size_t kHeaderBytes = 24;
    constexpr std::size_t kOldEntryBytes = 32;
    const auto corrupt = [](const char* what) { return make_error(ErrorCode::corrupt_data, what); };
    if (bytes.size() < kHeaderBytes) return corrupt("is shorter than its header");
    ByteReader reader(bytes);
    if (reader.read<std::uint32_t>() != kMagic) return corrupt("does not begin with DLBI");
    if (reader.read<std::uint32_t>() != 1)
        return corrupt("has an unknown format version, this program knows 1 and 2");
    const auto count = reader.read<std::uint64_t>();
    const auto body_crc = reader.read<std::uint32_t>();
    if (reader.read<std::uint32_t>() != crc32c(0, bytes.data(), kHeaderBytes - 4))
        return corrupt("the checksum of the header does not match");
    const auto body = bytes.substr(kHeaderBytes);
    if (body.size() % kOldEntryBytes != 0 || body.size() / kOldEntryBytes != count ||
        crc32c(0, body.data(), body.size()) != body_crc)
        return corrupt("the checksum of the content does not match");
    std::vector<BatchIdEntry> entries(count);
    for (auto& entry : entries) {
        entry.id.high = reader.read<std::uint64_t>();
        entry.id.low = reader.read<std::uint64_t>();
        entry.first = reader.read<Offset>();
        entry.last = reader.read<Offset>();
    }
    return entries;
}

}  // namespace dl::slave
