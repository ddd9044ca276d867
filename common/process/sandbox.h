// What a process that runs statements of others gives up before it begins, for good: privileges, programs,
// the network, other processes, and all files but the folders named. Called while it has one thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/error.h"

namespace dl {

struct SandboxOptions {
    std::vector<std::string> readable_folders;
    std::string writable_folder;  // empty: none
    int niceness = 0;
};

// Answers with what this kernel cannot protect, in words for a log line. IO_ERROR: a protection that it has
// could not be had; nothing is to be run then.
Result<std::vector<std::string>> enter_sandbox(const SandboxOptions& options);

// This process is killed when the thread that started it ends. `parent` has started it; when that has ended
// already, the process ends here. Signals that ask a terminal's or service's processes to stop are left to
// the parent.
void live_with_parent(pid_t parent);

}  // namespace dl
