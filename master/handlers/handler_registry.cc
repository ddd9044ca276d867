#include "master/handlers/handler_registry.h"

#include "common/base/check.h"
#include "master/handlers/handlers.h"

namespace dl::master {

Handler handler_of(JsonRequest::Kind kind) {
    using Kind = JsonRequest::Kind;
    switch (kind) {
        case Kind::create:
            return handle_create;
        case Kind::insert:
        case Kind::batch_insert:
            return handle_json_rows;
        case Kind::batch_insert_binary:
            return handle_binary_batch;
        case Kind::query:
            return handle_query;
        case Kind::stream_read:
            return handle_stream_read;
        case Kind::compress_table:
            return handle_compress_table;
        case Kind::check_table:
            return handle_check_table;
        case Kind::metadata:
            return handle_metadata;
        case Kind::sql:
            return handle_sql;
    }
    DL_CHECK(false, "every kind of statement has a handler");
}

}  // namespace dl::master
