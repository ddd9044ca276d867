// What a mistyped name was meant to be, for "did you mean". Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace dl {

// Letters to insert, remove or replace between one and the other (Levenshtein), bytewise; any number above
// `edits_max` when there are more than so many.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t edits_max);

// How far off a name of this length is still likely to be a slip of the finger.
constexpr std::size_t likely_edits(std::size_t bytes) {
    return std::min<std::size_t>(3, bytes / 2);
}

// Of `names` the first of those that differ least from `word`; empty when all are more than `edits_max` away.
template <class Names>
std::string nearest_name(std::string_view word, const Names& names, std::size_t edits_max) {
    std::string nearest;
    std::size_t near_enough = edits_max;
    for (const auto& name : names) {
        const std::size_t edits = edit_distance(word, name, near_enough);
        if (edits > near_enough) continue;
        nearest = name;
        if (edits == 0) break;
        near_enough = edits - 1;
    }
    return nearest;
}
template <class Names>
std::string nearest_name(std::string_view word, const Names& names) {
    return nearest_name(word, names, likely_edits(word.size()));
}

}  // namespace dl
