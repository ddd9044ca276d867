// A file written for the user. It is written beside its place under a name that begins with `.` and renamed
// when it is whole: what was there before stays until then, and for good when something fails. Devices, pipes
// and terminals are written directly. A symbolic link stays one, what it points to is replaced. One thread.
#pragma once

#include <cstdio>
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

    // INVALID_ARGUMENT when nothing can be written there.
    Result<void> open(const std::string& path);
    // nullptr before open() and after finish().
    std::FILE* file() const { return file_; }
    // Syncs and renames. IO_ERROR when it could not be written to its end.
    Result<void> finish();

  private:
    std::string path_;       // as it was named, for messages
    std::string target_;     // what is replaced
    std::string temporary_;  // empty: written directly
    std::FILE* file_ = nullptr;
};

// Whether a path leads to the file behind another one, whatever they are called; `-` is the standard input.
bool is_same_file(const std::string& path, const std::string& other);

}  // namespace datalake::cli
