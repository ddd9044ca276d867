#include "common/base/error.h"

#include <array>
#include <stdexcept>

namespace dl {
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
    CodeRow{ErrorCode::batch_id_expired, "BATCH_ID_EXPIRED", Outcome::nothing_done},
    CodeRow{ErrorCode::offset_out_of_range, "OFFSET_OUT_OF_RANGE", Outcome::nothing_done},
    CodeRow{ErrorCode::crashed, "CRASHED", Outcome::nothing_done},
    CodeRow{ErrorCode::schema_mismatch, "SCHEMA_MISMATCH", Outcome::nothing_done},
    CodeRow{ErrorCode::stale_epoch, "STALE_EPOCH", Outcome::nothing_done},
    CodeRow{ErrorCode::stale_version, "STALE_VERSION", Outcome::nothing_done},
    CodeRow{ErrorCode::not_leader, "NOT_LEADER", Outcome::nothing_done},
    CodeRow{ErrorCode::timeout, "TIMEOUT", Outcome::maybe_done},
    CodeRow{ErrorCode::unknown_outcome, "UNKNOWN_OUTCOME", Outcome::maybe_done},
    CodeRow{ErrorCode::partial, "PARTIAL", Outcome::done_in_part},
    CodeRow{ErrorCode::io_error, "IO_ERROR", Outcome::maybe_done},
    CodeRow{ErrorCode::corrupt_data, "CORRUPT_DATA", Outcome::nothing_done},
    CodeRow{ErrorCode::internal, "INTERNAL", Outcome::maybe_done},
};

}  // namespace

std::string_view error_code_name(ErrorCode code) {
    for (const auto& row : kCodes)
        if (row.code == code) return row.name;
    return "INTERNAL";
}

ErrorCode error_code_from_name(std::string_view name) {
    for (const auto& row : kCodes)
        if (row.name == name) return row.code;
    return ErrorCode::internal;
}

Outcome error_outcome(ErrorCode code) {
    for (const auto& row : kCodes)
        if (row.code == code) return row.outcome;
    return Outcome::maybe_done;
}

std::string Error::to_text() const {
    std::string text(error_code_name(code));
    text += ": ";
    for (char c : message)
        text += (c == '\n' || c == '\r') ? ' ' : c;
    return text;
}

Error Error::from_text(std::string_view text) {
    const auto colon = text.find(": ");
    if (colon != std::string_view::npos) {
        const auto word = text.substr(0, colon);
        for (const auto& row : kCodes)
            if (row.name == word) return Error{row.code, std::string(text.substr(colon + 2))};
    }
    return Error{ErrorCode::internal, std::string(text)};
}

Error Error::in(std::string_view context) const& {
    std::string text(context);
    text += ": ";
    text += message;
    return Error{code, std::move(text)};
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::logic_error("value() on an error: " + error.to_text());
}

}  // namespace dl
