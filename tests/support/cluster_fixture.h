// GoogleTest fixture around TestCluster: shows the daemons' logs when a test fails, and a few short words for
// statements.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/test_cluster.h"
#include "tests/support/wire_bytes.h"

namespace dl::test {

// A SELECT with this timeout_ms.
inline std::string limited(const std::string& statement, int timeout_ms) {
    return nlohmann::json{{"query", statement}, {"options", {{"timeout_ms", timeout_ms}}}}.dump();
}

// Of a test with a parameter: what is no letter or digit of the text becomes _.
inline std::string test_name(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return text;
}

class ClusterTest : public ::testing::Test {
  protected:
    void start(ClusterOptions options = {}) {
        cluster_ = std::make_unique<TestCluster>(std::move(options));
        cluster_->start();
    }
    TestCluster& cluster() { return *cluster_; }
    RawClient connect() { return cluster_->connect(); }

    void TearDown() override {
        if (HasFailure() && cluster_) cluster_->print_logs(std::cout);
    }

    // {"sql": text}
    static std::string sql(std::string_view text) { return nlohmann::json{{"sql", text}}.dump(); }
    static std::string query(std::string_view text) { return nlohmann::json{{"query", text}}.dump(); }
    // Runs it and expects success; the reply.
    static Reply must(RawClient& client, std::string_view json) {
        auto reply = client.request(json);
        EXPECT_TRUE(reply.ok()) << json.substr(0, 300) << "\n  -> " << reply.text;
        return reply;
    }
    // Expects an error with this code; its text.
    static std::string must_fail(RawClient& client, std::string_view json, std::string_view code) {
        auto reply = client.request(json);
        EXPECT_FALSE(reply.ok()) << json.substr(0, 300) << "\n  succeeded";
        EXPECT_EQ(reply.code(), code) << json.substr(0, 300) << "\n  -> " << reply.text;
        EXPECT_EQ(reply.text.find('\n'), std::string::npos) << "an error is one line: " << reply.text;
        return reply.text;
    }
    // Rows of a SELECT.
    static std::vector<nlohmann::json> rows(RawClient& client, std::string_view select) {
        std::vector<nlohmann::json> out;
        for (const auto& frame : must(client, query(select)).frames)
            out.push_back(nlohmann::json::parse(frame));
        return out;
    }
    // The single value of a one-row, one-column SELECT; null when there is no row.
    static nlohmann::json value(RawClient& client, std::string_view select) {
        const auto all = rows(client, select);
        EXPECT_LE(all.size(), 1u) << select;
        return all.empty() || all[0].empty() ? nlohmann::json() : all[0].front();
    }
    // Records of a stream_read in the default format; empty positions: everything from the beginning.
    static std::vector<StreamRecord> stream(RawClient& client, const std::string& table,
                                            const std::map<int, std::int64_t>& positions = {},
                                            std::int64_t read_count = 1'000'000) {
        auto parts = nlohmann::json::array();
        for (const auto& [partition, offset] : positions)
            parts.push_back({{"patition_code", partition}, {"offset", offset}});
        const nlohmann::json statement{
            {"stream_read", {{"table_name", table}, {"patition_mess", parts}, {"read_count", read_count}}}};
        std::vector<StreamRecord> out;
        for (const auto& frame : must(client, statement.dump()).frames)
            for (auto& record : decode_stream_frame(frame))
                out.push_back(std::move(record));
        return out;
    }
    static std::map<int, std::int64_t> max_offsets(RawClient& client, const std::string& table) {
        std::map<int, std::int64_t> out;
        const auto reply = must(client, sql("max_offset " + table));
        EXPECT_EQ(reply.kind, Reply::Kind::max_offset);
        if (!reply.ok()) return out;
        const auto offsets = nlohmann::json::parse(reply.text);
        for (const auto& [partition, offset] : offsets.items())
            out[std::stoi(partition)] = offset.get<std::int64_t>();
        return out;
    }

    std::unique_ptr<TestCluster> cluster_;
};

}  // namespace dl::test
