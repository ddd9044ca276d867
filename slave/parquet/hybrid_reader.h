// The hybrid of runs and bit-packed groups that Parquet keeps levels and dictionary indexes in. Walks forward
// only, never reads beyond its bytes.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "common/base/byte_io.h"

namespace dl::slave {

class HybridReader {
  public:
    // `width`: bits of a value, at most 32.
    HybridReader(std::string_view bytes, unsigned width) : bytes_(bytes), width_(width) {}

    // Skips `count` values and adds up those that are not 0 (of width 1 only, when asked for); false at
    // damage.
    bool skip(std::uint64_t count, std::uint64_t* not_zero) {
        while (count != 0) {
            if (left_ == 0 && !next_run()) return false;
            const auto step = std::min<std::uint64_t>(count, left_);
            if (not_zero != nullptr)
                *not_zero += packed_ ? bits_set(packed_at_, step) : value_ != 0 ? step : 0;
            packed_at_ += step;
            left_ -= step;
            count -= step;
        }
        return true;
    }
    // The next `count` values, to `out`; false at damage.
    bool read(std::uint64_t count, std::uint32_t* out) {
        while (count != 0) {
            if (left_ == 0 && !next_run()) return false;
            const auto step = std::min<std::uint64_t>(count, left_);
            if (packed_)
                for (std::uint64_t i = 0; i < step; ++i)
                    out[i] = packed_value(packed_at_ + i);
            else
                std::fill_n(out, step, value_);
            out += step;
            packed_at_ += step;
            left_ -= step;
            count -= step;
        }
        return true;
    }
    // The next value, which stays the next one.
    bool peek(std::uint32_t* value) {
        if (left_ == 0 && !next_run()) return false;
        *value = packed_ ? packed_value(packed_at_) : value_;
        return true;
    }

  private:
    bool next_run() {
        std::uint64_t head = 0;
        for (unsigned shift = 0;; shift += 7) {
            if (shift > 35 || at_ >= bytes_.size()) return false;
            const auto b = static_cast<std::uint8_t>(bytes_[at_++]);
            head |= std::uint64_t{b & 127u} << shift;
            if ((b & 128) == 0) break;
        }
        packed_ = (head & 1) != 0;
        left_ = head >> 1;
        if (packed_) {
            const std::uint64_t length = left_ * width_;
            left_ *= 8;
            // The last group may be cut off where no values are left.
            packed_bytes_ = bytes_.substr(at_, length);
            at_ += packed_bytes_.size();
            packed_at_ = 0;
        } else {
            const std::size_t length = (width_ + 7) / 8;
            if (length > bytes_.size() - at_) return false;
            value_ = 0;
            for (std::size_t i = 0; i < length; ++i)
                value_ |= std::uint32_t{static_cast<std::uint8_t>(bytes_[at_ + i])} << (8 * i);
            at_ += length;
        }
        return left_ != 0;
    }
    std::uint32_t packed_value(std::uint64_t index) const {
        const std::uint64_t bit = index * width_;
        const auto mask = (std::uint64_t{1} << width_) - 1;
        std::uint64_t bits = 0;
        if (bit / 8 + sizeof bits <= packed_bytes_.size()) {
            bits = load_le<std::uint64_t>(packed_bytes_.data() + bit / 8);
            return static_cast<std::uint32_t>((bits >> (bit % 8)) & mask);
        }
        for (std::size_t i = 0; i < 5; ++i) {
            const auto at = static_cast<std::size_t>(bit / 8) + i;
            if (at < packed_bytes_.size())
                bits |= std::uint64_t{static_cast<std::uint8_t>(packed_bytes_[at])} << (8 * i);
        }
        return static_cast<std::uint32_t>((bits >> (bit % 8)) & mask);
    }
    // Of bits [begin, begin + count) of the group, of which those that are cut off are 0.
    std::uint64_t bits_set(std::uint64_t begin, std::uint64_t count) const {
        const auto end = std::min<std::uint64_t>(begin + count, packed_bytes_.size() * 8);
        std::uint64_t set = 0;
        while (begin < end) {
            if (begin % 8 == 0 && end - begin >= 64) {
                set += static_cast<std::uint64_t>(
                    std::popcount(load_le<std::uint64_t>(packed_bytes_.data() + begin / 8)));
                begin += 64;
            } else {
                set += (static_cast<std::uint8_t>(packed_bytes_[begin / 8]) >> (begin % 8)) & 1;
                ++begin;
            }
        }
        return set;
    }

    std::string_view bytes_;
    unsigned width_;
    std::size_t at_ = 0;
    bool packed_ = false;
    std::uint64_t left_ = 0;
    std::uint32_t value_ = 0;
    std::string_view packed_bytes_;
    std::uint64_t packed_at_ = 0;
};

}  // namespace dl::slave
