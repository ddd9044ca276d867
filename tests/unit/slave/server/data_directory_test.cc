#include "slave/server/data_directory.h"

#include <gtest/gtest.h>

#include "tests/support/sim_file_system.h"

namespace dl::slave {
namespace {

// A slave makes its directory itself when there is none. Its name has to be on the disk before anything in it
// is relied on.
TEST(DataDirectoryTest, ADirectoryThatItMadeOutlivesAPowerFailure) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed)
        for (const std::string path : {"/data", "/srv/lake/data"}) {
            SimFileSystem files;
            NodeFile node;
            node.incarnation = "0123456789abcdef";
            {
                const auto directory = DataDirectory::open(files, path);
                ASSERT_TRUE(directory.has_value());
                ASSERT_TRUE((*directory)->set_node(node).has_value());
            }
            files.crash(seed);
            const auto again = DataDirectory::open(files, path);
            ASSERT_TRUE(again.has_value());
            const auto known = (*again)->node();
            ASSERT_TRUE(known.has_value());
            ASSERT_TRUE(known->has_value()) << path << " is gone after a power failure, seed " << seed;
            EXPECT_EQ((*known)->incarnation, node.incarnation);
        }
}

}  // namespace
}  // namespace dl::slave
