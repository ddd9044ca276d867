// A file written for the user. It is written beside its place under a name that begins with `.` and renamed
// when it is whole: what was there before stays until then, and for good when something fails. Devices, pipes
// and terminals are written directly. A symbolic link stays one, what it points to is replaced. One thread.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "datalake/error.h"

namespace datalake::cli {

class NewFile {
  public:
    NewFile() = default;
    // Without finish(): the file of before is untouched.
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    // INVALID_ARGUMENT when nothing can be written there. Without a mode a file keeps the one it had, and a
    // new one gets that of new files.
    Result<void> open(const std::string& path, std::optional<mode_t> mode = {});
    // nullptr before open() and after finish().
    std::FILE* file() const { return file_; }
    // Syncs, unless what a loss of power takes is not worth the wait, and renames. IO_ERROR when it could not
    // be written to its end.
    enum class Sync : bool { no, yes };
    Result<void> finish(Sync sync = Sync::yes);

  private:
    std::string path_;       // as it was named, for messages
    std::string target_;     // what is replaced
    std::string temporary_;  // empty: written directly
    std::FILE* file_ = nullptr;
};

// Whether a path leads to the file behind another one, whatever they are called; `-` is the standard input.
bool is_same_file(const std::string& path, const std::string& other);

}  // namespace datalake::cli
