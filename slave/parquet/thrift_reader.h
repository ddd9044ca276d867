// The compact protocol of Thrift, as far as the metadata of Parquet files needs it: a cursor over foreign
// bytes that never reads beyond their end. After an error (`failed()`) every further read gives zeros.
#pragma once

#include <cstdint>
#include <string_view>

namespace dl::slave {

class ThriftReader {
  public:
    enum Kind : std::uint8_t {
        stop = 0,
        bool_true = 1,
        bool_false = 2,
        byte = 3,
        i16 = 4,
        i32 = 5,
        i64 = 6,
        real = 7,
        binary = 8,
        list = 9,
        set = 10,
        map = 11,
        structure = 12
    };
    explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

    bool failed() const { return failed_; }
    std::size_t position() const { return at_; }

    // Calls on_field(id, kind) for each field of a structure; it must read the value or skip() it.
    template <class Fn>
    void structure_fields(Fn on_field) {
        if (++depth_ > kDepthMax) failed_ = true;
        std::int16_t id = 0;
        for (;;) {
            const auto head = next_byte();
            const auto kind = static_cast<Kind>(head & 15);
            if (failed_ || kind == stop) break;
            id = (head >> 4) != 0 ? static_cast<std::int16_t>(id + (head >> 4))
                                  : static_cast<std::int16_t>(integer());
            on_field(id, kind);
            if (failed_) break;
        }
        --depth_;
    }
    // Calls on_element(kind) for each element of a list.
    template <class Fn>
    void list_elements(Fn on_element) {
        const auto head = next_byte();
        std::uint64_t count = head >> 4;
        if (count == 15) count = varint();
        if (count > bytes_.size() - at_) failed_ = true;  // an element takes a byte at least
        for (std::uint64_t i = 0; i < count && !failed_; ++i)
            on_element(static_cast<Kind>(head & 15));
    }
    std::int64_t integer() {
        const auto value = varint();
        return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
    }
    std::string_view text() {
        const auto length = varint();
        if (length > bytes_.size() - at_) {
            failed_ = true;
            return {};
        }
        const auto value = bytes_.substr(at_, length);
        at_ += length;
        return value;
    }
    void skip(Kind kind);

  private:
    static constexpr int kDepthMax = 32;
    std::uint8_t next_byte() {
        if (failed_ || at_ >= bytes_.size()) {
            failed_ = true;
            return 0;
        }
        return static_cast<std::uint8_t>(bytes_[at_++]);
    }
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto b = next_byte();
            value |= std::uint64_t{b & 127u} << shift;
            if ((b & 128) == 0) return value;
        }
        failed_ = true;
        return 0;
    }

    std::string_view bytes_;
    std::size_t at_ = 0;
    int depth_ = 0;
    bool failed_ = false;
};

}  // namespace dl::slave
