// All rows of a result that comes batch by batch.
#pragma once

#include <gtest/gtest.h>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {

// `stream` has next(), which gives the next batch and nothing behind the last one.
template <class Stream>
Result<Rows> drained(Stream& stream) {
    Rows all;
    for (;;) {
        DL_TRY_ASSIGN(auto batch, stream.next());
        if (!batch) return all;
        for (auto& row : rows_of(*batch))
            all.push_back(std::move(row));
    }
}

// Of a statement that is expected to succeed.
inline Rows expected_rows(const std::string& sql, Result<Rows> result) {
    EXPECT_TRUE(result) << sql << ": " << (result ? "" : result.error().to_text());
    return result ? std::move(*result) : Rows{};
}

}  // namespace dl::test
