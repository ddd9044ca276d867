#include "slave/partition/batch_id_window.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {
constexpr std::uint32_t kMagic = 0x49424c44;  // "DLBI"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kEntryBytes = 32;
}  // namespace

struct BatchIdWindow::Map {
    boost::unordered_flat_map<Hash128, BatchIdEntry, Hash128Hasher> entries;
};

BatchIdWindow::BatchIdWindow(std::size_t entries_max)
    : map_(std::make_unique<Map>()), entries_max_(entries_max) {}
BatchIdWindow::~BatchIdWindow() = default;

void BatchIdWindow::add(const BatchIdEntry& entry) {
    if (!map_->entries.emplace(entry.id, entry).second) return;
    order_.push_back(entry);
    if (order_.size() <= entries_max_) return;
    map_->entries.erase(order_.front().id);
    order_.pop_front();
    DL_CHECK(map_->entries.size() == order_.size(), "INV-11 the window forgets in order");
}

std::optional<BatchIdEntry> BatchIdWindow::find(const Hash128& id) const {
    const auto found = map_->entries.find(id);
    if (found == map_->entries.end()) return std::nullopt;
    return found->second;
}

std::vector<BatchIdEntry> BatchIdWindow::below(Offset offset) const {
    std::vector<BatchIdEntry> entries;
    for (const auto& entry : order_)
        if (entry.last < offset) entries.push_back(entry);
    return entries;
}

std::string encode_batch_ids(std::span<const BatchIdEntry> entries) {
    std::string body;
    for (const auto& entry : entries) {
        append_le(body, entry.id.high);
        append_le(body, entry.id.low);
        append_le(body, entry.first);
        append_le(body, entry.last);
    }
    std::string out;
    append_le(out, kMagic);
    append_le(out, kVersion);
    append_le(out, static_cast<std::uint64_t>(entries.size()));
    append_le(out, crc32c(0, body.data(), body.size()));
    append_le(out, crc32c(0, out.data(), out.size()));
    return out + body;
}

Result<std::vector<BatchIdEntry>> decode_batch_ids(std::string_view bytes) {
    const auto corrupt = [](const char* what) { return make_error(ErrorCode::corrupt_data, what); };
    if (bytes.size() < kHeaderBytes) return corrupt("is shorter than its header");
    ByteReader reader(bytes);
    if (reader.read<std::uint32_t>() != kMagic) return corrupt("does not begin with DLBI");
    if (reader.read<std::uint32_t>() != kVersion)
        return corrupt("has an unknown format version, this program knows 1");
    const auto count = reader.read<std::uint64_t>();
    const auto body_crc = reader.read<std::uint32_t>();
    if (reader.read<std::uint32_t>() != crc32c(0, bytes.data(), kHeaderBytes - 4))
        return corrupt("the checksum of the header does not match");
    const auto body = bytes.substr(kHeaderBytes);
    if (body.size() % kEntryBytes != 0 || body.size() / kEntryBytes != count ||
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
