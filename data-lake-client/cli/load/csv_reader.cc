#include "data-lake-client/cli/load/csv_reader.h"

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "data-lake-client/cli/load/csv_escapes.h"

namespace datalake::cli {
namespace {

constexpr std::size_t kReadBytes = 128u << 10;
constexpr std::size_t kPaddingBytes = 128;
constexpr std::size_t kFirstLineBytesMax = 16u << 20;

}  // namespace

std::uint64_t CsvReader::SpecialBytes::load(const char* at) const {
    const __m128i delimiter = _mm_set1_epi8(delimiter_);
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    std::uint64_t mask = 0;
    for (int i = 0; i < 4; ++i) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * i));
        const __m128i hits = _mm_or_si128(_mm_cmpeq_epi8(bytes, delimiter),
                                          _mm_or_si128(_mm_cmpeq_epi8(bytes, lf), _mm_cmpeq_epi8(bytes, cr)));
        mask |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(hits))) << (16 * i);
    }
    return mask;
}

const char* CsvReader::SpecialBytes::next(const char* from, const char* end) {
    if (block_ == nullptr || from < block_ || from >= block_ + 64) {
        block_ = from;
        mask_ = load(from);
    }
    std::uint64_t left = mask_ >> (from - block_);
    while (left == 0) {
        from = block_ + 64;
        if (from >= end) return end;
        block_ = from;
        left = mask_ = load(from);
    }
    return std::min(from + std::countr_zero(left), end);
}

CsvReader::CsvReader(std::unique_ptr<ByteSource> bytes, const CsvDialect& dialect)
    : bytes_(std::move(bytes)), dialect_(dialect) {
    quotes_ = dialect.quote.has_value();
    quote_ = dialect.quote.value_or('"');
    escape_ = dialect.backslash ? '\\' : dialect.escape.value_or(quote_);
}

Result<std::unique_ptr<CsvReader>> CsvReader::open(std::unique_ptr<ByteSource> bytes, CsvDialect dialect) {
    std::unique_ptr<CsvReader> reader(new CsvReader(std::move(bytes), dialect));
    if (auto started = reader->start(); !started.ok()) return started.error();
    return reader;
}

Result<void> CsvReader::refill() {
    const std::size_t kept = static_cast<std::size_t>(end_ - at_);
    const std::size_t want = kept + std::max(kReadBytes, kept);
    if (buffer_.size() < want + kPaddingBytes) {
        std::vector<char> larger(want + kPaddingBytes);
        if (kept != 0) std::memcpy(larger.data(), at_, kept);
        buffer_ = std::move(larger);
    } else if (kept != 0) {
        std::memmove(buffer_.data(), at_, kept);
    }
    at_ = buffer_.data();
    end_ = at_ + kept;
    special_.forget();
    // At least doubled, so that a long record is not looked at from its start too often.
    const std::size_t least = kept + std::max<std::size_t>(kept, 1);
    std::size_t size = kept;
    while (size < least && !ended_) {
        auto got = bytes_->read(buffer_.data() + size, want - size);
        if (!got.ok()) return got.error();
        ended_ = *got == 0;
        size += *got;
    }
    end_ = at_ + size;
    return {};
}

// The end of the first line, reading on until it is there: not much is known of a file without it.
Result<const char*> CsvReader::first_line_end() {
    for (;;) {
        bool inside = false;
        for (const char* at = at_; at < end_; ++at) {
            if (quotes_ && *at == quote_) inside = !inside;
            if (inside || (*at != '\n' && *at != '\r')) continue;
            if (*at == '\n' || at + 1 < end_ || ended_) return at;
        }
        if (ended_ || static_cast<std::size_t>(end_ - at_) > kFirstLineBytesMax) return end_;
        if (auto filled = refill(); !filled.ok()) return filled.error();
    }
}

Result<void> CsvReader::choose_delimiter() {
    if (dialect_.delimiter) {
        delimiter_ = *dialect_.delimiter;
    } else {
        auto stop = first_line_end();
        if (!stop.ok()) return stop.error();
        const std::string_view candidates = ",\t;|";
        auto best = std::string_view::npos;
        bool inside = false;
        for (const char* at = at_; at < *stop; ++at) {
            if (quotes_ && *at == quote_) inside = !inside;
            if (!inside) best = std::min(best, candidates.find(*at));
        }
        delimiter_ = best == std::string_view::npos ? ',' : candidates[best];
    }
    special_.set(delimiter_);
    return {};
}

Result<void> CsvReader::start() {
    if (auto filled = refill(); !filled.ok()) return filled;
    auto stop = first_line_end();
    if (!stop.ok()) return stop.error();
    cr_lines_ = *stop != end_ && **stop == '\r' && (*stop + 1 == end_ || (*stop)[1] != '\n');
    if (dialect_.skip_lines == 0)
        if (auto taken = take_separator_line(); !taken.ok()) return taken;
    for (std::uint64_t skipped = 0; skipped < dialect_.skip_lines;) {
        bool found = false;
        auto more = skip_line(found);
        if (!more.ok()) return more.error();
        if (!*more) break;
        if (found) ++skipped;
    }
    while (dialect_.comment != '\0' && at_ < end_ && *at_ == dialect_.comment) {
        bool found = false;
        while (!found) {
            auto more = skip_line(found);
            if (!more.ok()) return more.error();
            if (!*more) break;
        }
        if (at_ == end_ && !ended_)
            if (auto filled = refill(); !filled.ok()) return filled;
    }
    return choose_delimiter();
}

// The first byte of the end of the line, or end_.
const char* CsvReader::line_end(const char* from) const {
    const auto* hit = static_cast<const char*>(
        std::memchr(from, cr_lines_ ? '\r' : '\n', static_cast<std::size_t>(end_ - from)));
    return hit == nullptr ? end_ : hit;
}

// `found`: a whole line was left out; else more must be read. False at the end of the file.
Result<bool> CsvReader::skip_line(bool& found) {
    const char* stop = line_end(at_);
    found = stop != end_;
    if (found) {
        at_ = stop + 1;
        ++line_;
        return true;
    }
    at_ = end_;
    if (ended_) return false;
    if (auto filled = refill(); !filled.ok()) return filled.error();
    return true;
}

CsvReader::Parsed CsvReader::parse_quoted(const char*& at, CsvRecord& record) {
    const char* const from = at + 1;
    const char* stop = from;
    bool escaped = false;
    for (;;) {
        if (escape_ == quote_) {
            stop = static_cast<const char*>(std::memchr(stop, quote_, static_cast<std::size_t>(end_ - stop)));
            if (stop == nullptr) stop = end_;
        } else {
            while (stop < end_ && *stop != quote_ && *stop != escape_)
                ++stop;
        }
        if (stop == end_) {
            if (!ended_) return Parsed::more;
            problem_ = "the quote of field " + std::to_string(record.fields.size() + 1) + " is never closed";
            unclosed_ = true;
            return Parsed::broken;
        }
        if (stop + 1 == end_ && !ended_) return Parsed::more;
        const char following = stop + 1 < end_ ? stop[1] : '\0';
        const bool has_following = stop + 1 < end_;
        if (*stop == escape_ && has_following &&
            (dialect_.backslash || following == quote_ || following == escape_)) {
            escaped = true;
            stop += 2;
            continue;
        }
        if (*stop == quote_) break;
        ++stop;  // an escape before anything else stands for itself
    }
    if (escaped) escaped_.push_back(record.fields.size());
    record.fields.push_back({{from, static_cast<std::size_t>(stop - from)}, true});
    at = stop + 1;
    return Parsed::complete;
}

CsvReader::Parsed CsvReader::find_end(const char* at, const char*& stop, bool& escapes) {
    stop = special_.next(at, end_);
    for (;;) {
        if (dialect_.backslash) {
            // The special byte may be behind a backslash.
            const auto* escape =
                static_cast<const char*>(std::memchr(at, escape_, static_cast<std::size_t>(stop - at)));
            if (escape != nullptr) {
                if (escape + 1 == end_) {
                    if (!ended_) return Parsed::more;
                    problem_ = "a backslash with nothing behind it at the end of the file";
                    return Parsed::broken;
                }
                escapes = true;
                at = escape + 2;
                if (at > stop) stop = special_.next(at, end_);
                continue;
            }
        }
        // A CR alone is part of the text in a file whose lines do not end with it.
        if (stop == end_ || *stop != '\r' || cr_lines_) return Parsed::complete;
        if (stop + 1 == end_) {
            if (ended_) ++stop;
            return Parsed::complete;
        }
        if (stop[1] == '\n') return Parsed::complete;
        at = stop + 1;
        stop = special_.next(at, end_);
    }
}

CsvReader::Parsed CsvReader::parse(CsvRecord& record) {
    record.fields.clear();
    escaped_.clear();
    closing_ = nullptr;
    unclosed_ = false;
    bool lines_within = false;  // a field may have line ends in it
    const char* at = at_;
    for (;;) {
        bool quoted = false;
        if (quotes_ && at < end_ && *at == quote_) {
            if (const auto parsed = parse_quoted(at, record); parsed != Parsed::complete) return parsed;
            quoted = lines_within = true;
        } else {
            const char* stop = at;
            bool escapes = false;
            if (const auto parsed = find_end(at, stop, escapes); parsed != Parsed::complete) return parsed;
            if (escapes) escaped_.push_back(record.fields.size());
            lines_within = lines_within || escapes;
            record.fields.push_back({{at, static_cast<std::size_t>(stop - at)}, false});
            at = stop;
        }
        if (at == end_) {
            if (!ended_) return Parsed::more;
            next_ = text_end_ = at;
            break;
        }
        if (*at == delimiter_) {
            ++at;
            continue;
        }
        if (*at == '\n') {
            text_end_ = at;
            next_ = at + 1;
            break;
        }
        if (*at == '\r') {
            if (at + 1 == end_ && !ended_) return Parsed::more;
            const bool lf = at + 1 < end_ && at[1] == '\n';
            if (lf || cr_lines_ || at + 1 == end_) {
                text_end_ = at;
                next_ = at + (lf ? 2 : 1);
                break;
            }
        }
        closing_ = quoted ? at - 1 : nullptr;
        problem_ = quoted ? "text behind the closing quote of field " + std::to_string(record.fields.size())
                          : "not a CSV row";
        return Parsed::broken;
    }
    extra_lines_ = 0;
    if (lines_within) {
        const char mark = cr_lines_ ? '\r' : '\n';
        extra_lines_ = static_cast<std::uint64_t>(std::count(at_, text_end_, mark));
    }
    return Parsed::complete;
}

Result<void> CsvReader::take_separator_line() {
    auto stop = first_line_end();
    if (!stop.ok()) return stop.error();
    std::string_view line(at_, static_cast<std::size_t>(*stop - at_));
    if (line.size() == 7 && line.front() == '"' && line.back() == '"') line = line.substr(1, 5);
    if (line.size() != 5 || !(line.starts_with("sep=") || line.starts_with("SEP="))) return {};
    if (!dialect_.delimiter) dialect_.delimiter = line[4];
    bool found = false;
    auto skipped = skip_line(found);
    return skipped.ok() ? Result<void>() : Result<void>(skipped.error());
}

void CsvReader::unescape(CsvRecord& record) {
    scratch_.clear();
    scratch_.reserve(static_cast<std::size_t>(text_end_ - at_));
    for (const auto index : escaped_) {
        auto& field = record.fields[index];
        auto& text = field.text;
        const auto begin = scratch_.size();
        if (dialect_.backslash) {
            field.null = !field.quoted && text == "\\N";
            std::string problem;
            if (!field.null &&
                !append_unescaped(scratch_, text, {delimiter_, dialect_.high_bytes}, problem)) {
                record.problem = "field " + std::to_string(index + 1) + " has " + problem;
                return;
            }
            text = std::string_view(scratch_).substr(begin);
            continue;
        }
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == escape_ && i + 1 < text.size() &&
                (text[i + 1] == quote_ || text[i + 1] == escape_))
                ++i;
            scratch_ += text[i];
        }
        text = std::string_view(scratch_).substr(begin);
    }
}

Result<bool> CsvReader::next(CsvRecord& record) {
    if (next_ != nullptr) {
        at_ = next_;
        next_ = nullptr;
    }
    for (;;) {
        if (at_ == end_) {
            if (ended_) return false;
            if (auto filled = refill(); !filled.ok()) return filled.error();
            continue;
        }
        if (dialect_.comment != '\0' && *at_ == dialect_.comment) {
            for (bool found = false; !found;) {
                auto more = skip_line(found);
                if (!more.ok()) return more;
                if (!*more) return false;
            }
            continue;
        }
        record.problem.clear();
        auto parsed = parse(record);
        if (parsed == Parsed::more) {
            if (static_cast<std::size_t>(end_ - at_) < kRecordBytesMax) {
                if (auto filled = refill(); !filled.ok()) return filled.error();
                continue;
            }
            problem_ = "no end of the row within " + std::to_string(kRecordBytesMax >> 20) + " MiB";
            parsed = Parsed::broken;
        }
        if (parsed == Parsed::broken) {
            if (!take_broken(record)) {
                if (auto filled = refill(); !filled.ok()) return filled.error();
                continue;
            }
        } else if (width_ == 0) {
            width_ = record.fields.size();
        }
        // How COPY says that there is no more.
        if (dialect_.backslash && std::string_view(at_, static_cast<std::size_t>(text_end_ - at_)) == "\\.") {
            at_ = next_;
            next_ = nullptr;
            line_ += 1;
            continue;
        }
        if (!escaped_.empty()) unescape(record);
        record.line = line_;
        record.text = {at_, static_cast<std::size_t>(text_end_ - at_)};
        line_ += 1 + extra_lines_;
        return true;
    }
}

}  // namespace datalake::cli
