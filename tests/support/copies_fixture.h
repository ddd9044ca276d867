// ClusterTest for tables with copies: a table t of (id, v), its partition 0, and what slaves hold of it.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "tests/support/cluster_fixture.h"

namespace dl::test {

class CopiesFixture : public ClusterTest {
  protected:
    // Rows of the keys [from, to), with twice the key as v.
    static std::string batch(int from, int to) {
        auto data = nlohmann::json::array();
        for (int i = from; i < to; ++i)
            data.push_back({{"id", i}, {"v", i * 2}});
        return nlohmann::json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump();
    }
    // Directories of partitions, and of what was set aside, on one slave.
    std::set<std::string> held(std::size_t slave) {
        std::set<std::string> found;
        for (const auto& table : std::filesystem::directory_iterator(cluster().slave_data(slave) + "/tables"))
            for (const auto& part : std::filesystem::directory_iterator(table.path()))
                if (part.is_directory()) found.insert(part.path().filename().string());
        return found;
    }
    // What cluster_status says.
    std::string health() {
        auto client = connect();
        std::string text;
        for (const auto& frame : must(client, R"({"cluster_status":{}})").frames)
            text += frame + "\n";
        return text;
    }
    bool is_well() { return health().find("\"well\"") != std::string::npos; }
    // Of partition 0.
    static std::string leader(RawClient& client) {
        return value(client, "select leader from system.partitions where \"table\" = 't' and partition = 0");
    }
    std::size_t slave_at(const std::string& address) {
        for (std::size_t i = 0; i < cluster().slave_count(); ++i)
            if (address.ends_with(":" + std::to_string(cluster().slave(i).port()))) return i;
        ADD_FAILURE() << address;
        return 0;
    }
};

}  // namespace dl::test
