// A check made twice: while the rows of a table lie in the tail, and when they lie in column files.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "tests/support/raw_client.h"

namespace dl::test {

// `check` takes where the rows are, for messages, or nothing.
template <class Check>
void tail_and_files(RawClient client, const std::string& table, Check check) {
    const auto run = [&](const char* where) {
        SCOPED_TRACE(where);
        if constexpr (std::is_invocable_v<Check, const char*>)
            check(where);
        else
            check();
    };
    run("in the tail");
    const auto reply = client.request("{\"sql\":\"compress " + table + "\"}");
    EXPECT_TRUE(reply.ok()) << reply.text;
    run("in files");
}

}  // namespace dl::test
