#include "tests/support/wire_bytes.h"

#include <snappy.h>

#include <bit>
#include <cstring>
#include <stdexcept>

static_assert(std::endian::native == std::endian::little);

namespace dl::test {
namespace {

constexpr std::string_view kNull = "/~|";

void put_i32(std::string& out, std::int32_t value) {
    out.append(reinterpret_cast<const char*>(&value), 4);
}

void put_string(std::string& out, std::string_view text) {
    put_i32(out, static_cast<std::int32_t>(text.size()));
    out.append(text);
}

class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
    std::int32_t i32() { return number<std::int32_t>(); }
    std::int64_t i64() { return number<std::int64_t>(); }
    std::string string() {
        const auto length = i32();
        if (length < 0 || static_cast<std::size_t>(length) > bytes_.size())
            throw std::runtime_error("stream frame: string of " + std::to_string(length) + " bytes, " +
                                     std::to_string(bytes_.size()) + " left");
        std::string text(bytes_.substr(0, static_cast<std::size_t>(length)));
        bytes_.remove_prefix(static_cast<std::size_t>(length));
        return text;
    }
    bool at_end() const { return bytes_.empty(); }

  private:
    template <class T>
    T number() {
        if (bytes_.size() < sizeof(T)) throw std::runtime_error("stream frame: cut short");
        T value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    std::string_view bytes_;
};

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    throw std::runtime_error("not a hex digit");
}

}  // namespace

std::string hex_to_bytes(std::string_view hex) {
    std::string digits;
    for (const char c : hex)
        if (c != ' ' && c != '|' && c != '\n') digits.push_back(c);
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(static_cast<char>(nibble(digits[i]) * 16 + nibble(digits[i + 1])));
    return bytes;
}

std::string bytes_to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        hex.push_back(kDigits[byte >> 4]);
        hex.push_back(kDigits[byte & 15]);
    }
    return hex;
}

std::string frame(std::string_view content) {
    const auto length = static_cast<std::uint32_t>(content.size());
    std::string bytes{static_cast<char>(length >> 24), static_cast<char>(length >> 16),
                      static_cast<char>(length >> 8), static_cast<char>(length)};
    bytes.append(content);
    return bytes;
}

std::string plain_batch(std::string_view table, const std::vector<std::string>& columns,
                        const std::vector<std::vector<Text>>& rows) {
    std::string out;
    put_string(out, table);
    put_i32(out, static_cast<std::int32_t>(columns.size()));
    for (const auto& column : columns)
        put_string(out, column);
    put_i32(out, static_cast<std::int32_t>(rows.size()));
    for (const auto& row : rows) {
        put_i32(out, static_cast<std::int32_t>(row.size()));
        for (const auto& value : row)
            put_string(out, value ? std::string_view(*value) : kNull);
    }
    return out;
}

std::string snappy_compress(std::string_view plain) {
    std::string out;
    snappy::Compress(plain.data(), plain.size(), &out);
    return out;
}

std::string snappy_uncompress(std::string_view compressed) {
    std::string out;
    if (!snappy::Uncompress(compressed.data(), compressed.size(), &out))
        throw std::runtime_error("not a snappy block: " + std::to_string(compressed.size()) + " bytes");
    return out;
}

std::string binary_batch_request(std::string_view table, const std::vector<std::string>& columns,
                                 const std::vector<std::vector<Text>>& rows) {
    return frame("\"batch_insert\"") + frame(snappy_compress(plain_batch(table, columns, rows)));
}

std::vector<StreamRecord> decode_stream_frame(std::string_view compressed) {
    return decode_plain_stream(snappy_uncompress(compressed));
}

std::vector<StreamRecord> decode_plain_stream(std::string_view plain) {
    Cursor in(plain);
    std::vector<StreamRecord> records;
    const auto count = in.i32();
    for (std::int32_t i = 0; i < count; ++i) {
        auto& record = records.emplace_back();
        record.table = in.string();
        record.key = in.string();
        const auto pairs = in.i32();
        for (std::int32_t pair = 0; pair < pairs; ++pair) {
            auto column = in.string();
            auto value = in.string();
            const bool is_null = value == kNull;
            if (!record.values.emplace(std::move(column), is_null ? Text{} : Text{std::move(value)}).second)
                throw std::runtime_error("stream frame: a column twice in one record");
        }
        record.crud = in.string();
        record.partition = in.i32();
        record.offset = in.i64();
    }
    if (!in.at_end()) throw std::runtime_error("stream frame: bytes behind the last record");
    return records;
}

}  // namespace dl::test
