// What is to be pinned, as the requests pin and query carry it, and the cut as their replies name it.
#pragma once

#include <string>
#include <vector>

#include "slave/handlers/handler_context.h"
#include "slave/handlers/request_json.h"
#include "slave/stream/record_waiter.h"

namespace dl::slave {

struct PinRequest {
    std::vector<PinTable> tables;
    std::vector<WaitPosition> awaited;
    bool past = false;  // names cuts of the past: pinning blocks
};

// The member "tables". SCHEMA_MISMATCH when the master knows a newer schema.
Result<PinRequest> parse_pin_request(const TableRegistry& tables, const RequestJson& request);

// Until the offsets asked for are visible; the sender's own deadline comes first: it closes the connection.
boost::asio::awaitable<Result<void>> wait_for_pin(std::vector<WaitPosition> awaited);

// `"offsets":{"<table_id>":{"0":N}},"behind":{"<table_id>":N},"rows":{"<table_id>":N}`
std::string cut_json(const PinnedCut& cut);

// SCHEMA_MISMATCH when `schema_id` is newer than what is known here.
Result<void> check_schema(const TableMeta& table, std::int64_t schema_id, std::string_view what);

}  // namespace dl::slave
