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

Result<std::shared_ptr<const KeyIndex>> load_index(const DerivedFrom& from, const ManifestFile& info,
                                                   std::size_t* rebuilt) {
    const std::string path = from.snapshots_directory + "/" + info.index_name();
    const KeyIndexInfo expected{info.first_offset, info.end_offset, info.rows, from.table->index_hash_seed};
    auto index = KeyIndex::open(*from.files, path, expected);
    if (index.has_value() || !can_be_rebuilt(index.error())) return index;
    spdlog::error("snapshot: key index {} is rebuilt from its Parquet file: {}", path,
                  index.error().to_text());
    auto made = rebuild_key_index(from, info);
    if (made.has_error()) return made.error().in("rebuilding key index " + path);
    ++*rebuilt;
    return made;
}

// nullptr: it has to be derived.
Result<std::shared_ptr<const DeleteVector>> load_vector(const DerivedFrom& from, const ManifestFile& info) {
    const std::string path = from.snapshots_directory + "/" + info.vector_name(info.vector_version);
    const auto bytes = from.files->read_all(path);
    auto vector = bytes.has_value()
                      ? DeleteVector::decode(*bytes, info.first_offset, info.end_offset, info.rows)
                      : Result<std::shared_ptr<const DeleteVector>>(bytes.error());
    if (vector.has_value()) return vector;
    if (!can_be_rebuilt(vector.error())) return vector.error().in("delete vector " + path);
    spdlog::error("snapshot: delete vector {} is rebuilt from the key indexes: {}", path,
                  vector.error().to_text());
    return std::shared_ptr<const DeleteVector>();
}

Error with_way_out(Error error) {
    error.message += "; restore the partition's directory from a copy";
    return error;
}

// INV-6: what the manifest does not name was never committed, or was replaced.
Result<void> remove_garbage(FileSystem& files, const std::string& directory, const Manifest& manifest) {
    std::set<std::string> named;
    for (const auto& file : manifest.files) {
        named.insert(file.parquet_name());
        named.insert(file.index_name());
        named.insert(file.vector_name(file.vector_version));
    }
    for (const auto edition : manifest.batch_ids)
        named.insert(Manifest::batch_ids_name(edition));
    DL_TRY_ASSIGN(const auto found, files.list(directory));
    for (const auto& name : found)
        if (!named.contains(name)) DL_TRY(files.remove(directory + "/" + name));
    return {};
}

}  // namespace

Result<LoadedSnapshots> load_snapshots(FileSystem& files, DuckDatabase& database,
                                       const std::string& directory, const TableMeta& table,
                                       PartitionId partition) {
    LoadedSnapshots loaded;
    DL_TRY_ASSIGN(loaded.manifest, ManifestStore(files, directory).load());
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
        if (const auto whole = check_parquet_file(files, path, info); whole.has_error()) {
            // Of compacted files and those of removed log segments there are no other records.
            if (info.compacted || info.first_offset < loaded.manifest.log_start)
                return with_way_out(whole.error());
            loaded.damaged[info.stem()] = whole.error();
        }
        DL_TRY_ASSIGN(auto index, load_index(from, info, &loaded.rebuilt));
        opened.push_back(
            std::make_shared<SnapshotFile>(files, from.snapshots_directory, info, std::move(index)));
    }
    std::vector<FileEntry> entries;
    std::vector<std::shared_ptr<const DeleteVector>> derived;
    const bool indexes_doubted = loaded.rebuilt != 0;
    for (std::size_t i = 0; i < opened.size(); ++i) {
        DL_TRY_ASSIGN(auto vector, load_vector(from, opened[i]->info()));
        if (vector == nullptr || indexes_doubted) {
            if (derived.empty()) {
                DL_TRY_ASSIGN(derived, derive_vectors(opened));
            }
            vector = derived[i];
            DL_TRY(replace_vector(from, opened[i]->info(), *vector));
            ++loaded.rebuilt;
        }
        entries.push_back({opened[i], std::move(vector)});
    }
    DL_CHECK(entries.size() == loaded.manifest.files.size(), "INV-6 what the manifest names is loaded");
    loaded.files = std::make_shared<const FileSet>(std::move(entries));
    DL_TRY(remove_garbage(files, from.snapshots_directory, loaded.manifest));
    return loaded;
}

}  // namespace dl::slave
