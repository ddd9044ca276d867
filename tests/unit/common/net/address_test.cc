#include "common/net/address.h"

#include <gtest/gtest.h>

namespace dl::net {
namespace {

TEST(Address, IsHostAndPortWithIpv6InBrackets) {
    for (const auto* text :
         {"127.0.0.1:7853", "db.example.com:1", "[::1]:80", "[fe80::1%eth0]:65535", "h:0"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address.has_value()) << text << " " << address.error().message;
        EXPECT_EQ(address->text(), text);
    }
    EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
    EXPECT_EQ(parse_address("[::1]:80")->port, 80);
}

TEST(Address, WhatIsWrongIsSaid) {
    const std::pair<const char*, const char*> wrong[] = {
        {"", "has no host"},
        {":80", "has no host"},
        {"[]:80", "has no host"},
        {"host", "has no port;"},
        {"[::1]", "has no port;"},
        {"host:", "has no port after its colon"},
        {"[::1]:", "has no port after its colon"},
        {"::1:80", "has several colons (an IPv6 address stands in brackets)"},
        {"a:1:2", "has several colons"},
        {"[::1:80", "has no ] after its ["},
        {"[::1]80", "has something other than :port after its ]"},
        {"ho st:80", "has no valid host"},
        {" host:80", "has no valid host"},
        {"a]b:80", "has no valid host"},
        {"host:65536", "has a port that is not a number from 0 to 65535"},
        {"host:99999999999999999999", "has a port that is not a number"},
        {"host:-1", "has a port that is not a number"},
        {"host:+1", "has a port that is not a number"},
        {"host:8x", "has a port that is not a number"},
        {"host: 8", "has a port that is not a number"},
    };
    for (const auto& [text, why] : wrong) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address.has_error()) << text;
        EXPECT_EQ(address.error().code, ErrorCode::invalid_value) << text;
        EXPECT_TRUE(address.error().message.starts_with(why)) << text << " " << address.error().message;
        EXPECT_NE(address.error().message.find("host:port"), std::string::npos) << text;
    }
}

TEST(Address, WhatMayBeLeftOutIsFilledIn) {
    const AddressDefaults client{.port = 7853, .port_min = 1};
    EXPECT_EQ(parse_address("host", client)->text(), "host:7853");
    EXPECT_EQ(parse_address("[::1]", client)->text(), "[::1]:7853");
    EXPECT_EQ(parse_address("host:1", client)->text(), "host:1");
    EXPECT_TRUE(parse_address("host:", client).has_error()) << "a colon announces a port";
    EXPECT_TRUE(parse_address("host:0", client).has_error());
    EXPECT_TRUE(parse_address("", client).has_error());

    const AddressDefaults listening{.host = "127.0.0.1"};
    EXPECT_EQ(parse_address("7853", listening)->text(), "127.0.0.1:7853");
    EXPECT_EQ(parse_address("0.0.0.0:7853", listening)->text(), "0.0.0.0:7853");
    EXPECT_TRUE(parse_address("host", listening).has_error());
    EXPECT_TRUE(parse_address("65536", listening).has_error());
}

}  // namespace
}  // namespace dl::net
