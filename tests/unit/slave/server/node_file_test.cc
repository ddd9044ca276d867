#include "slave/server/node_file.h"

#include <gtest/gtest.h>

#include "common/io/file_system.h"

namespace dl::slave {
namespace {

NodeFile make_node() {
    NodeFile node;
    node.incarnation = std::string(32, 'a');
    node.node = NodeId{3};
    node.cluster_id = std::string(32, 'c');
    return node;
}

TEST(NodeFile, FormatsOfAllReleasesAreRead) {
    const auto read = [](const std::string& name) {
        const auto text = posix_file_system().read_all(std::string(DL_GOLDEN_DIR) + "/" + name);
        EXPECT_TRUE(text.has_value()) << name;
        return std::pair(*text, decode_node_file(*text, name));
    };
    auto node = make_node();
    const auto [text2, node2] = read("node-file-v2.json");
    ASSERT_TRUE(node2.has_value()) << node2.error().to_text();
    EXPECT_EQ(*node2, node);
    EXPECT_EQ(encode_node_file(node), text2);
    node.directory = "00000000000000d2";
    node.directories = {"00000000000000d1", "00000000000000d2"};
    const auto [text3, node3] = read("node-file-v3.json");
    ASSERT_TRUE(node3.has_value()) << node3.error().to_text();
    EXPECT_EQ(*node3, node);
    EXPECT_EQ(encode_node_file(node), text3);
    node = {};
    node.incarnation = "abc";
    EXPECT_EQ(*decode_node_file(R"({"format":1,"incarnation":"abc"})", "f"), node);
    for (std::size_t i = 0; i < text3.size(); ++i) {
        auto bad = text3;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        EXPECT_TRUE(decode_node_file(bad, "f").has_error()) << i;
    }
}

}  // namespace
}  // namespace dl::slave
