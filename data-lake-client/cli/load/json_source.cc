#include "data-lake-client/cli/load/json_source.h"

#include "common/base/error.h"

namespace datalake::cli {

using Kind = dl::JsonTape::Kind;
using Index = dl::JsonTape::Index;

int JsonSource::target_of(std::string_view key, std::size_t position) {
    if (position < remembered_.size() && remembered_[position].first == key)
        return remembered_[position].second;
    const int target = columns_.find(key);
    if (position < remembered_.size())
        remembered_[position] = {std::string(key), target};
    else if (position == remembered_.size())
        remembered_.emplace_back(key, target);
    return target;
}

// `text` is what the tape was made of.
Field JsonSource::field_of(const dl::JsonTape& tape, Index value, std::string_view text) {
    switch (tape.kind(value)) {
        case Kind::null:
            return {{}, FieldKind::null};
        case Kind::number:
            return {text.substr(tape.position(value), tape.raw(value).size()), FieldKind::number};
        case Kind::boolean:
            return {tape.boolean(value) ? "true" : "false", FieldKind::boolean};
        case Kind::string: {
            if (!tape.has_escapes(value))
                return {text.substr(tape.position(value) + 1, tape.raw(value).size()), FieldKind::text};
            const auto begin = unescaped_.size();
            unescaped_ += tape.string(value);
            return {std::string_view(unescaped_).substr(begin), FieldKind::text};
        }
        default:
            break;
    }
    // Up to the last bracket in front of what follows; behind the last member that is the object's own.
    const auto next = tape.next(value);
    auto limit = text.rfind('}');
    if (next < tape.members_end(dl::JsonTape::kRoot)) limit = tape.position(next);
    const auto last = text.find_last_of(tape.kind(value) == Kind::object ? '}' : ']', limit - 1);
    const auto begin = tape.position(value);
    return {text.substr(begin, last + 1 - begin), FieldKind::nested};
}

bool JsonSource::take(const dl::JsonTape& tape, SourceRow& row) {
    std::size_t position = 0;
    const Index end = tape.members_end(dl::JsonTape::kRoot);
    std::string scratch;
    for (Index key = tape.first_member(dl::JsonTape::kRoot); key < end; ++position) {
        const Index value = key + 1;
        const auto name = tape.string(key, scratch);
        const int target = target_of(name, position);
        if (row.fields.size() < columns_.size()) row.fields.resize(columns_.size());
        const auto fail = [&](std::string reason) {
            row.problem = {std::string(name), std::nullopt, std::move(reason)};
            return false;
        };
        if (target == LoadColumns::kClash)
            return fail("another field of the file already stands for column " + table_column_name(name));
        if (target == LoadColumns::kFilled) return fail(LoadColumns::filled_text(name));
        if (target == LoadColumns::kUnknown) {
            if (row.unknown_field.empty()) row.unknown_field = name;
        } else {
            auto& field =
                target == LoadColumns::kCrud ? row.crud : row.fields[static_cast<std::size_t>(target)];
            if (field.kind != FieldKind::absent) return fail("is given more than once");
            field = field_of(tape, value, row.text);
        }
        key = tape.next(value);
    }
    return true;
}

Result<bool> JsonSource::next(SourceRow& row) {
    auto more = reader_.next(row.text, row.line);
    if (!more.ok()) {
        const auto& error = more.error();
        return error.message().starts_with("line ") ? Error(error.code(), name_ + ": " + error.message())
                                                    : error;
    }
    if (!*more) return false;
    row.problem.clear();
    row.unknown_field.clear();
    row.crud = {};
    row.fields.assign(columns_.size(), {});
    unescaped_.clear();
    unescaped_.reserve(row.text.size());
    auto tape = dl::JsonTape::parse(std::string(row.text));
    if (tape.has_error()) {
        row.problem.reason = "not valid JSON: " + tape.error().message;
    } else if (tape->kind(dl::JsonTape::kRoot) != Kind::object) {
        row.problem.reason = "a row must be a JSON object of columns";
    } else {
        take(*tape, row);
    }
    return true;
}

}  // namespace datalake::cli
