#include "slave/server/node_file.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/io/sealed_text.h"

namespace dl::slave {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 2;
constexpr int kFormatUnsealed = 1;

}  // namespace

std::string encode_node_file(const NodeFile& node) {
    const json tree = {{"format", kFormatVersion},
                       {"incarnation", node.incarnation},
                       {"node_id", node.node.value},
                       {"cluster_id", node.cluster_id}};
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
    if (text.size() > 4096 || text.find('{', 1) != text.npos || text.find('[') != text.npos)
        return damaged("it is not a flat object");
    const auto tree = json::parse(text, nullptr, false);
    if (!tree.is_object() || !tree.contains("format"))
        return damaged("it is not an object with a \"format\"");
    const auto format = tree["format"];
    if (format != kFormatVersion && format != kFormatUnsealed)
        return damaged("format " + format.dump().substr(0, 32) + " is unknown, this program knows 1 and 2");
    if ((format == kFormatVersion) != sealed) return damaged("its last line is not its checksum");
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
    return node;
}

}  // namespace dl::slave
