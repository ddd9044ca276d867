// Long lists of constants behind IN, cut short before a parser or a planner sees them: the engine's parser
// takes some 10 us for each value, and none of them decides anything but the rows that come. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.h"

namespace dl {

struct ShortLists {
    // So many values of a list stay, more than anybody looks up by key, and a mark for those behind them.
    static constexpr std::size_t kKept = 300;
    static_assert(kKept > limits::lookup_keys_max);

    struct Rest {
        std::string mark;    // a constant of the list's kind that the text did not have
        std::string values;  // as they were written, with the commas between
    };
    std::string text;
    std::vector<Rest> rests;

    // `sql`, which may have been made of `text` by the engine, with all values in the places of the marks.
    std::string in_full(std::string sql) const;
};

// Of lists of more than 2 * kKept whole numbers or plain texts; what else they hold leaves them as they are,
// and so do texts that are dates. nullopt: there are none.
std::optional<ShortLists> with_short_lists(std::string_view sql);

}  // namespace dl
