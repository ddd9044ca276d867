#include "common/record/row_json.h"

namespace dl {

void append_row_json(std::string& out, std::span<const std::string> names, const ColumnBatch& batch,
                     std::uint32_t row) {
    out += '{';
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) out += ',';
        out += names[i];
        out += ':';
        append_value_json(out, batch.columns()[i], row);
    }
    out += '}';
}

}  // namespace dl
