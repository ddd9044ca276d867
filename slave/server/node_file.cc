#include "slave/server/node_file.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/io/sealed_text.h"

namespace dl::slave {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 3;
constexpr int kFormatWithoutDirectories = 2;
constexpr int kFormatUnsealed = 1;
constexpr std::size_t kBytesMax = 65536;

}  // namespace

std::string encode_node_file(const NodeFile& node) {
    json tree = {{"format", node.directory.empty() ? kFormatWithoutDirectories : kFormatVersion},
                 {"incarnation", node.incarnation},
                 {"node_id", node.node.value},
                 {"cluster_id", node.cluster_id}};
    if (!node.directory.empty()) {
        std::string list;
        for (const auto& one : node.directories)
            list += (list.empty() ? "" : ",") + one;
        tree["directory"] = node.directory;
        tree["directories"] = std::move(list);
    }
    return seal_text(tree.dump());
}

Result<NodeFile> decode_node_file(std::string_view text, const std::string& file) {
    const auto damaged = [&](const std::string& why) {
        return make_error(ErrorCode::corrupt_data, file + " is damaged: " + why);
    };
    const bool sealed = looks_sealed(text);
    if (sealed) {
        DL_TRY_ASSIGN(text, unseal_text(text, file));
    }
    // A handful of scalars: anything longer or nested is not ours.
    if (text.size() > kBytesMax || text.find('{', 1) != text.npos || text.find('[') != text.npos)
        return damaged("it is not a flat object");
    const auto tree = json::parse(text, nullptr, false);
    if (!tree.is_object() || !tree.contains("format"))
        return damaged("it is not an object with a \"format\"");
    const auto format = tree["format"];
    if (format != kFormatVersion && format != kFormatWithoutDirectories && format != kFormatUnsealed)
        return damaged("format " + format.dump().substr(0, 32) + " is unknown, this program knows 1 to 3");
    if ((format != kFormatUnsealed) != sealed) return damaged("its last line is not its checksum");
    NodeFile node;
    const auto text_of = [&](const char* key, std::string* to) {
        const auto found = tree.find(key);
        if (found == tree.end() || !found->is_string()) return false;
        *to = found->get<std::string>();
        return true;
    };
    if (!text_of("incarnation", &node.incarnation) || node.incarnation.empty())
        return damaged("it lacks \"incarnation\"");
    if (format == kFormatUnsealed) return node;
    const auto id = tree.find("node_id");
    if (!text_of("cluster_id", &node.cluster_id) || id == tree.end() || !id->is_number_unsigned() ||
        id->get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
        return damaged("it lacks \"cluster_id\" or \"node_id\"");
    node.node = NodeId{id->get<std::uint32_t>()};
    if (format == kFormatWithoutDirectories) return node;
    std::string list;
    if (!text_of("directory", &node.directory) || node.directory.empty() || !text_of("directories", &list))
        return damaged("it lacks \"directory\" or \"directories\"");
    for (std::size_t begin = 0; begin < list.size();) {
        const auto end = std::min(list.find(',', begin), list.size());
        node.directories.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return node;
}

}  // namespace dl::slave
