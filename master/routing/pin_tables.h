// What is to be pinned on a slave, as the RPCs pin and query say it. Pure.
#pragma once

#include <vector>

#include "master/routing/rpc_codec.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

std::vector<PinTable> to_pin_tables(const FragmentPin& pin);

// A pinned cut as `node` named it.
PinnedFragment to_pinned(const std::string& node, PinReply reply);

}  // namespace dl::master
