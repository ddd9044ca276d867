// Which files a load reads, in which order, and in which format. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data-lake-client/cli/load/load_options.h"
#include "datalake/error.h"

namespace datalake::cli {

struct LoadFile {
    std::string path;  // "-" is the standard input
    std::string name;  // for messages
    // Columns whose value its directories carry (`day=2024-01-31/part-0.parquet`), and the text of each;
    // of a value that is NULL there is none.
    std::vector<std::pair<std::string, std::string>> constants;
    std::uint64_t bytes = 0;
};

class FileSet {
  public:
    static constexpr std::uint64_t kSpoolBytesMax = std::uint64_t{64} << 30;

    // Patterns and directories become the files they mean, in the order of their names; files that begin with
    // . or _ are left out of directories. All must be of one format.
    static Result<FileSet> resolve(const LoadOptions& options);
    ~FileSet();
    FileSet(FileSet&&) noexcept = default;
    FileSet& operator=(FileSet&&) = delete;

    const std::vector<LoadFile>& files() const { return files_; }
    FileFormat format() const { return format_; }
    // Puts what can be read only once (standard input, pipes) into temporary files, removed at the end;
    // LIMIT_EXCEEDED beyond kSpoolBytesMax.
    Result<void> spool();

  private:
    FileSet() = default;
    Result<void> add(const std::string& path);
    Result<void> add_directory(const std::string& path);

    std::vector<LoadFile> files_;
    std::vector<std::string> temporary_;
    FileFormat format_ = FileFormat::csv;
};

}  // namespace datalake::cli
