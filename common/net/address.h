// Addresses of programs as people write them: "host:port", an IPv6 address in brackets. Nothing is resolved
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace dl::net {

struct Address {
    std::string host;  // a name or an address, without brackets
    std::uint16_t port = 0;

    std::string text() const;  // "host:port", "[v6]:port"
    bool operator==(const Address&) const = default;
};

// What may be left out, and whether port 0 ("any free one", for listening) is a port.
struct AddressDefaults {
    std::optional<std::uint16_t> port{};  // "host" and "[v6]" are whole
    std::string host{};                   // not empty: a bare "port" is whole
    std::uint16_t port_min = 0;
};

// INVALID_VALUE says what is wrong in words that follow the address: "has no port; an address is written
// host:port, e.g. 127.0.0.1:7853". The caller names what it is the address of.
Result<Address> parse_address(std::string_view text, const AddressDefaults& defaults = {});

}  // namespace dl::net
