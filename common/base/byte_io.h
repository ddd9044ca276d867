// Little-endian reading and writing of byte strings; the reader never runs past its end: the first short
// read makes it fail for good, and `ok()` / `at_end()` tell.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace dl {

template <class T>
T load_le(const void* at) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, at, sizeof value);  // x86-64 and aarch64 little-endian only; checked in byte_io.cc
    return value;
}
template <class T>
void store_le(void* at, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(at, &value, sizeof value);
}
inline std::uint32_t load_be32(const void* at) {
    return __builtin_bswap32(load_le<std::uint32_t>(at));
}
inline void store_be32(void* at, std::uint32_t value) {
    store_le(at, __builtin_bswap32(value));
}

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
    explicit ByteReader(std::span<const std::byte> bytes)
        : ByteReader(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())) {}

    bool ok() const { return ok_; }
    bool at_end() const { return ok_ && at_ == end_; }
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

    template <class T>
    T read() {
        if (remaining() < sizeof(T)) return fail<T>();
        T value = load_le<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    // `length` bytes; empty and failed when there are fewer.
    std::string_view read_bytes(std::size_t length) {
        if (remaining() < length) return fail<std::string_view>();
        std::string_view bytes(at_, length);
        at_ += length;
        return bytes;
    }
    // u32 length, then that many bytes.
    std::string_view read_string() { return read_bytes(read<std::uint32_t>()); }

  private:
    template <class T>
    T fail() {
        ok_ = false;
        at_ = end_;
        return T{};
    }
    const char* at_;
    const char* end_;
    bool ok_ = true;
};

template <class T>
void append_le(std::string& out, T value) {
    char bytes[sizeof(T)];
    store_le(bytes, value);
    out.append(bytes, sizeof bytes);
}
inline void append_string(std::string& out, std::string_view text) {
    append_le(out, static_cast<std::uint32_t>(text.size()));
    out.append(text);
}

}  // namespace dl
