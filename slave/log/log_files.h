// Names of the files of a log.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"

namespace dl::slave {

// Whose log, and where it lies.
struct LogIdentity {
    std::string directory;
    TableId table;
    PartitionId partition;
};

// "directory/00000000000000000042" + extension (".log", ".idx")
std::string segment_path(const std::string& directory, Offset first_offset, std::string_view extension);
// The offset in "00000000000000000042.log" if the name is of that form.
bool parse_segment_name(std::string_view name, std::string_view extension, Offset& first);
// First offsets of the segments among these names of files.
std::set<Offset> segment_firsts(const std::vector<std::string>& names);
std::string parent_directory(const std::string& path);

}  // namespace dl::slave
