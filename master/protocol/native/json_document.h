// What a JsonRequest holds; shared by json_request.cc and batch_json.cc only.
#pragma once

#include <string>

#include "common/json/json_tape.h"
#include "master/protocol/native/json_request.h"

namespace dl {

struct JsonRequest::Document {
    JsonTape tape;
    Kind kind = Kind::query;
    StatementOptions options;
    std::string table_name;
    std::string text;
    std::uint64_t killed_query = 0;
    CreateRequest create;
    StreamReadRequest stream_read;
    // insert: the object of the row; batch_insert: the array of rows.
    JsonTape::Index data = 0;
    // insert: "crud" beside "data", when there is one.
    std::optional<bool> is_delete;
};

}  // namespace dl
