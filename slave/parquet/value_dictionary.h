// The different values of a column chunk that is being written, by number. Not thread-safe.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

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
    static constexpr std::size_t kEntriesMax = 24'576;

    const std::vector<Value>& entries() const { return entries_; }
    // Number of the value, which is added when it is new; kFull when there is no room for it, or when values
    // meet in one place (which somebody may have chosen them to do).
    std::uint16_t number_of(const Value& value) {
        if (!entries_.empty() && value == entries_[last_]) return last_;
        const auto home = hash(value);
        for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
            auto& slot = slots_[(home + probe) % slots_.size()];
            if (slot == 0) {
                if (entries_.size() == kEntriesMax) return kFull;
                entries_.push_back(value);
                if (entries_.size() > slots_.size() / 2) return last_ = grow();
                slot = static_cast<std::uint16_t>(entries_.size());
                return last_ = static_cast<std::uint16_t>(entries_.size() - 1);
            }
            if (entries_[slot - std::size_t{1}] == value) return last_ = static_cast<std::uint16_t>(slot - 1);
        }
        return kFull;
    }
    void clear() {
        if (!entries_.empty()) slots_.assign(kSlotsMin, 0);
        entries_.clear();
        last_ = 0;
    }

  private:
    static constexpr std::size_t kSlotsMin = 1024;
    static constexpr std::size_t kProbesMax = 256;

    // Twice the slots, all entries in them; the number of the newest entry. Values that meet in one place are
    // in no slot then: they are taken for new ones and end the dictionary when it is full.
    std::uint16_t grow() {
        slots_.assign(slots_.size() * 2, 0);
        for (std::size_t number = 0; number < entries_.size(); ++number) {
            const auto home = hash(entries_[number]);
            for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
                auto& slot = slots_[(home + probe) % slots_.size()];
                if (slot != 0) continue;
                slot = static_cast<std::uint16_t>(number + 1);
                break;
            }
        }
        return static_cast<std::uint16_t>(entries_.size() - 1);
    }

    static std::size_t hash(const Value& value) {
        if constexpr (std::is_same_v<Value, std::string_view>)
            return XXH3_64bits(value.data(), value.size());
        else
            return XXH3_64bits(&value, sizeof value);
    }
    std::vector<std::uint16_t> slots_ = std::vector<std::uint16_t>(kSlotsMin);  // 0: free, else number + 1
    std::vector<Value> entries_;
    std::uint16_t last_ = 0;
};

}  // namespace dl::slave
