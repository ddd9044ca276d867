// What the fuzz targets share. A target defines LLVMFuzzerTestOneInput and fuzz_seeds; a property that does
// not hold aborts (DL_CHECK), as a sanitizer report does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/record/column_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace dl {

// Valid inputs to start from.
std::vector<std::string> fuzz_seeds();

inline std::string_view fuzz_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// Reads every value of a batch; the sanitizers watch.
inline std::string read_all_values(const ColumnBatch& batch) {
    std::string out;
    char scratch[16];
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
        out += batch.is_delete(row) ? "\n-" : "\n+";
        for (const auto& column : batch.columns()) {
            out += ' ';
            append_value_json(out, column, row);
            if (!column.is_null(row)) append_value_text(out, column, row);
            (void)key_bytes(column, row, scratch);
        }
    }
    return out;
}

}  // namespace dl
