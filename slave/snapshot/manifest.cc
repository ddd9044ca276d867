#include "slave/snapshot/manifest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/crc32c.h"
#include "common/base/failpoint.h"
#include "common/duck/parquet_file.h"
#include "slave/snapshot/manifest_changes.h"
#include "slave/snapshot/manifest_json.h"

namespace dl::slave {
namespace {

using nlohmann::json;

// First line "DLMANIFEST <version> <crc-32c of the JSON, 8 hex digits> <bytes of it>", then JSON, then
// changes. Before version 4 there were no changes, and the JSON was all the rest.
constexpr std::string_view kMagic = "DLMANIFEST ";
constexpr std::string_view kVersion = "4";
constexpr std::string_view kVersionWithLoss = "3";  // as 2, with "lost" and "salvaged_end"
constexpr std::string_view kVersionWhole = "2";
constexpr std::string_view kVersionBefore = "1";  // its batch ids lie elsewhere

Error corrupt(const std::string& what) {
    return corrupt_manifest(what);
}

std::string padded(Offset offset) {
    char text[24];
    std::snprintf(text, sizeof text, "%020lld", static_cast<long long>(offset));
    return text;
}

}  // namespace

Error corrupt_manifest(const std::string& what) {
    return make_error(ErrorCode::corrupt_data, what);
}

std::string manifest_crc(std::string_view bytes) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", crc32c(0, bytes.data(), bytes.size()));
    return digits;
}

json manifest_file_to_json(const ManifestFile& file) {
    json fields = json::array();
    for (const auto& field : file.fields)
        fields.push_back({{"id", field.id.value}, {"type", type_name(field.type)}});
    return {{"first", file.first_offset},
            {"end", file.end_offset},
            {"edition", file.edition},
            {"kind", file.compacted ? "compacted" : "flushed"},
            {"rows", file.rows},
            {"first_row_offset", file.first_row_offset},
            {"last_row_offset", file.last_row_offset},
            {"parquet_bytes", file.parquet_bytes},
            {"parquet_crc", file.parquet_crc},
            {"plain_bytes", file.plain_bytes},
            {"epoch", file.epoch.value},
            {"vector_version", file.vector_version},
            {"fields", std::move(fields)}};
}

Result<ManifestFile> manifest_file_from_json(const json& tree) {
    ManifestFile file;
    file.first_offset = tree.at("first").get<Offset>();
    file.end_offset = tree.at("end").get<Offset>();
    file.edition = tree.at("edition").get<std::uint64_t>();
    const auto kind = tree.at("kind").get<std::string>();
    if (kind != "compacted" && kind != "flushed") return corrupt("unknown kind of file \"" + kind + "\"");
    file.compacted = kind == "compacted";
    file.rows = tree.at("rows").get<std::uint64_t>();
    file.first_row_offset = tree.at("first_row_offset").get<Offset>();
    file.last_row_offset = tree.at("last_row_offset").get<Offset>();
    file.parquet_bytes = tree.at("parquet_bytes").get<std::uint64_t>();
    file.parquet_crc = tree.at("parquet_crc").get<std::uint32_t>();
    file.plain_bytes = tree.at("plain_bytes").get<std::uint64_t>();
    file.epoch = LeaderEpoch{tree.at("epoch").get<std::uint32_t>()};
    file.vector_version = tree.at("vector_version").get<std::uint64_t>();
    for (const auto& entry : tree.at("fields")) {
        Field field;
        field.id = FieldId{entry.at("id").get<std::uint32_t>()};
        DL_TRY_ASSIGN(field.type, parse_type(entry.at("type").get<std::string>()));
        field.name = parquet_field_name(field.id);
        file.fields.push_back(std::move(field));
    }
    return file;
}

namespace {

// Where records go on at or behind `offset`.
Offset behind_lost(const Manifest& manifest, Offset offset) {
    for (const auto& lost : manifest.lost)
        if (lost.from <= offset && offset < lost.end) offset = lost.end;
    return offset;
}

Result<void> check_losses(const Manifest& manifest) {
    Offset end = 0;
    for (const auto& lost : manifest.lost) {
        if (lost.from < end || lost.end <= lost.from)
            return corrupt("the lost records from offset " + std::to_string(lost.from) + " to " +
                           std::to_string(lost.end) + " do not ascend");
        end = lost.end;
    }
    if (end > manifest.salvaged_end || manifest.salvaged_end > manifest.flushed_end ||
        manifest.salvaged_end > manifest.log_start || (manifest.salvaged_end != 0) != !manifest.lost.empty())
        return corrupt("the lost records end at offset " + std::to_string(end) +
                       ", the log was begun anew at offset " + std::to_string(manifest.salvaged_end));
    return {};
}

}  // namespace

std::uint32_t losses_digest(const Manifest& manifest) {
    if (manifest.lost.empty()) return 0;
    auto text = std::to_string(manifest.salvaged_end);
    for (const auto& lost : manifest.lost)
        text += " " + std::to_string(lost.from) + (lost.end_is_known ? "-" : "+") + std::to_string(lost.end);
    return std::max(1u, crc32c(0, text.data(), text.size()));
}

Result<void> check_manifest(const Manifest& manifest) {
    DL_TRY(check_losses(manifest));
    Offset end = 0;
    for (const auto& file : manifest.files) {
        const std::string name = file.stem();
        if (file.first_offset < end || file.end_offset <= file.first_offset)
            return corrupt("file " + name + " overlaps the one before it");
        if (file.compacted != (file.end_offset <= manifest.compacted_end))
            return corrupt("file " + name + " is of the wrong kind, or reaches beyond the compacted end " +
                           std::to_string(manifest.compacted_end));
        const auto next = std::max(end, manifest.compacted_end);
        if (!file.compacted && file.first_offset != next && file.first_offset != behind_lost(manifest, next))
            return corrupt("records before file " + name + " are in no file");
        const auto range = static_cast<std::uint64_t>(file.end_offset - file.first_offset);
        if (file.rows == 0 || file.rows > range || (!file.compacted && file.rows != range) ||
            file.rows >= (std::uint64_t{1} << 31))
            return corrupt("file " + name + " cannot hold " + std::to_string(file.rows) + " rows");
        if (file.first_row_offset < file.first_offset || file.last_row_offset >= file.end_offset ||
            file.first_row_offset > file.last_row_offset)
            return corrupt("the rows of file " + name + " lie outside its range");
        if (file.edition > manifest.edition) return corrupt("file " + name + " is newer than the manifest");
        end = file.end_offset;
    }
    std::uint64_t before = 0;
    for (const auto edition : manifest.batch_ids) {
        if (edition <= before || edition > manifest.edition)
            return corrupt("the files of batch ids do not ascend up to the manifest");
        before = edition;
    }
    if (manifest.log_start < 0 ||
        std::max(manifest.compacted_end, manifest.salvaged_end) < manifest.log_start ||
        manifest.flushed_end < manifest.compacted_end)
        return corrupt("log start " + std::to_string(manifest.log_start) + ", compacted end " +
                       std::to_string(manifest.compacted_end) + " and flushed end " +
                       std::to_string(manifest.flushed_end) + " do not ascend");
    const auto files_end = std::max(end, manifest.compacted_end);
    if (end > manifest.flushed_end ||
        (files_end != manifest.flushed_end && behind_lost(manifest, files_end) != manifest.flushed_end))
        return corrupt("the files end at offset " + std::to_string(end) + ", not at the flushed end " +
                       std::to_string(manifest.flushed_end));
    return {};
}

std::string ManifestFile::stem() const {
    return padded(first_offset) + "-" + padded(end_offset) + "." + std::to_string(edition);
}

std::string encode_manifest(const Manifest& manifest) {
    json files = json::array();
    for (const auto& file : manifest.files)
        files.push_back(manifest_file_to_json(file));
    json tree = {{"edition", manifest.edition},
                 {"table_id", manifest.table.value},
                 {"partition", manifest.partition.value},
                 {"flushed_end", manifest.flushed_end},
                 {"compacted_end", manifest.compacted_end},
                 {"log_start", manifest.log_start},
                 {"batch_ids", manifest.batch_ids},
                 {"files", std::move(files)}};
    if (!manifest.lost.empty()) {
        json lost = json::array();
        for (const auto& range : manifest.lost)
            lost.push_back({{"from", range.from}, {"end", range.end}, {"end_is_known", range.end_is_known}});
        tree["lost"] = std::move(lost);
        tree["salvaged_end"] = manifest.salvaged_end;
    }
    const std::string body = tree.dump(1) + "\n";
    return std::string(kMagic) + std::string(kVersion) + " " + manifest_crc(body) + " " +
           std::to_string(body.size()) + "\n" + body;
}

namespace {

struct Parts {
    std::string_view version;
    std::string_view whole;    // JSON whose checksum is right
    std::string_view changes;  // behind it
};

Result<Parts> parts_of(std::string_view text) {
    if (!text.starts_with(kMagic)) return corrupt("does not begin with DLMANIFEST");
    const auto line_end = text.find('\n');
    if (line_end == std::string_view::npos) return corrupt("has no complete first line");
    const auto line = text.substr(kMagic.size(), line_end - kMagic.size());
    const auto blank = line.find(' ');
    Parts parts{line.substr(0, blank), text.substr(line_end + 1), {}};
    if (parts.version != kVersion && parts.version != kVersionWhole && parts.version != kVersionBefore &&
        parts.version != kVersionWithLoss)
        return corrupt("has format version \"" + std::string(parts.version.substr(0, 16)) +
                       "\", this program knows 1 to 4");
    if (blank == std::string_view::npos) return corrupt("its first line has no checksum");
    auto digits = line.substr(blank + 1);
    if (parts.version == kVersion) {
        const auto before_bytes = digits.find(' ');
        if (before_bytes == std::string_view::npos) return corrupt("its first line has no length");
        const auto length = digits.substr(before_bytes + 1);
        std::size_t bytes = 0;
        const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bytes);
        if (length.empty() || length.front() == '0' || parsed.ec != std::errc() ||
            parsed.ptr != length.data() + length.size() || bytes > parts.whole.size())
            return corrupt("its length does not match");
        digits = digits.substr(0, before_bytes);
        parts.changes = parts.whole.substr(bytes);
        parts.whole = parts.whole.substr(0, bytes);
    }
    if (digits != manifest_crc(parts.whole)) return corrupt("its checksum does not match");
    return parts;
}

}  // namespace

Result<Manifest> decode_manifest(std::string_view text, std::size_t* torn_bytes) {
    DL_TRY_ASSIGN(const auto parts, parts_of(text));
    try {
        const json tree = json::parse(parts.whole);
        Manifest manifest;
        manifest.edition = tree.at("edition").get<std::uint64_t>();
        manifest.table = TableId{tree.at("table_id").get<std::uint64_t>()};
        manifest.partition = PartitionId{tree.at("partition").get<std::uint32_t>()};
        manifest.flushed_end = tree.at("flushed_end").get<Offset>();
        manifest.log_start = tree.at("log_start").get<Offset>();
        // Manifests from before it was written compacted exactly what the log no longer had.
        manifest.compacted_end = tree.value("compacted_end", manifest.log_start);
        manifest.batch_ids_in_log = parts.version == kVersionBefore;
        if (!manifest.batch_ids_in_log)
            manifest.batch_ids = tree.at("batch_ids").get<std::vector<std::uint64_t>>();
        else if (const auto edition = tree.at("batch_ids_edition").get<std::uint64_t>(); edition != 0)
            manifest.batch_ids = {edition};
        for (const auto& entry : tree.at("files")) {
            DL_TRY_ASSIGN(auto file, manifest_file_from_json(entry));
            manifest.files.push_back(std::move(file));
        }
        if (parts.version == kVersionWithLoss || (parts.version == kVersion && tree.contains("lost"))) {
            for (const auto& entry : tree.at("lost"))
                manifest.lost.push_back({entry.at("from").get<Offset>(), entry.at("end").get<Offset>(),
                                         entry.at("end_is_known").get<bool>()});
            manifest.salvaged_end = tree.at("salvaged_end").get<Offset>();
        }
        DL_TRY(check_manifest(manifest));
        std::size_t torn = 0;
        DL_TRY(apply_manifest_changes(parts.changes, &manifest, &torn));
        DL_TRY(check_manifest(manifest));
        if (torn_bytes != nullptr) *torn_bytes = torn;
        return manifest;
    } catch (const json::exception& error) {
        return corrupt(std::string("cannot be read: ") + error.what());
    }
}

Result<Manifest> ManifestStore::load(std::size_t* torn_bytes) const {
    DL_TRY_ASSIGN(const auto text, files_.read_all(path()));
    std::size_t torn = 0;
    auto manifest = decode_manifest(text, &torn);
    if (manifest.has_error())
        return manifest.error().in("manifest " + path() +
                                   " is damaged (restore the partition's directory from a copy)");
    if (torn != 0)
        spdlog::info("snapshot: the last change of manifest {} was not finished, its {} bytes do not count",
                     path(), torn);
    if (torn_bytes != nullptr) *torn_bytes = torn;
    return manifest;
}

Result<void> ManifestStore::replace(const Manifest& manifest, [[maybe_unused]] const std::string& operation) {
    written_.reset();
    const std::string text = encode_manifest(manifest);
    const std::string next = path() + ".tmp";
    DL_TRY_ASSIGN(const bool stale, files_.exists(next));
    if (stale) DL_TRY(files_.remove(next));
    {
        DL_TRY_ASSIGN(const auto file, files_.open_append(next, true));
        const std::string_view part = text;
        DL_TRY(file->append({&part, 1}));
        DL_TRY(file->sync());
    }
    DL_FAILPOINT((operation + ".before-manifest-rename").c_str());
    DL_TRY(files_.rename(next, path()));
    DL_FAILPOINT((operation + ".after-rename-before-dir-fsync").c_str());
    DL_TRY(files_.sync_directory(directory_));
    written_ = Written{manifest.edition, text.size(), text.size()};
    return {};
}

Result<void> ManifestStore::commit(const Manifest& before, const Manifest& manifest,
                                   const std::string& operation) {
    if (!written_ || written_->edition != before.edition) return replace(manifest, operation);
    const auto change = encode_manifest_change(before, manifest);
    if (!change || written_->bytes + change->size() - written_->whole_bytes >
                       std::max(kChangesBytesMin, written_->whole_bytes))
        return replace(manifest, operation);
    // Whatever goes wrong from here on, nothing is appended behind it.
    auto written = *std::exchange(written_, std::nullopt);
    {
        DL_TRY_ASSIGN(const auto file, files_.open_append(path(), false));
        if (file->size() != written.bytes) return replace(manifest, operation);
        DL_FAILPOINT((operation + ".before-manifest-append").c_str());
        DL_TRY(append_change(*file, *change, operation));
        DL_FAILPOINT((operation + ".after-append-before-manifest-fsync").c_str());
        DL_TRY(file->sync());
    }
    written.bytes += change->size();
    written.edition = manifest.edition;
    written_ = written;
    return {};
}

// In two writes, so that a crash point can lie between them.
Result<void> ManifestStore::append_change(WritableFile& file, std::string_view change,
                                          [[maybe_unused]] const std::string& operation) {
#ifdef DL_FAILPOINTS
    static const bool armed = std::getenv("DL_FAILPOINT") != nullptr;
    if (armed) {
        const auto half = change.substr(0, change.size() / 2);
        DL_TRY(file.append({&half, 1}));
        DL_FAILPOINT((operation + ".mid-manifest-append").c_str());
        change.remove_prefix(half.size());
    }
#endif
    return file.append({&change, 1});
}

}  // namespace dl::slave
