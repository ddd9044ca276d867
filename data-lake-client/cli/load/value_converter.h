// A field of a file as the text that is sent for its column: exactly the value written, or a reason why not.
// Immutable, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/types/data_type.h"
#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

class ValueConverter {
  public:
    ValueConverter(dl::DataType type, const TextOptions& options) : type_(type), options_(options) {}
    // For kinds other than absent and null. `out` is a view of the field's text or of `scratch`. False:
    // `reason` says why the column cannot hold the value as written.
    bool convert(const Field& field, std::string& scratch, std::string_view& out, std::string& reason) const;
    dl::DataType type() const { return type_; }

  private:
    bool whole(const Field& field, std::string& scratch, std::string_view& out, std::string& reason) const;
    bool floating(const Field& field, std::string& scratch, std::string_view& out, std::string& reason) const;
    bool decimal(const Field& field, std::string& scratch, std::string_view& out, std::string& reason) const;
    bool boolean(const Field& field, std::string_view& out, std::string& reason) const;
    bool timestamp(const Field& field, std::string& scratch, std::string_view& out,
                   std::string& reason) const;
    bool date(const Field& field, std::string& scratch, std::string_view& out, std::string& reason) const;
    const TextOptions& separators(const Field& field) const;
    bool not_a(std::string& reason) const;

    dl::DataType type_;
    TextOptions options_;
};

// The zone directly behind the time, as ISO 8601 has it: `12:00:00 UTC` (BigQuery) is `12:00:00Z`, `12:00
// +0100` is `12:00+0100`. `text` itself when no zone stands behind a blank; else a view of `scratch`.
std::string_view with_zone_attached(std::string_view text, std::string& scratch);

// What a text is by --true and --false; nothing when they do not name it.
std::optional<bool> named_boolean(std::string_view text, const TextOptions& options);

// More than six digits of a fraction of a second that are not all zero.
bool finer_than_microseconds(std::string_view timestamp);

}  // namespace datalake::cli
