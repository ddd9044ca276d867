#include "slave/server/slave_settings.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

Result<Config> with(const std::map<std::string, std::string>& values) {
    return Config::load("", slave_config_keys(), {}, values);
}

TEST(SlaveSettings, DefaultsStand) {
    const auto config = with({});
    ASSERT_TRUE(config.has_value()) << config.error().to_text();
    const auto settings = slave_settings(*config);
    EXPECT_EQ(settings.node, "127.0.0.1:7854");
    EXPECT_EQ(settings.partition.segment_bytes, 64u << 20);
    EXPECT_EQ(settings.partition.retained_closed_logs, 1u);
    EXPECT_TRUE(settings.partition.sync);
    EXPECT_GE(settings.net_threads, 1u);
}

TEST(SlaveSettings, QueriesGetAShareOfTheMachine) {
    constexpr std::uint64_t kGi = 1u << 30;
    const auto memory = [](std::optional<std::uint64_t> machine,
                           const std::map<std::string, std::string>& set) {
        const auto config = Config::load("", slave_config_keys_of(machine), {}, set);
        EXPECT_TRUE(config.has_value()) << config.error().to_text();
        return config.has_value() ? slave_settings(*config).query_memory_bytes : 0;
    };
    EXPECT_EQ(memory(24 * kGi, {}), 6 * kGi);
    EXPECT_EQ(memory(kGi / 4, {}), kGi / 4) << "no less than it takes to run one";
    EXPECT_EQ(memory(std::nullopt, {}), kGi / 2);
    EXPECT_EQ(memory(24 * kGi, {{"slave.query.memory.bytes", "64m"}}), kGi / 16);
}

TEST(SlaveSettings, TheOriginalsFileIsUnderstood) {
    const auto config = with({{"slave.node", "0.0.0.0:2345"},
                              {"slave.data", "/a/slave,/b/slave"},
                              {"slave.file.segment.mb", "1024"},
                              {"slave.replicas.sync.number", "100000"},
                              {"slave.insert.cache.time.minute", "720"},
                              {"slave.compaction.log.retain.number", "2"}});
    ASSERT_TRUE(config.has_value()) << config.error().to_text();
    EXPECT_EQ(slave_settings(*config).partition.segment_bytes, std::uint64_t{1} << 30);
    EXPECT_EQ(slave_settings(*config).data_directories.size(), 2u);
    EXPECT_EQ(config->notes().size(), 2u);
}

TEST(SlaveSettings, MegabytesInTheBytesKeyAreRefusedWithAHint) {
    const auto config = with({{"slave.file.segment.bytes", "128"}});
    ASSERT_TRUE(config.has_error());
    EXPECT_NE(config.error().message.find("slave.file.segment.mb"), std::string::npos)
        << config.error().message;
}

TEST(SlaveSettings, DirectoriesLieBesideEachOther) {
    EXPECT_TRUE(check_data_directories({"/d/a", "/d/ab", "b"}).has_value());
    const std::vector<std::vector<std::string>> refused = {
        {"a", "a/b"}, {"a/b", "a"}, {"a", "./a/"}, {"/d/a", "/d/x/../a/b/c"}};
    for (const auto& directories : refused) {
        const auto checked = check_data_directories(directories);
        ASSERT_TRUE(checked.has_error()) << directories[1];
        EXPECT_NE(checked.error().message.find("'" + directories[1] + "'"), std::string::npos)
            << checked.error().message;
    }
}

}  // namespace
}  // namespace dl::slave
