// Further tables that query_bench asks: what is in them, and what is asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dl::bench {

struct BenchQuery {
    const char* name;
    std::string text;  // over q
};

struct QueryShape {
    std::string name;
    std::string create;  // the statement, as JSON
    std::string (*batch)(std::int64_t first,
                         std::int64_t count);  // a batch_insert of rows [first, first + count)
    std::string (*sql)(std::int64_t rows);     // the same rows in DuckDB
    std::vector<BenchQuery> (*queries)(std::int64_t rows);
};

// iot: readings of 10 007 devices in 8 partitions. wide: 40 columns, of which queries look at few. nullptr
// for other names.
const QueryShape* query_shape(std::string_view name);

}  // namespace dl::bench
