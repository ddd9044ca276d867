// One request on its way between two processes of a simulation, as one connection of the real thing has it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/async_event.h"
#include "common/rpc/rpc_client.h"
#include "tests/sim/world.h"

namespace dl::sim {

class ServedCall;

struct Call : std::enable_shared_from_this<Call> {
    std::shared_ptr<Process> from;
    std::shared_ptr<Process> to;  // once it has arrived
    std::string address;
    rpc::Method method = rpc::Method::ping;
    std::string json;
    SharedBytes attachment;

    // The caller's side.
    std::shared_ptr<AsyncEvent> answered = std::make_shared<AsyncEvent>();
    std::optional<Result<rpc::RpcReply>> result;
    rpc::CallTrace trace;
    bool given_up = false;
    bool ended() const { return result.has_value() || given_up; }
    // The other side.
    std::shared_ptr<ServedCall> served;
};

}  // namespace dl::sim
