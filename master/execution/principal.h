// Who asks.
#pragma once

#include <string>

namespace dl::master {

struct Principal {
    std::string name = "anonymous";
    std::string address;  // of the client, "10.0.0.7:51234"
};

}  // namespace dl::master
