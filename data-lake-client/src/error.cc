#include "datalake/error.h"

#include <array>

namespace datalake {
namespace {

struct CodeRow {
    ErrorCode code;
    std::string_view name;
    Outcome outcome;
};

constexpr std::array kCodes = {
    CodeRow{ErrorCode::syntax_error, "SYNTAX_ERROR", Outcome::nothing_done},
    CodeRow{ErrorCode::invalid_request, "INVALID_REQUEST", Outcome::nothing_done},
    CodeRow{ErrorCode::invalid_value, "INVALID_VALUE", Outcome::nothing_done},
    CodeRow{ErrorCode::table_not_found, "TABLE_NOT_FOUND", Outcome::nothing_done},
    CodeRow{ErrorCode::table_exists, "TABLE_EXISTS", Outcome::nothing_done},
    CodeRow{ErrorCode::column_not_found, "COLUMN_NOT_FOUND", Outcome::nothing_done},
    CodeRow{ErrorCode::column_exists, "COLUMN_EXISTS", Outcome::nothing_done},
    CodeRow{ErrorCode::partition_not_found, "PARTITION_NOT_FOUND", Outcome::nothing_done},
    CodeRow{ErrorCode::not_supported, "NOT_SUPPORTED", Outcome::nothing_done},
    CodeRow{ErrorCode::limit_exceeded, "LIMIT_EXCEEDED", Outcome::nothing_done},
    CodeRow{ErrorCode::unavailable, "UNAVAILABLE", Outcome::nothing_done},
    CodeRow{ErrorCode::overloaded, "OVERLOADED", Outcome::nothing_done},
    CodeRow{ErrorCode::cancelled, "CANCELLED", Outcome::nothing_done},
    CodeRow{ErrorCode::query_error, "QUERY_ERROR", Outcome::nothing_done},
    CodeRow{ErrorCode::disk_full, "DISK_FULL", Outcome::nothing_done},
    CodeRow{ErrorCode::not_found, "NOT_FOUND", Outcome::nothing_done},
    CodeRow{ErrorCode::schema_mismatch, "SCHEMA_MISMATCH", Outcome::nothing_done},
    CodeRow{ErrorCode::stale_epoch, "STALE_EPOCH", Outcome::nothing_done},
    CodeRow{ErrorCode::timeout, "TIMEOUT", Outcome::maybe_done},
    CodeRow{ErrorCode::unknown_outcome, "UNKNOWN_OUTCOME", Outcome::maybe_done},
    CodeRow{ErrorCode::partial, "PARTIAL", Outcome::done_in_part},
    CodeRow{ErrorCode::io_error, "IO_ERROR", Outcome::maybe_done},
    CodeRow{ErrorCode::corrupt_data, "CORRUPT_DATA", Outcome::nothing_done},
    CodeRow{ErrorCode::internal, "INTERNAL", Outcome::maybe_done},
    CodeRow{ErrorCode::connect_failed, "CONNECT_FAILED", Outcome::nothing_done},
    CodeRow{ErrorCode::connection_lost, "CONNECTION_LOST", Outcome::maybe_done},
    CodeRow{ErrorCode::protocol_error, "PROTOCOL_ERROR", Outcome::maybe_done},
    CodeRow{ErrorCode::invalid_argument, "INVALID_ARGUMENT", Outcome::nothing_done},
    CodeRow{ErrorCode::unknown, "UNKNOWN", Outcome::maybe_done},
};

const CodeRow& row_of(ErrorCode code) {
    for (const auto& row : kCodes)
        if (row.code == code) return row;
    return kCodes.back();
}

bool is_code_word(std::string_view word) {
    if (word.empty() || word[0] < 'A' || word[0] > 'Z') return false;
    for (const char c : word)
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    return true;
}

}  // namespace

Error::Error(ErrorCode code, std::string message) : Error(code, std::move(message), row_of(code).outcome) {}

Error::Error(ErrorCode code, std::string message, Outcome outcome)
    : code_(code), outcome_(outcome), name_(row_of(code).name), message_(std::move(message)) {}

Error Error::from_server(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || !is_code_word(text.substr(0, colon)))
        return Error(ErrorCode::unknown, std::string(text));
    auto message = text.substr(colon + 1);
    while (!message.empty() && message.front() == ' ')
        message.remove_prefix(1);
    const auto word = text.substr(0, colon);
    for (const auto& row : kCodes)
        if (row.name == word) return Error(row.code, std::string(message));
    Error error(ErrorCode::unknown, std::string(message));
    error.name_ = word;
    return error;
}

}  // namespace datalake
