// Errors as values. Result<T> is boost::system::result with our error type; exceptions stay inside
// third-party walls. The code decides what a client sees first (PROTOCOL: `CODE: what; what to do`) and
// which of the three outcomes holds; the message names the things and values involved.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dl {

enum class ErrorCode : std::uint8_t {
    // Nothing was done.
    syntax_error,     // the statement or frame could not be parsed
    invalid_request,  // parsed, but not a valid statement (missing key, wrong shape)
    invalid_value,    // a value does not fit its column; names row, column, value, type
    table_not_found,
    table_exists,
    column_not_found,
    column_exists,
    partition_not_found,
    not_supported,   // valid elsewhere, refused here (writes through query, file functions, ...)
    limit_exceeded,  // a named limit; the message names it and its configuration key
    unavailable,     // a node that is needed cannot be reached or is shutting down; names it
    overloaded,      // a bounded queue is full; retry later
    cancelled,
    query_error,  // the SQL engine refused or failed the query; its message follows
    disk_full,
    not_found,
    batch_id_expired,     // the id of a batch is older than those that are remembered
    offset_out_of_range,  // a position beyond the end of its partition, or of an earlier table
    crashed,              // the process that ran the query ended; the daemon did not
    schema_mismatch,  // internal: sender and receiver know different schemas; sender refreshes and retries
    stale_epoch,      // internal: a message from an older leader
    stale_version,    // internal: a compare-and-set found a newer version; its caller looks again
    not_leader,       // internal: the node does not lead the partition in the epoch that was named
    // May or may not have been done; a batch id resolves it.
    timeout,
    unknown_outcome,
    // Done in part; the message says which parts.
    partial,
    // The store itself is in trouble; nothing was acknowledged.
    io_error,
    corrupt_data,  // a checksum or format check failed; names file and offset
    internal,
};

enum class Outcome : std::uint8_t { nothing_done, maybe_done, done_in_part };

// Stable upper-case word for the wire, e.g. "TABLE_NOT_FOUND".
std::string_view error_code_name(ErrorCode code);
// Inverse; unknown words are ErrorCode::internal.
ErrorCode error_code_from_name(std::string_view name);
Outcome error_outcome(ErrorCode code);

struct [[nodiscard]] Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  // one line, without the code

    // "CODE: message", line breaks replaced by spaces.
    std::string to_text() const;
    // Splits "CODE: message"; text without a known code becomes ErrorCode::internal.
    static Error from_text(std::string_view text);
    // The same error with "context: " in front of its message.
    Error in(std::string_view context) const&;
};

// Makes Result<T>::value() on an error a defect that is thrown (std::logic_error) instead of undefined.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
  public:
    using boost::system::result<T, Error>::result;
};

inline Error make_error(ErrorCode code, std::string message) {
    return Error{code, std::move(message)};
}

}  // namespace dl

// Evaluates a Result expression; returns its error from the calling function, else assigns its value.
#define DL_CONCAT_INNER(a, b) a##b
#define DL_CONCAT(a, b) DL_CONCAT_INNER(a, b)
#define DL_TRY_ASSIGN(target, expression)                                                                 \
    auto DL_CONCAT(dl_try_, __LINE__) = (expression);                                                     \
    if (DL_CONCAT(dl_try_, __LINE__).has_error()) return std::move(DL_CONCAT(dl_try_, __LINE__)).error(); \
    target = std::move(*DL_CONCAT(dl_try_, __LINE__))
// The same for Result<void>.
#define DL_TRY(expression)                                                \
    do {                                                                  \
        if (auto dl_try_result = (expression); dl_try_result.has_error()) \
            return std::move(dl_try_result).error();                      \
    } while (false)

// The same in coroutines.
#define DL_CO_TRY_ASSIGN(target, expression)                                                                 \
    auto DL_CONCAT(dl_try_, __LINE__) = (expression);                                                        \
    if (DL_CONCAT(dl_try_, __LINE__).has_error()) co_return std::move(DL_CONCAT(dl_try_, __LINE__)).error(); \
    target = std::move(*DL_CONCAT(dl_try_, __LINE__))
#define DL_CO_TRY(expression)                                             \
    do {                                                                  \
        if (auto dl_try_result = (expression); dl_try_result.has_error()) \
            co_return std::move(dl_try_result).error();                   \
    } while (false)
