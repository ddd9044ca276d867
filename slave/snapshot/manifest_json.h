// The parts of a manifest that its whole form and its changes have in common, as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "slave/snapshot/manifest.h"

namespace dl::slave {

// CORRUPT_DATA.
Error corrupt_manifest(const std::string& what);
nlohmann::json manifest_file_to_json(const ManifestFile& file);
// Throws nlohmann::json::exception where a key is missing or of another type.
Result<ManifestFile> manifest_file_from_json(const nlohmann::json& tree);
// CRC-32C, eight lower-case hex digits.
std::string manifest_crc(std::string_view bytes);

}  // namespace dl::slave
