#include "common/net/address.h"

#include <charconv>

namespace dl::net {
namespace {

bool only_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Error wrong(std::string_view why) {
    return make_error(ErrorCode::invalid_value,
                      std::string(why) + "; an address is written host:port, e.g. 127.0.0.1:7853");
}

}  // namespace

std::string Address::text() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> parse_address(std::string_view text, const AddressDefaults& defaults) {
    Address address;
    std::optional<std::string_view> digits;
    if (!defaults.host.empty() && only_digits(text)) {
        address.host = defaults.host;
        digits = text;
    } else if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return wrong("has no ] after its [");
        address.host = text.substr(1, close - 1);
        const auto rest = text.substr(close + 1);
        if (!rest.empty() && rest.front() != ':') return wrong("has something other than :port after its ]");
        if (!rest.empty()) digits = rest.substr(1);
    } else {
        const auto colon = text.find(':');
        address.host = text.substr(0, colon);
        if (colon != std::string_view::npos) digits = text.substr(colon + 1);
        if (digits && digits->find(':') != std::string_view::npos)
            return wrong("has several colons (an IPv6 address stands in brackets)");
    }
    if (address.host.empty()) return wrong("has no host");
    for (const char c : address.host)
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '[' || c == ']')
            return wrong("has no valid host");
    if (!digits) {
        if (!defaults.port) return wrong("has no port");
        address.port = *defaults.port;
        return address;
    }
    if (digits->empty()) return wrong("has no port after its colon");
    std::uint32_t port = 0;
    const auto* end = digits->data() + digits->size();
    const auto parsed = std::from_chars(digits->data(), end, port);
    if (!only_digits(*digits) || parsed.ec != std::errc{} || parsed.ptr != end || port > 65535 ||
        port < defaults.port_min)
        return wrong("has a port that is not a number from " + std::to_string(defaults.port_min) +
                     " to 65535");
    address.port = static_cast<std::uint16_t>(port);
    return address;
}

}  // namespace dl::net
