#include "data-lake-client/cli/load/repeated_keys.h"

#include <algorithm>
#include <functional>

namespace datalake::cli {
namespace {

constexpr std::size_t kPlacesFirst = 1024;

}  // namespace

std::size_t RepeatedKeys::place_of(std::uint64_t hash) const {
    const auto mask = places_.size() - 1;
    auto at = static_cast<std::size_t>(hash) & mask;
    while (places_[at] != 0 && places_[at] != hash)
        at = (at + 1) & mask;
    return at;
}

void RepeatedKeys::grow() {
    std::vector<std::uint64_t> before(std::max(kPlacesFirst, places_.size() * 2));
    before.swap(places_);
    for (const auto hash : before)
        if (hash != 0) places_[place_of(hash)] = hash;
}

void RepeatedKeys::see(std::string_view key) {
    const auto hash = std::max<std::uint64_t>(std::hash<std::string_view>{}(key), 1);
    if ((used_ + 1) * 2 > places_.size() && used_ < kKeysMax) grow();
    const auto at = place_of(hash);
    if (places_[at] == hash) {
        ++rows_;
    } else if (used_ == kKeysMax) {
        complete_ = false;
    } else {
        places_[at] = hash;
        ++used_;
    }
}

}  // namespace datalake::cli
