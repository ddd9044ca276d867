// The different values of a column chunk that is being written, by number. Not thread-safe.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

namespace dl::slave {

// Different values in the order of their coming. `Value` is a trivial type or std::string_view.
template <class Value>
class ValueDictionary {
  public:
    static constexpr std::uint16_t kFull = 0xffff;
    // A fifth of a full row group.
    static constexpr std::size_t kEntriesMax = 3276;

    const std::vector<Value>& entries() const { return entries_; }
    // Number of the value, which is added when it is new; kFull when there is no room for it, or when values
    // meet in one place (which somebody may have chosen them to do).
    std::uint16_t number_of(const Value& value) {
        if (!entries_.empty() && value == entries_[last_]) return last_;
        const auto home = hash(value);
        for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
            auto& slot = slots_[(home + probe) % kSlots];
            if (slot == 0) {
                if (entries_.size() == kEntriesMax) return kFull;
                entries_.push_back(value);
                slot = static_cast<std::uint16_t>(entries_.size());
                return last_ = static_cast<std::uint16_t>(entries_.size() - 1);
            }
            if (entries_[slot - std::size_t{1}] == value) return last_ = static_cast<std::uint16_t>(slot - 1);
        }
        return kFull;
    }
    void clear() {
        if (!entries_.empty()) slots_.fill(0);
        entries_.clear();
        last_ = 0;
    }

  private:
    static constexpr std::size_t kSlots = 8192;
    static constexpr std::size_t kProbesMax = 256;
    static_assert(kSlots >= 2 * kEntriesMax);

    static std::size_t hash(const Value& value) {
        if constexpr (std::is_same_v<Value, std::string_view>)
            return XXH3_64bits(value.data(), value.size());
        else
            return XXH3_64bits(&value, sizeof value);
    }
    std::array<std::uint16_t, kSlots> slots_{};  // 0: free, else number + 1
    std::vector<Value> entries_;
    std::uint16_t last_ = 0;
};

}  // namespace dl::slave
