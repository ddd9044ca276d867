#include "data-lake-client/cli/load/value_converter.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/types/value_scan.h"
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/number_text.h"
#include "data-lake-client/cli/load/time_format.h"

namespace datalake::cli {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

}  // namespace

std::string_view with_zone_attached(std::string_view text, std::string& scratch) {
    constexpr std::size_t kTimeEnd = 16;  // of YYYY-MM-DD HH:MM, which comes first
    const auto blank = text.rfind(' ');
    if (blank == std::string_view::npos || blank < kTimeEnd) return text;
    auto zone = text.substr(blank + 1);
    if (zone == "UTC") zone = "Z";
    if (zone != "Z" && !zone.starts_with('+') && !zone.starts_with('-')) return text;
    scratch.assign(text.substr(0, blank)).append(zone);
    return scratch;
}

std::optional<bool> named_boolean(std::string_view text, const TextOptions& options) {
    const auto among = [&](const std::vector<std::string>& texts) {
        return std::find(texts.begin(), texts.end(), text) != texts.end();
    };
    if (among(options.true_texts)) return true;
    if (among(options.false_texts)) return false;
    return std::nullopt;
}

bool finer_than_microseconds(std::string_view timestamp) {
    const auto point = timestamp.find('.');
    if (point == std::string_view::npos) return false;
    for (auto i = point + 1; i < timestamp.size() && timestamp[i] >= '0' && timestamp[i] <= '9'; ++i)
        if (i > point + 6 && timestamp[i] != '0') return true;
    return false;
}

// The numbers of JSON are written in one way, whatever the options are.
const TextOptions& ValueConverter::separators(const Field& field) const {
    static const TextOptions plain;
    return field.kind == FieldKind::number ? plain : options_;
}

bool ValueConverter::not_a(std::string& reason) const {
    switch (type_.kind) {
        case dl::TypeKind::int32:
            reason = "not an int: a whole number from -2147483648 to 2147483647";
            break;
        case dl::TypeKind::int64:
            reason = "not a long: a whole number from -9223372036854775808 to 9223372036854775807";
            break;
        case dl::TypeKind::boolean:
            reason = "not a boolean: true, false, 1 or 0; --true and --false name other texts";
            break;
        case dl::TypeKind::timestamp:
            reason = options_.timestamp_format.empty()
                         ? "not a timestamp in ISO 8601 form; --timestampformat takes others"
                         : "not a timestamp of the form " + options_.timestamp_format;
            break;
        case dl::TypeKind::date:
            reason = options_.date_format.empty() ? "not a date like 2024-01-31; --dateformat takes others"
                                                  : "not a date of the form " + options_.date_format;
            break;
        case dl::TypeKind::binary:
            reason = "not base64";
            break;
        default:
            reason = "not a " + dl::type_name(type_);
    }
    return false;
}

bool ValueConverter::whole(const Field& field, std::string& scratch, std::string_view& out,
                           std::string& reason) const {
    std::int64_t value = 0;
    const bool small = type_.kind == dl::TypeKind::int32;
    std::int32_t value32 = 0;
    const bool grouped = options_.thousands != '\0' && field.kind != FieldKind::number;
    if (!grouped && (small ? dl::scan_int32(field.text, value32) : dl::scan_int64(field.text, value))) {
        out = field.text;
        return true;
    }
    const auto plain = plain_number(field.text, separators(field), scratch);
    // 5.0 and 1e3 are whole numbers, as they are in a JSON batch.
    if (!plain || (!dl::scan_int64(*plain, value) && !dl::scan_whole_number(*plain, value)))
        return not_a(reason);
    if (small && value != static_cast<std::int32_t>(value)) return not_a(reason);
    scratch.clear();
    dl::append_int64(scratch, value);
    out = scratch;
    return true;
}

bool ValueConverter::floating(const Field& field, std::string& scratch, std::string_view& out,
                              std::string& reason) const {
    const auto text = trimmed(field.text);
    if (const auto special = special_number(text)) {
        out = *special;
        return true;
    }
    const auto plain = plain_number(field.text, separators(field), scratch);
    NumberShape shape;
    if (!plain || !number_shape(*plain, shape)) return not_a(reason);
    const bool is_float = type_.kind == dl::TypeKind::float32;
    if (is_float ? float_keeps(*plain, shape) : double_keeps(*plain, shape)) {
        out = *plain;
        return true;
    }
    reason = "a " + dl::type_name(type_) + " cannot hold it with all its digits";
    return false;
}

bool ValueConverter::decimal(const Field& field, std::string& scratch, std::string_view& out,
                             std::string& reason) const {
    const auto plain = plain_number(field.text, separators(field), scratch);
    NumberShape shape;
    if (!plain || !number_shape(*plain, shape)) return not_a(reason);
    if (!decimal_keeps(shape, type_.precision, type_.scale)) {
        reason = dl::type_name(type_) + " cannot hold it with all its digits";
        return false;
    }
    out = *plain;
    return true;
}

bool ValueConverter::boolean(const Field& field, std::string_view& out, std::string& reason) const {
    const auto text = trimmed(field.text);
    if (field.kind == FieldKind::text) {
        if (const auto named = named_boolean(text, options_)) {
            out = *named ? "true" : "false";
            return true;
        }
    }
    bool value = false;
    if (dl::scan_boolean(text, value)) {
        out = text;
        return true;
    }
    if (field.kind == FieldKind::text && text.size() <= 5) {
        const auto small = dl::ascii_lowercase(text);
        if (small == "true" || small == "false") {
            out = small == "true" ? "true" : "false";
            return true;
        }
    }
    return not_a(reason);
}

bool ValueConverter::timestamp(const Field& field, std::string& scratch, std::string_view& out,
                               std::string& reason) const {
    std::int64_t value_us = 0;
    auto text = trimmed(field.text);
    if (options_.timestamp_format.empty()) text = with_zone_attached(text, scratch);
    if (field.kind == FieldKind::text && !options_.timestamp_format.empty()) {
        if (scan_time(text, options_.timestamp_format, value_us)) {
            scratch.clear();
            dl::append_timestamp(scratch, value_us);
            out = scratch;
            return true;
        }
    } else if (field.kind != FieldKind::number && dl::scan_timestamp(text, value_us)) {
        if (finer_than_microseconds(text)) {
            reason = "finer than microseconds, which is what a timestamp holds";
            return false;
        }
        out = text;
        return true;
    }
    NumberShape shape;
    const auto plain = plain_number(field.text, separators(field), scratch);
    if (!plain || !number_shape(*plain, shape)) return not_a(reason);
    if (!options_.timestamp_unit) {
        reason = "a number, and not said what it counts; --timestamp-unit s, ms, us or ns says it";
        return false;
    }
    if (!dl::scan_epoch(*plain, *options_.timestamp_unit, value_us)) {
        reason = "no whole number of microseconds within the range of a timestamp";
        return false;
    }
    scratch.clear();
    dl::append_timestamp(scratch, value_us);
    out = scratch;
    return true;
}

bool ValueConverter::date(const Field& field, std::string& scratch, std::string_view& out,
                          std::string& reason) const {
    if (field.kind != FieldKind::text && field.kind != FieldKind::exact) return not_a(reason);
    const auto text = trimmed(field.text);
    if (!options_.date_format.empty()) {
        std::int64_t value_us = 0;
        if (!scan_time(text, options_.date_format, value_us) || value_us % 86'400'000'000 != 0)
            return not_a(reason);
        scratch.clear();
        dl::append_timestamp(scratch, value_us);
        scratch.resize(scratch.find(' '));
        out = scratch;
        return true;
    }
    std::int32_t days = 0;
    if (!dl::scan_date(text, days)) return not_a(reason);
    out = text;
    return true;
}

bool ValueConverter::convert(const Field& field, std::string& scratch, std::string_view& out,
                             std::string& reason) const {
    const auto kind = type_.kind;
    if (field.kind == FieldKind::exact) {
        out = field.text;
        return true;
    }
    if (kind == dl::TypeKind::string) {
        if (!dl::is_ascii(field.text) && !dl::is_utf8(field.text)) {
            reason = "not valid in its encoding; --encoding names another one than UTF-8";
            return false;
        }
        out = field.text;
        return true;
    }
    if (field.kind == FieldKind::nested) {
        reason = "an object or a list, which a " + dl::type_name(type_) + " cannot hold";
        return false;
    }
    if (field.kind == FieldKind::boolean && kind != dl::TypeKind::boolean) return not_a(reason);
    switch (kind) {
        case dl::TypeKind::int32:
        case dl::TypeKind::int64:
            return whole(field, scratch, out, reason);
        case dl::TypeKind::float32:
        case dl::TypeKind::float64:
            return floating(field, scratch, out, reason);
        case dl::TypeKind::decimal:
            return decimal(field, scratch, out, reason);
        case dl::TypeKind::boolean:
            return boolean(field, out, reason);
        case dl::TypeKind::timestamp:
            return timestamp(field, scratch, out, reason);
        case dl::TypeKind::date:
            return date(field, scratch, out, reason);
        default:
            break;
    }
    const bool base64 = field.text.empty() || dl::parse_binary(field.text).has_value();
    if (field.kind == FieldKind::number || !base64) return not_a(reason);
    out = field.text;
    return true;
}

}  // namespace datalake::cli
