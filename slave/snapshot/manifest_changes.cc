#include "slave/snapshot/manifest_changes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "slave/snapshot/manifest_json.h"

namespace dl::slave {
namespace {

using nlohmann::json;

// "DLCHANGE <crc-32c of the JSON> <bytes of it>", then JSON on one line.
constexpr std::string_view kMagic = "DLCHANGE ";
constexpr std::size_t kCrcDigits = 8;

// The JSON of the change that `text` begins with; empty when there is no whole one. `bytes`: of all of it.
std::string_view first_change(std::string_view text, std::size_t* bytes) {
    if (!text.starts_with(kMagic)) return {};
    const auto line_end = text.find('\n');
    if (line_end == std::string_view::npos || line_end < kMagic.size() + kCrcDigits + 2) return {};
    const auto crc = text.substr(kMagic.size(), kCrcDigits);
    const auto digits =
        text.substr(kMagic.size() + kCrcDigits + 1, line_end - kMagic.size() - kCrcDigits - 1);
    std::size_t length = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (text[kMagic.size() + kCrcDigits] != ' ' || digits.front() == '0' || parsed.ec != std::errc() ||
        parsed.ptr != digits.data() + digits.size() || length > text.size() - line_end - 1)
        return {};
    const auto body = text.substr(line_end + 1, length);
    if (manifest_crc(body) != crc) return {};
    *bytes = line_end + 1 + length;
    return body;
}

bool same_but_for_vector(const ManifestFile& one, const ManifestFile& other) {
    auto changed = other;
    changed.vector_version = one.vector_version;
    return manifest_file_to_json(one) == manifest_file_to_json(changed);
}

Result<void> apply_change(const json& change, Manifest* manifest) {
    if (change.at("after").get<std::uint64_t>() != manifest->edition)
        return corrupt_manifest("a change is one of edition " +
                                std::to_string(change.at("after").get<std::uint64_t>()) +
                                ", what is before it has edition " + std::to_string(manifest->edition));
    manifest->edition = change.at("edition").get<std::uint64_t>();
    manifest->flushed_end = change.at("flushed_end").get<Offset>();
    manifest->compacted_end = change.at("compacted_end").get<Offset>();
    manifest->log_start = change.at("log_start").get<Offset>();
    manifest->batch_ids = change.at("batch_ids").get<std::vector<std::uint64_t>>();
    manifest->batch_ids_in_log = false;
    const auto gone = change.at("gone").get<std::set<std::string>>();
    const auto before = manifest->files.size();
    std::erase_if(manifest->files, [&](const ManifestFile& file) { return gone.contains(file.stem()); });
    if (manifest->files.size() + gone.size() != before)
        return corrupt_manifest("a change takes files away that are not there");
    auto vectors = change.at("vectors").get<std::map<std::string, std::uint64_t>>();
    for (auto& file : manifest->files) {
        if (vectors.empty()) break;
        const auto found = vectors.find(file.stem());
        if (found == vectors.end()) continue;
        file.vector_version = found->second;
        vectors.erase(found);
    }
    if (!vectors.empty())
        return corrupt_manifest("a change gives a delete vector to a file that is not there");
    for (const auto& entry : change.at("files")) {
        DL_TRY_ASSIGN(auto file, manifest_file_from_json(entry));
        const auto at = std::upper_bound(
            manifest->files.begin(), manifest->files.end(), file.first_offset,
            [](Offset first, const ManifestFile& other) { return first < other.first_offset; });
        manifest->files.insert(at, std::move(file));
    }
    return {};
}

}  // namespace

std::optional<std::string> encode_manifest_change(const Manifest& before, const Manifest& after) {
    if (before.table != after.table || before.partition != after.partition || before.lost != after.lost ||
        before.salvaged_end != after.salvaged_end)
        return std::nullopt;
    std::map<std::string, const ManifestFile*> known;
    for (const auto& file : before.files)
        known[file.stem()] = &file;
    json files = json::array();
    json vectors = json::object();
    for (const auto& file : after.files) {
        const auto stem = file.stem();
        const auto found = known.find(stem);
        if (found == known.end() || !same_but_for_vector(*found->second, file)) {
            files.push_back(manifest_file_to_json(file));
            continue;
        }
        if (found->second->vector_version != file.vector_version) vectors[stem] = file.vector_version;
        known.erase(found);
    }
    json gone = json::array();
    for (const auto& [stem, file] : known)
        gone.push_back(stem);
    const json change = {{"after", before.edition},          {"edition", after.edition},
                         {"flushed_end", after.flushed_end}, {"compacted_end", after.compacted_end},
                         {"log_start", after.log_start},     {"batch_ids", after.batch_ids},
                         {"gone", std::move(gone)},          {"vectors", std::move(vectors)},
                         {"files", std::move(files)}};
    const auto body = change.dump() + "\n";
    return std::string(kMagic) + manifest_crc(body) + " " + std::to_string(body.size()) + "\n" + body;
}

Result<void> apply_manifest_changes(std::string_view text, Manifest* manifest, std::size_t* torn_bytes) {
    while (!text.empty()) {
        std::size_t bytes = 0;
        const auto body = first_change(text, &bytes);
        if (body.empty()) break;
        try {
            DL_TRY(apply_change(json::parse(body), manifest));
        } catch (const json::exception& error) {
            return corrupt_manifest(std::string("a change cannot be read: ") + error.what());
        }
        text.remove_prefix(bytes);
    }
    // Each change is on the disk before the next one is begun: only the last one may be torn.
    for (auto at = text.find(kMagic, 1); at != std::string_view::npos; at = text.find(kMagic, at + 1)) {
        std::size_t bytes = 0;
        if (!first_change(text.substr(at), &bytes).empty())
            return corrupt_manifest("the change after edition " + std::to_string(manifest->edition) +
                                    " is damaged, one behind it is whole");
    }
    *torn_bytes = text.size();
    return {};
}

}  // namespace dl::slave
