#include "common/base/nearest_name.h"

#include <numeric>
#include <vector>

namespace dl {

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t edits_max) {
    // Before any work: `a` may come from outside and be long.
    const std::size_t longer = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (longer > edits_max) return longer;
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace dl
