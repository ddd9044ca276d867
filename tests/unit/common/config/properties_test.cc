#include "common/config/properties.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace dl {
namespace {

using Kind = ConfigKey::Kind;

std::vector<ConfigKey> spec() {
    return {
        {.name = "slave.node", .kind = Kind::address, .default_value = "127.0.0.1:7854"},
        {.name = "slave.data", .kind = Kind::list, .required = true, .help = "Where the data lies."},
        {.name = "slave.file.segment.bytes",
         .kind = Kind::bytes,
         .default_value = "64m",
         .min = 1 << 20,
         .max = std::int64_t{1} << 30,
         .hint = "for mebibytes there is slave.file.segment.mb"},
        {.name = "slave.file.segment.mb",
         .kind = Kind::integer,
         .min = 1,
         .max = 1024,
         .alias_of = "slave.file.segment.bytes",
         .alias_factor = 1 << 20},
        {.name = "slave.sync",
         .kind = Kind::choice,
         .default_value = "always",
         .choices = {"always", "none"}},
        {.name = "slave.timeout.ms",
         .kind = Kind::milliseconds,
         .default_value = "10s",
         .min = 1,
         .max = 60000},
        {.name = "slave.flag", .kind = Kind::boolean, .default_value = "false"},
        {.name = "slave.peers", .kind = Kind::addresses},
        {.name = "slave.old",
         .kind = Kind::integer,
         .default_value = "7",
         .unused = "there is no such cache"},
    };
}

class PropertiesTest : public ::testing::Test {
  protected:
    PropertiesTest() {
        std::string pattern = ::testing::TempDir() + "properties_XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
        path_ = directory_ + "/test.properties";
    }
    Result<Config> load(const std::string& text, std::map<std::string, std::string> environment = {},
                        const std::map<std::string, std::string>& command_line = {}) {
        std::ofstream(path_) << text;
        return Config::load(
            path_, spec(),
            [environment](const std::string& name) -> std::optional<std::string> {
                const auto found = environment.find(name);
                if (found == environment.end()) return std::nullopt;
                return found->second;
            },
            command_line);
    }
    std::string error_of(const std::string& text) {
        const auto loaded = load(text);
        return loaded.has_error() ? loaded.error().to_text() : "no error";
    }
    std::string directory_;
    std::string path_;
};

using ::testing::Test;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(PropertiesTest, ReadsTheJavaForms) {
    const auto loaded = load(
        "# comment\n"
        "! another = comment\n"
        "\n"
        "  slave.node : 0.0.0.0:2345  \r\n"
        "slave.data = /a, \\\n"
        "    /b\n"
        "slave.timeout.ms=2s");
    ASSERT_TRUE(loaded.has_value()) << loaded.error().to_text();
    EXPECT_EQ(loaded->text("slave.node"), "0.0.0.0:2345");
    EXPECT_EQ(loaded->list("slave.data"), (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(loaded->integer("slave.timeout.ms"), 2000);
    EXPECT_EQ(loaded->integer("slave.file.segment.bytes"), 64 << 20);
    EXPECT_FALSE(loaded->boolean("slave.flag"));
    EXPECT_TRUE(loaded->is_set("slave.data"));
    EXPECT_FALSE(loaded->is_set("slave.sync"));
}

TEST_F(PropertiesTest, ListsMayBeJson) {
    const auto loaded = load("slave.data = [\"/a\", \"/b,c\"]\nslave.peers=h1:1,[::1]:2");
    ASSERT_TRUE(loaded.has_value()) << loaded.error().to_text();
    EXPECT_EQ(loaded->list("slave.data"), (std::vector<std::string>{"/a", "/b,c"}));
    EXPECT_EQ(loaded->list("slave.peers").size(), 2u);
}

TEST_F(PropertiesTest, UnknownKeyNamesTheNearestOne) {
    const auto text = error_of("slave.data=/a\n\nslave.file.segmnet.mb=1\n");
    EXPECT_TRUE(contains(text, path_ + ":3")) << text;
    EXPECT_TRUE(contains(text, "unknown key 'slave.file.segmnet.mb'")) << text;
    EXPECT_TRUE(contains(text, "nearest known key is slave.file.segment.mb")) << text;
}

TEST_F(PropertiesTest, WrongValuesAreRefusedWithWhatIsAllowed) {
    EXPECT_TRUE(
        contains(error_of("slave.data=/a\nslave.timeout.ms=61s"), "out of range, allowed is 1 to 60000"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.timeout.ms=soon"), "is not a duration"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.timeout.ms=99999999999999999999"), "too large"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.file.segment.bytes=9000000000g"), "too large"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.sync=maybe"), "is not one of always, none"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.flag=2"), "is not true or false"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.node=7854"), "has no port"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.node=h:99999"), "port"));
    EXPECT_TRUE(contains(error_of("slave.data=/a,,/b"), "empty item"));
    EXPECT_TRUE(contains(error_of("slave.data=/a,/a"), "twice"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.peers=h1:1,h2"), "'h2'"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.data=/b"), "is set before"));
    EXPECT_TRUE(contains(error_of("slave.data=/a\njust words"), "line 2 is not 'key = value'"));
    EXPECT_TRUE(contains(error_of(""), "'slave.data' is missing. Where the data lies."));
    EXPECT_TRUE(contains(error_of("slave.data="), "must not be empty"));
}

TEST_F(PropertiesTest, BytesTakeUnits) {
    for (const auto& [text, bytes] : std::map<std::string, std::int64_t>{{"1048576", 1 << 20},
                                                                         {"2m", 2 << 20},
                                                                         {"2 MB", 2 << 20},
                                                                         {"2MiB", 2 << 20},
                                                                         {"1024k", 1 << 20},
                                                                         {"1g", 1 << 30}}) {
        const auto loaded = load("slave.data=/a\nslave.file.segment.bytes=" + text);
        ASSERT_TRUE(loaded.has_value()) << text << ": " << loaded.error().to_text();
        EXPECT_EQ(loaded->integer("slave.file.segment.bytes"), bytes) << text;
    }
    // What the original wrote for megabytes.
    const auto text = error_of("slave.data=/a\nslave.file.segment.bytes=128");
    EXPECT_TRUE(contains(text, "allowed is 1m to 1g; for mebibytes there is slave.file.segment.mb")) << text;
}

TEST_F(PropertiesTest, AnAliasSetsItsKeyAndBothTogetherAreRefused) {
    const auto loaded = load("slave.data=/a\nslave.file.segment.mb=128");
    ASSERT_TRUE(loaded.has_value()) << loaded.error().to_text();
    EXPECT_EQ(loaded->integer("slave.file.segment.bytes"), 128 << 20);
    EXPECT_TRUE(contains(loaded->print(), "slave.file.segment.bytes = 128m")) << loaded->print();
    EXPECT_TRUE(contains(loaded->print(), "file:2 (slave.file.segment.mb)")) << loaded->print();
    EXPECT_TRUE(contains(error_of("slave.data=/a\nslave.file.segment.mb=1\nslave.file.segment.bytes=2m"),
                         "are the same setting"));
}

TEST_F(PropertiesTest, EnvironmentAndCommandLineComeLater) {
    const auto loaded = load("slave.data=/a\nslave.file.segment.mb=128\nslave.sync=none",
                             {{"DATALAKE_SLAVE_FILE_SEGMENT_BYTES", "2m"}, {"DATALAKE_SLAVE_DATA", "/env"}},
                             {{"slave.data", "/line"}});
    ASSERT_TRUE(loaded.has_value()) << loaded.error().to_text();
    EXPECT_EQ(loaded->integer("slave.file.segment.bytes"), 2 << 20);
    EXPECT_EQ(loaded->list("slave.data"), std::vector<std::string>{"/line"});
    EXPECT_EQ(loaded->text("slave.sync"), "none");
    const auto bad = load("slave.data=/a", {{"DATALAKE_SLAVE_SYNC", "x"}});
    ASSERT_TRUE(bad.has_error());
    EXPECT_TRUE(contains(bad.error().message, "environment DATALAKE_SLAVE_SYNC")) << bad.error().message;
}

TEST_F(PropertiesTest, PrintNamesEveryValueAndItsSource) {
    const auto loaded = load("slave.data=/a\n", {{"DATALAKE_SLAVE_SYNC", "none"}});
    ASSERT_TRUE(loaded.has_value());
    const auto printed = loaded->print();
    for (const auto* source : {"# default", "# file:1", "# environment"})
        EXPECT_TRUE(contains(printed, source)) << printed;
    for (const auto& key : spec())
        EXPECT_EQ(contains(printed, key.name + " = "), key.alias_of.empty()) << key.name;
}

TEST_F(PropertiesTest, UnusedKeysAreNoted) {
    EXPECT_TRUE(load("slave.data=/a")->notes().empty());
    const auto loaded = load("slave.data=/a\nslave.old=720");
    ASSERT_EQ(loaded->notes().size(), 1u);
    EXPECT_EQ(loaded->notes()[0], "slave.old is accepted and has no effect: there is no such cache");
}

TEST_F(PropertiesTest, MissingFileIsNamed) {
    const auto loaded = Config::load(directory_ + "/none", spec(), {});
    ASSERT_TRUE(loaded.has_error());
    EXPECT_TRUE(contains(loaded.error().message, directory_ + "/none cannot be read"))
        << loaded.error().message;
}

}  // namespace
}  // namespace dl
