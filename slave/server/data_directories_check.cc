#include <algorithm>
#include <filesystem>

#include "slave/server/slave_settings.h"

namespace dl::slave {

Result<void> check_data_directories(const std::vector<std::string>& directories) {
    namespace fs = std::filesystem;
    std::vector<fs::path> paths;
    for (const auto& directory : directories) {
        std::error_code failed;
        auto path = fs::weakly_canonical(fs::absolute(directory, failed), failed);
        // Whoever opens it says why it cannot be read.
        if (failed) path = fs::path(directory).lexically_normal();
        if (!path.has_filename()) path = path.parent_path();
        paths.push_back(std::move(path));
    }
    for (std::size_t inner = 0; inner < paths.size(); ++inner)
        for (std::size_t outer = 0; outer < paths.size(); ++outer) {
            if (inner == outer) continue;
            const auto [end, unused] = std::mismatch(paths[outer].begin(), paths[outer].end(),
                                                     paths[inner].begin(), paths[inner].end());
            if (end != paths[outer].end()) continue;
            return make_error(
                ErrorCode::invalid_value,
                "slave.data: '" + directories[inner] + "'" +
                    (paths[inner] == paths[outer] ? " is the directory '" : " lies within the directory '") +
                    directories[outer] + "'; give directories beside each other, best of one disk each");
        }
    return {};
}

}  // namespace dl::slave
