#include "slave/snapshot/snapshot_loader.h"

#include <spdlog/spdlog.h>

#include <set>

#include "common/base/check.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {
namespace {

// Only what is missing or damaged is made again; a disk that cannot be read is an error.
bool can_be_rebuilt(const Error& error) {
    return error.code == ErrorCode::corrupt_data || error.code == ErrorCode::not_found;
}

// A copy that was made anew from its leader's files has none yet: no damage.
void say_rebuilt(const std::string& what, const Error& why) {
    if (why.code == ErrorCode::not_found)
        spdlog::info("snapshot: {}, as there is none", what);
    else
        spdlog::error("snapshot: {}: {}", what, why.to_text());
}

Result<std::shared_ptr<const KeyIndex>> rebuild_index(const DerivedFrom& from, const ManifestFile& info,
                                                      const Error& why, std::size_t* rebuilt) {
    const std::string path = from.snapshots_directory + "/" + info.index_name();
    say_rebuilt("key index " + path + " is made from its Parquet file", why);
    auto made = rebuild_key_index(from, info);
    if (made.has_error()) return made.error().in("rebuilding key index " + path);
    ++*rebuilt;
    return made;
}

Result<std::shared_ptr<const KeyIndex>> load_index(const DerivedFrom& from, const ManifestFile& info,
                                                   FileChecks checks, std::size_t* rebuilt) {
    const std::string path = from.snapshots_directory + "/" + info.index_name();
    const KeyIndexInfo expected{info.first_offset, info.end_offset, info.rows, from.table->index_hash_seed};
    auto index = KeyIndex::open(
        *from.files, path, expected,
        checks == FileChecks::later ? KeyIndex::Lines::as_they_are_used : KeyIndex::Lines::all_now);
    if (index.has_value() || !can_be_rebuilt(index.error())) return index;
    return rebuild_index(from, info, index.error(), rebuilt);
}

// nullptr: it has to be derived.
std::shared_ptr<const DeleteVector> load_vector(const DerivedFrom& from, const ManifestFile& info) {
    const std::string path = from.snapshots_directory + "/" + info.vector_name(info.vector_version);
    const auto bytes = from.files->read_all(path);
    auto vector = bytes.has_value()
                      ? DeleteVector::decode(*bytes, info.first_offset, info.end_offset, info.rows)
                      : Result<std::shared_ptr<const DeleteVector>>(bytes.error());
    if (vector.has_value()) return *vector;
    // Whatever the reason is: everything that it is derived from is at hand.
    say_rebuilt("delete vector " + path + " is made from the key indexes", vector.error());
    return nullptr;
}

using Vectors = std::vector<std::shared_ptr<const DeleteVector>>;

// With indexes rebuilt whose damage shows only now.
Result<Vectors> derive_proven(const DerivedFrom& from,
                              const std::vector<std::shared_ptr<const SnapshotFile>>& files,
                              std::size_t* rebuilt) {
    auto derived = derive_vectors(files);
    if (derived.has_value() || derived.error().code != ErrorCode::corrupt_data) return derived;
    for (const auto& file : files) {
        const auto whole = file->index().check();
        if (whole.has_value()) continue;
        DL_TRY_ASSIGN(auto index, rebuild_index(from, file->info(), whole.error(), rebuilt));
        file->replace_index(std::move(index));
    }
    return derive_vectors(files);
}

// A vector for each file; those that are missing, and all when an index was rebuilt, are derived and written.
Result<Vectors> load_vectors(const DerivedFrom& from,
                             const std::vector<std::shared_ptr<const SnapshotFile>>& files,
                             std::size_t* rebuilt) {
    Vectors vectors;
    bool missing = false;
    for (const auto& file : files) {
        vectors.push_back(load_vector(from, file->info()));
        missing = missing || vectors.back() == nullptr;
    }
    if (!missing && *rebuilt == 0) return vectors;
    DL_TRY_ASSIGN(const auto derived, derive_proven(from, files, rebuilt));
    const bool indexes_doubted = *rebuilt != 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (vectors[i] != nullptr && !indexes_doubted) continue;
        vectors[i] = derived[i];
        DL_TRY(replace_vector(from, files[i]->info(), *vectors[i]));
        ++*rebuilt;
    }
    return vectors;
}

// What can be told of a column file without reading it.
Result<void> check_size(FileSystem& files, const std::string& path, const ManifestFile& info) {
    const auto bytes = files.file_size(path);
    if (bytes.has_value() && *bytes == info.parquet_bytes) return {};
    return check_parquet_file(files, path, info);
}

Error with_way_out(Error error) {
    error.message += "; restore the partition's directory from a copy";
    return error;
}

}  // namespace

Error damaged_change(const std::string& directory, std::size_t torn_bytes, const Error& cause) {
    return make_error(ErrorCode::corrupt_data,
                      "the last change of manifest " + directory + "/manifest is damaged (" +
                          std::to_string(torn_bytes) +
                          " bytes at its end): it had been committed, for what the manifest before it names "
                          "is gone: " +
                          cause.message +
                          ". Nothing was removed; restore the partition's directory, or this file of it, "
                          "from a copy");
}

Result<void> remove_uncommitted(FileSystem& files, const std::string& partition_directory,
                                const Manifest& manifest) {
    const auto directory = snapshots_directory(partition_directory);
    std::set<std::string> named;
    for (const auto& file : manifest.files) {
        named.insert(file.parquet_name());
        named.insert(file.index_name());
        named.insert(file.vector_name(file.vector_version));
    }
    for (const auto edition : manifest.batch_ids)
        named.insert(Manifest::batch_ids_name(edition));
    DL_TRY_ASSIGN(auto found, files.list(directory));
    std::erase_if(found, [&](const std::string& name) { return named.contains(name); });
    if (found.empty()) return {};
    // Of a killed process the manifest may be in the page cache only. The one before it names what goes now.
    DL_TRY(files.sync_file(ManifestStore(files, partition_directory).path()));
    DL_TRY(files.sync_directory(partition_directory));
    for (const auto& name : found)
        DL_TRY(files.remove(directory + "/" + name));
    return {};
}

Result<LoadedSnapshots> load_snapshots(FileSystem& files, DuckDatabase& database,
                                       const std::string& directory, const TableMeta& table,
                                       PartitionId partition, FileChecks checks) {
    LoadedSnapshots loaded;
    DL_TRY_ASSIGN(loaded.manifest, ManifestStore(files, directory).load(&loaded.torn_bytes));
    if (loaded.manifest.table != table.id || loaded.manifest.partition != partition)
        return make_error(ErrorCode::corrupt_data,
                          "manifest " + directory + "/manifest is of table id " +
                              std::to_string(loaded.manifest.table.value) + " partition " +
                              std::to_string(loaded.manifest.partition.value) + ", expected table id " +
                              std::to_string(table.id.value) + " partition " +
                              std::to_string(partition.value));
    const DerivedFrom from{&files, &database, snapshots_directory(directory), &table};
    std::vector<std::shared_ptr<const SnapshotFile>> opened;
    for (const auto& info : loaded.manifest.files) {
        const auto path = from.snapshots_directory + "/" + info.parquet_name();
        const auto whole = checks == FileChecks::later ? check_size(files, path, info)
                                                       : check_parquet_file(files, path, info);
        if (whole.has_error()) {
            if (loaded.torn_bytes != 0 && whole.error().code == ErrorCode::not_found)
                return damaged_change(directory, loaded.torn_bytes, whole.error());
            // Of compacted files and those of removed log segments there are no other records.
            if (info.compacted || info.first_offset < loaded.manifest.log_start)
                return with_way_out(whole.error());
            loaded.damaged[info.stem()] = whole.error();
        }
        DL_TRY_ASSIGN(auto index, load_index(from, info, checks, &loaded.rebuilt));
        opened.push_back(std::make_shared<SnapshotFile>(files, from.snapshots_directory, info,
                                                        std::move(index), checks != FileChecks::later));
    }
    DL_TRY_ASSIGN(auto vectors, load_vectors(from, opened, &loaded.rebuilt));
    std::vector<FileEntry> entries;
    for (std::size_t i = 0; i < opened.size(); ++i)
        entries.push_back({opened[i], std::move(vectors[i])});
    DL_CHECK(entries.size() == loaded.manifest.files.size(), "INV-6 what the manifest names is loaded");
    loaded.files = std::make_shared<const FileSet>(std::move(entries));
    return loaded;
}

}  // namespace dl::slave
