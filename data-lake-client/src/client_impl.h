#pragma once

#include "data-lake-client/src/batch_identity.h"
#include "data-lake-client/src/session.h"
#include "datalake/client.h"

namespace datalake {

struct Client::Impl {
    Impl(dl::net::Address address, const Options& options)
        : session(std::move(address), options), text(session.address().text()) {}
    Session session;
    std::string text;  // host:port
    OwnProducer producer;
};

// Letters, digits, _ and other scripts: a name that may stand in a sql statement as it is.
Result<void> check_sql_name(std::string_view what, std::string_view name);
// Desc reply -> TableInfo; PROTOCOL_ERROR when it is not as documented.
Result<TableInfo> parse_describe(std::string_view json);

}  // namespace datalake
