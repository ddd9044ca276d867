#include "data-lake-client/cli/load/file_set.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& name, std::string_view why) {
    return Error(ErrorCode::invalid_argument, name + ": " + std::string(why));
}

std::optional<FileFormat> format_of(std::string_view whole_path) {
    std::string path = dl::ascii_lowercase(whole_path);
    for (const std::string_view packed : {".gz", ".zst"})
        if (path.ends_with(packed)) path.resize(path.size() - packed.size());
    if (path.ends_with(".csv")) return FileFormat::csv;
    if (path.ends_with(".tsv")) return FileFormat::tsv;
    if (path.ends_with(".json") || path.ends_with(".jsonl") || path.ends_with(".ndjson"))
        return FileFormat::json;
    if (path.ends_with(".parquet")) return FileFormat::parquet;
    return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digit = [&](std::size_t at) {
            return at < text.size() ? std::string_view("0123456789abcdef").find(dl::ascii_lowercase(text[at]))
                                    : std::string_view::npos;
        };
        const auto high = text[i] == '%' ? digit(i + 1) : std::string_view::npos;
        const auto low = text[i] == '%' ? digit(i + 2) : std::string_view::npos;
        if (high == std::string_view::npos || low == std::string_view::npos) {
            out += text[i];
        } else {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

bool is_hidden(const fs::path& path) {
    const auto name = path.filename().string();
    return name.starts_with('.') || name.starts_with('_');
}

}  // namespace

Result<void> FileSet::add(const std::string& path) {
    LoadFile file{.path = path, .name = path == "-" ? "standard input" : path, .constants = {}, .bytes = 0};
    if (path != "-") {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0)
            return failed(path, errno == ENOENT ? "there is no such file" : std::strerror(errno));
        if (S_ISDIR(status.st_mode)) return add_directory(path);
        if (S_ISREG(status.st_mode)) file.bytes = static_cast<std::uint64_t>(status.st_size);
    }
    files_.push_back(std::move(file));
    return {};
}

Result<void> FileSet::add_directory(const std::string& path) {
    std::error_code error;
    std::vector<fs::path> found;
    fs::recursive_directory_iterator at(path, error), end;
    while (!error && at != end) {
        if (is_hidden(at->path())) {
            if (at->is_directory(error)) at.disable_recursion_pending();
        } else if (at->is_regular_file(error) && format_of(at->path().string())) {
            found.push_back(at->path());
        }
        at.increment(error);
    }
    if (error) return failed(path, "cannot be read: " + error.message());
    if (found.empty()) return failed(path, "no file in it has a name ending that is known");
    std::sort(found.begin(), found.end());
    for (const auto& file_path : found) {
        if (auto added = add(file_path.string()); !added.ok()) return added;
        for (const auto& part : file_path.lexically_relative(path).parent_path()) {
            const auto text = part.string();
            const auto equals = text.find('=');
            if (equals == std::string::npos || equals == 0) continue;
            const auto value = text.substr(equals + 1);
            if (value == "__HIVE_DEFAULT_PARTITION__") continue;
            files_.back().constants.emplace_back(percent_decoded(text.substr(0, equals)),
                                                 percent_decoded(value));
        }
    }
    return {};
}

Result<FileSet> FileSet::resolve(const LoadOptions& options) {
    FileSet set;
    for (const auto& path : options.files) {
        struct stat status {};
        const bool pattern =
            path.find_first_of("*?[") != std::string::npos && ::stat(path.c_str(), &status) != 0;
        if (!pattern) {
            if (auto added = set.add(path); !added.ok()) return added.error();
            continue;
        }
        glob_t found{};
        const int code = ::glob(path.c_str(), 0, nullptr, &found);
        std::vector<std::string> names;
        for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i)
            names.emplace_back(found.gl_pathv[i]);
        ::globfree(&found);
        if (names.empty()) return failed(path, "there is no such file");
        for (const auto& name : names)
            if (auto added = set.add(name); !added.ok()) return added.error();
    }
    if (set.files_.empty()) return failed("--load", "name a file");
    for (std::size_t i = 0; i < set.files_.size(); ++i) {
        const auto& file = set.files_[i];
        const auto format = options.format ? options.format : format_of(file.path);
        if (!format)
            return failed(file.name, file.path == "-"
                                         ? "say what it is: --format csv, tsv, json or parquet"
                                         : "the ending of the name is not known; .csv .tsv .json .jsonl "
                                           ".ndjson (also with .gz or .zst) and .parquet are, and --format "
                                           "says it for others");
        if (i > 0 && *format != set.format_)
            return failed(file.name, "is not of the same format as " + set.files_[0].name +
                                         "; load them one format after the other");
        set.format_ = *format;
    }
    return set;
}

Result<void> FileSet::spool() {
    for (auto& file : files_) {
        struct stat status {};
        if (file.path != "-" && (::stat(file.path.c_str(), &status) != 0 || S_ISREG(status.st_mode)))
            continue;
        std::error_code error;
        auto path = (fs::temp_directory_path(error) / "datalake-load-XXXXXX").string();
        const int out = ::mkostemp(path.data(), O_CLOEXEC);
        if (out < 0) return failed(path, std::string("cannot be made: ") + std::strerror(errno));
        temporary_.push_back(path);
        const int in = file.path == "-" ? STDIN_FILENO : ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
        std::optional<Error> failure;
        std::vector<char> chunk(1u << 20);
        while (!failure) {
            const auto got = ::read(in, chunk.data(), chunk.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) failure = failed(file.name, std::string("cannot be read: ") + std::strerror(errno));
            if (got <= 0) break;
            file.bytes += static_cast<std::uint64_t>(got);
            if (file.bytes > kSpoolBytesMax)
                failure = Error(ErrorCode::limit_exceeded,
                                file.name + " has more than " + std::to_string(kSpoolBytesMax >> 30) +
                                    " GiB, the most that is kept in a temporary file; load it as a file");
            for (ssize_t done = 0; done < got && !failure;) {
                const auto put = ::write(out, chunk.data() + done, static_cast<std::size_t>(got - done));
                if (put < 0 && errno == EINTR) continue;
                if (put < 0)
                    failure = failed(path, std::string("cannot be written: ") + std::strerror(errno));
                else
                    done += put;
            }
        }
        if (in > STDIN_FILENO) ::close(in);
        ::close(out);
        if (failure) return *failure;
        file.path = path;
    }
    return {};
}

FileSet::~FileSet() {
    for (const auto& path : temporary_)
        ::unlink(path.c_str());
}

}  // namespace datalake::cli
