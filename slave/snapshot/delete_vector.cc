#include "slave/snapshot/delete_vector.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <roaring/roaring.hh>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kMagic = 0x56444c44;  // "DLDV"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 64;

Error corrupt(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, what);
}

}  // namespace

std::uint64_t RowBits::count() const {
    std::uint64_t total = 0;
    for (const auto word : words_)
        total += static_cast<std::uint64_t>(std::popcount(word));
    return total;
}

std::shared_ptr<const DeleteVector> DeleteVector::from_bits(const RowBits& dead) {
    auto vector = std::make_shared<DeleteVector>(dead.rows());
    const auto words = dead.words();
    for (std::size_t c = 0; c < vector->chunks_.size(); ++c) {
        const auto part = words.subspan(c * kChunkWords,
                                        std::min<std::size_t>(kChunkWords, words.size() - c * kChunkWords));
        std::uint64_t count = 0;
        for (const auto word : part)
            count += static_cast<std::uint64_t>(std::popcount(word));
        if (count == 0) continue;
        auto chunk = std::make_shared<Chunk>();
        std::copy(part.begin(), part.end(), chunk->words.begin());
        vector->chunks_[c] = std::move(chunk);
        vector->dead_ += count;
    }
    DL_CHECK(vector->dead_ <= vector->rows_, "a file has no more dead rows than rows");
    return vector;
}

std::uint64_t DeleteVector::resident_bytes() const {
    const auto chunks = static_cast<std::uint64_t>(
        std::count_if(chunks_.begin(), chunks_.end(), [](const auto& chunk) { return chunk != nullptr; }));
    return sizeof *this + chunks_.capacity() * sizeof chunks_[0] + chunks * sizeof(Chunk);
}

std::shared_ptr<const DeleteVector> DeleteVector::with(std::span<const std::uint32_t> rows) const {
    auto next = std::make_shared<DeleteVector>(*this);
    std::vector<Chunk*> copied(chunks_.size(), nullptr);
    for (const auto row : rows) {
        DL_CHECK(row < rows_, "dead rows lie within their file");
        if (is_dead(row)) continue;
        const std::size_t c = row / kChunkRows;
        if (copied[c] == nullptr) {
            auto chunk =
                chunks_[c] == nullptr ? std::make_shared<Chunk>() : std::make_shared<Chunk>(*chunks_[c]);
            copied[c] = chunk.get();
            next->chunks_[c] = std::move(chunk);
        }
        auto& word = copied[c]->words[(row % kChunkRows) / 64];
        const std::uint64_t bit = std::uint64_t{1} << (row & 63);
        if ((word & bit) != 0) continue;  // named twice in `rows`
        word |= bit;
        ++next->dead_;
    }
    DL_CHECK(next->dead_ >= dead_ && next->dead_ <= rows_, "INV-5 dead rows stay dead");
    if (next->dead_ == dead_) return nullptr;
    return next;
}

std::vector<std::uint32_t> DeleteVector::rows_since(const DeleteVector& older) const {
    DL_CHECK(older.rows_ == rows_, "versions of one delete vector are compared");
    std::vector<std::uint32_t> rows;
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c] == older.chunks_[c] || chunks_[c] == nullptr) continue;
        for (std::uint32_t w = 0; w < kChunkWords; ++w) {
            std::uint64_t bits = chunks_[c]->words[w];
            if (older.chunks_[c] != nullptr) bits &= ~older.chunks_[c]->words[w];
            for (; bits != 0; bits &= bits - 1)
                rows.push_back(static_cast<std::uint32_t>(
                    c * kChunkRows + w * 64 + static_cast<std::uint32_t>(std::countr_zero(bits))));
        }
    }
    return rows;
}

namespace {

// The bits of a byte as eight bools.
constexpr auto kBools = [] {
    std::array<std::array<bool, 8>, 256> bools{};
    for (std::size_t byte = 0; byte < 256; ++byte)
        for (std::size_t bit = 0; bit < 8; ++bit)
            bools[byte][bit] = ((byte >> bit) & 1) != 0;
    return bools;
}();

bool are_consecutive(const std::int64_t* numbers, std::size_t count) {
    std::uint64_t other = 0;
    for (std::size_t i = 0; i < count; ++i)
        other |= static_cast<std::uint64_t>(numbers[i]) ^ (static_cast<std::uint64_t>(numbers[0]) + i);
    return other == 0;
}

}  // namespace

// Row numbers of a scan are consecutive, but for those a filter before this one took out.
void DeleteVector::filter(const std::int64_t* row_numbers, std::size_t count, bool* keep) const {
    if (count > 0 && row_numbers[0] >= 0 && static_cast<std::uint64_t>(row_numbers[0]) + count <= rows_ &&
        are_consecutive(row_numbers, count)) {
        keep_live(static_cast<std::uint64_t>(row_numbers[0]), count, keep);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const auto row = static_cast<std::uint64_t>(row_numbers[i]);
        keep[i] = row < rows_ && !is_dead(row);
    }
}

void DeleteVector::keep_live(std::uint64_t first, std::size_t count, bool* keep) const {
    DL_CHECK(first + count <= rows_, "rows asked for lie within their file");
    for (std::size_t i = 0; i < count;) {
        const std::uint64_t row = first + i;
        const auto* chunk = chunks_[row / kChunkRows].get();
        const auto run = std::min<std::uint64_t>(count - i, kChunkRows - row % kChunkRows);
        if (chunk == nullptr) {
            std::fill_n(keep + i, run, true);
            i += run;
            continue;
        }
        const auto word_of = [&](std::uint64_t r) { return ~chunk->words[(r % kChunkRows) / 64]; };
        std::uint64_t done = 0;
        for (; done < run && (row + done) % 8 != 0; ++done)
            keep[i + done] = ((word_of(row + done) >> ((row + done) & 63)) & 1) != 0;
        for (; done + 8 <= run; done += 8)
            std::memcpy(keep + i + done, kBools[(word_of(row + done) >> ((row + done) & 63)) & 0xff].data(),
                        8);
        for (; done < run; ++done)
            keep[i + done] = ((word_of(row + done) >> ((row + done) & 63)) & 1) != 0;
        i += run;
    }
}

std::string DeleteVector::encode(Offset first, Offset end) const {
    Roaring bitmap;
    for (const auto row : rows_since(DeleteVector(rows_)))
        bitmap.add(row);
    DL_CHECK(bitmap.cardinality() == dead_, "INV-5 what is written of a delete vector has every dead row");
    bitmap.runOptimize();
    std::string payload(bitmap.getSizeInBytes(), '\0');
    bitmap.write(payload.data());

    std::string out;
    append_le(out, kMagic);
    append_le(out, kVersion);
    append_le(out, std::uint16_t{0});
    append_le(out, std::uint32_t{0});  // header CRC, below
    append_le(out, crc32c(0, payload.data(), payload.size()));
    append_le(out, rows_);
    append_le(out, dead_);
    append_le(out, first);
    append_le(out, end);
    append_le(out, static_cast<std::uint64_t>(payload.size()));
    out.resize(kHeaderBytes, '\0');
    store_le(out.data() + 8, crc32c(0, out.data() + 12, kHeaderBytes - 12));
    return out + payload;
}

Result<std::shared_ptr<const DeleteVector>> DeleteVector::decode(std::string_view bytes, Offset first,
                                                                 Offset end, std::uint64_t rows) {
    if (bytes.size() < kHeaderBytes)
        return corrupt("is " + std::to_string(bytes.size()) + " bytes long, shorter than its header");
    const char* data = bytes.data();
    if (load_le<std::uint32_t>(data) != kMagic) return corrupt("does not begin with DLDV");
    const auto version = load_le<std::uint16_t>(data + 4);
    if (version != kVersion || load_le<std::uint16_t>(data + 6) != 0)
        return corrupt("has format version " + std::to_string(version) + ", this program knows 1");
    if (load_le<std::uint32_t>(data + 8) != crc32c(0, data + 12, kHeaderBytes - 12))
        return corrupt("the checksum of the header does not match");
    const auto payload = bytes.substr(kHeaderBytes);
    if (load_le<std::uint64_t>(data + 48) != payload.size() ||
        load_le<std::uint32_t>(data + 12) != crc32c(0, payload.data(), payload.size()))
        return corrupt("the checksum of the bitmap does not match");
    if (load_le<std::uint64_t>(data + 16) != rows || load_le<Offset>(data + 32) != first ||
        load_le<Offset>(data + 40) != end)
        return corrupt("is not of the file that the manifest names");
    RowBits bits(rows);
    try {
        const auto bitmap = Roaring::readSafe(payload.data(), payload.size());
        for (const auto row : bitmap) {
            if (row >= rows)
                return corrupt("names row " + std::to_string(row) + " of " + std::to_string(rows));
            bits.set(row);
        }
    } catch (const std::exception& error) {
        return corrupt(std::string("the bitmap cannot be read: ") + error.what());
    }
    auto vector = from_bits(bits);
    if (vector->dead() != load_le<std::uint64_t>(data + 24))
        return corrupt("the number of dead rows does not match");
    return vector;
}

}  // namespace dl::slave
