#include "common/base/machine_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace dl {
namespace {

constexpr std::uint64_t kMi = 1u << 20, kGi = 1u << 30;

class MachineMemory : public ::testing::Test {
  protected:
    MachineMemory() { write("/proc/meminfo", "MemFree: 1 kB\nMemTotal:       25165824 kB\n"); }
    ~MachineMemory() override { std::filesystem::remove_all(root_); }
    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    std::string root_ = ::testing::TempDir() + "machine-" + std::to_string(::getpid());
};

TEST_F(MachineMemory, IsThatOfTheMachine) {
    EXPECT_EQ(machine_memory_bytes(root_), 24 * kGi);
    EXPECT_GT(machine_memory_bytes().value_or(0), 64 * kMi);
}

TEST_F(MachineMemory, ALimitOfTheControlGroupCounts) {
    write("/proc/self/cgroup", "0::/\n");
    write("/sys/fs/cgroup/memory.max", "max\n");
    EXPECT_EQ(machine_memory_bytes(root_), 24 * kGi);
    write("/sys/fs/cgroup/memory.max", "2147483648\n");
    EXPECT_EQ(machine_memory_bytes(root_), 2 * kGi);
}

TEST_F(MachineMemory, SoDoThoseOfTheGroupsAboveIt) {
    write("/proc/self/cgroup", "0::/system.slice/slave.service\n");
    write("/sys/fs/cgroup/system.slice/slave.service/memory.max", "max\n");
    write("/sys/fs/cgroup/system.slice/memory.max", "4294967296\n");
    EXPECT_EQ(machine_memory_bytes(root_), 4 * kGi);
    write("/sys/fs/cgroup/system.slice/slave.service/memory.max", "1073741824\n");
    EXPECT_EQ(machine_memory_bytes(root_), kGi);
    // A path of the host, in a container that has its own root.
    write("/proc/self/cgroup", "0::/docker/4711\n");
    EXPECT_EQ(machine_memory_bytes(root_), 24 * kGi);
}

TEST_F(MachineMemory, ControlGroupsOfVersionOneAreKnown) {
    write("/proc/self/cgroup", "12:cpu,cpuacct:/a\n9:memory:/b\n0::/\n");
    write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    EXPECT_EQ(machine_memory_bytes(root_), 24 * kGi);
    write("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "536870912\n");
    EXPECT_EQ(machine_memory_bytes(root_), 512 * kMi);
}

TEST_F(MachineMemory, ShareOfItAsASetting) {
    EXPECT_EQ(memory_share_text(24 * kGi, 4, 256 * kMi, 512 * kMi), "6144m");
    EXPECT_EQ(memory_share_text(512 * kMi, 4, 256 * kMi, 512 * kMi), "256m");
    EXPECT_EQ(memory_share_text(std::nullopt, 4, 256 * kMi, 512 * kMi), "512m");
    EXPECT_EQ(machine_memory_bytes(root_ + "/nowhere"), std::nullopt);
}

}  // namespace
}  // namespace dl
