#include "slave/server/data_directory.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/quoted_value.h"
#include "common/io/lock_wait.h"
#include "common/io/sealed_text.h"
#include "slave/partition/partition.h"
#include "slave/server/epochs_file.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {
namespace {

constexpr std::string_view kDropped = ".dropped";
constexpr std::string_view kNew = ".new";
constexpr std::string_view kRefill = ".refill";      // a copy of the leader's files that is being made
constexpr std::string_view kReplaced = ".replaced";  // what it replaces
constexpr std::string_view kDamaged = ".replaced-damaged";
constexpr std::string_view kDamagedAdvice =
    "a copy that was given up, by order or because it could not be opened; its leader has the rows, and it "
    "was "
    "made anew from there. Remove it when nothing in it is missed";
constexpr auto kComponent = "slave.data";

// "t12" -> 12 with prefix 't'; only the one way a number is written.
template <class T>
std::optional<T> parse_name(std::string_view name, char prefix) {
    if (name.size() < 2 || name[0] != prefix || (name[1] == '0' && name.size() > 2)) return std::nullopt;
    T number{};
    const auto parsed = std::from_chars(name.data() + 1, name.data() + name.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) return std::nullopt;
    return number;
}

// Its name, and those of the directories above it that are not there yet, outlive a power failure.
Result<void> create_durably(FileSystem& files, const std::string& path) {
    std::vector<std::string> parents;
    for (std::string part = path;;) {
        DL_TRY_ASSIGN(const bool there, files.exists(part));
        if (there) break;
        const auto slash = part.rfind('/');
        const auto parent = slash == std::string::npos ? std::string(".")
                            : slash == 0               ? "/"
                                                       : part.substr(0, slash);
        parents.push_back(parent);
        if (slash == std::string::npos || slash == 0) break;
        part = parent;
    }
    DL_TRY(files.create_directories(path));
    for (const auto& parent : parents)
        DL_TRY(files.sync_directory(parent));
    return {};
}

// The same of what an earlier start may have made and not come to sync. It may be in a directory that was
// made by others and cannot be opened: then it is theirs.
void make_name_durable(FileSystem& files, const std::string& path) {
    const auto slash = path.rfind('/');
    (void)files.sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
}

// A directory of ours has one of these names; a new one is empty, but for what a file system or a desktop
// puts into it.
Result<void> check_ours(FileSystem& files, const std::string& path) {
    const auto names = files.list(path);
    if (names.has_error() && names.error().code == ErrorCode::not_found) return {};
    if (names.has_error()) return names.error().in("data directory " + path + " (slave.data)");
    std::string others;
    for (const auto& name : *names) {
        if (name == "LOCK" || name == "node.json" || name == "tables") return {};
        if (name == "lost+found" || name.starts_with('.')) continue;
        if (others.empty()) others = name;
    }
    if (others.empty()) return {};
    return make_error(ErrorCode::invalid_request,
                      "directory " + path + " (slave.data) holds other files (" + quoted_value(others) +
                          "); give the slave an empty directory, or the one it had");
}

}  // namespace

Result<std::shared_ptr<DataDirectory>> DataDirectory::open(FileSystem& files, const std::string& path) {
    // The SQL engine cannot be told such a path exactly (sql_parquet_files()).
    if (path.find('\\') != std::string::npos && path.find_first_of("*?[") != std::string::npos)
        return make_error(ErrorCode::not_supported,
                          "data directory " + path +
                              " (slave.data) has a backslash beside one of * ? [ in its path; rename it");
    for (const std::string file : {"/master.lock", "/catalog.db"}) {
        auto of_master = files.exists(path + file);
        if (of_master.has_error()) return of_master.error().in("data directory " + path + " (slave.data)");
        if (*of_master)
            return make_error(ErrorCode::invalid_request,
                              "directory " + path +
                                  " (slave.data) is the data directory of a master; give the slave one of "
                                  "its own");
    }
    DL_TRY(check_ours(files, path));
    if (auto created = create_durably(files, path + "/tables"); created.has_error())
        return created.error().in("data directory " + path + " (slave.data)");
    make_name_durable(files, path);
    auto lock = wait_for_lock([&] { return files.lock(path + "/LOCK"); });
    if (lock.has_error()) {
        if (lock.error().code == ErrorCode::unavailable)
            return make_error(ErrorCode::unavailable,
                              "data directory " + path +
                                  " is in use by another slave: " + lock.error().message + " (slave.data)");
        return lock.error().in("data directory " + path + " (slave.data)");
    }
    return std::shared_ptr<DataDirectory>(new DataDirectory(files, path, std::move(*lock)));
}

std::string DataDirectory::table_path(TableId table) const {
    return tables_path() + "/t" + std::to_string(table.value);
}

std::string DataDirectory::partition_path(TableId table, PartitionId partition) const {
    return table_path(table) + "/p" + std::to_string(partition.value);
}

Result<std::optional<NodeFile>> DataDirectory::node() const {
    const auto file = path_ + "/node.json";
    const auto text = files_.read_all(file);
    if (text.has_error() && text.error().code == ErrorCode::not_found) return std::optional<NodeFile>{};
    if (text.has_error()) return text.error();
    DL_TRY_ASSIGN(auto node, decode_node_file(*text, file));
    return std::optional<NodeFile>(std::move(node));
}

Result<void> DataDirectory::set_node(const NodeFile& node) {
    return files_.replace_atomically(path_ + "/node.json", encode_node_file(node));
}

Result<std::vector<TableId>> DataDirectory::tables() {
    DL_TRY_ASSIGN(const auto names, files_.list(tables_path()));
    std::vector<TableId> ids;
    for (const auto& name : names) {
        if (name.ends_with(kDropped)) {
            // The drop was ordered and is durable by this name.
            DL_TRY(files_.remove_tree(tables_path() + "/" + name));
        } else if (const auto id = parse_name<std::uint64_t>(name, 't')) {
            ids.push_back(TableId{*id});
        }
    }
    return ids;
}

// A crash in finish_refill(). A partition that was moved away has its successor beside it, whole.
Result<void> DataDirectory::complete_refills(TableId table) {
    DL_TRY_ASSIGN(const auto names, files_.list(table_path(table)));
    const auto path_of = [&](std::string_view name) { return table_path(table) + "/" + std::string(name); };
    for (const std::string_view name : names) {
        const bool damaged = name.ends_with(kDamaged);
        if (!damaged && !name.ends_with(kReplaced)) continue;
        const auto ending = damaged ? kDamaged : kReplaced;
        const auto partition = path_of(name.substr(0, name.size() - ending.size()));
        DL_TRY_ASSIGN(const bool there, files_.exists(partition));
        if (!there) DL_TRY(files_.rename(partition + std::string(kRefill), partition));
        DL_TRY(files_.sync_directory(table_path(table)));
        DL_TRY(damaged ? move_aside(partition, "damaged", kDamagedAdvice, path_of(name))
                       : files_.remove_tree(path_of(name)));
    }
    for (const std::string_view name : names)
        if (name.ends_with(kRefill)) DL_TRY(files_.remove_tree(path_of(name)));
    return {};
}

Result<std::string> DataDirectory::begin_refill(TableId table, PartitionId partition) {
    const auto path = partition_path(table, partition) + std::string(kRefill);
    DL_TRY(files_.remove_tree(path));
    DL_TRY(files_.create_directories(path + "/log"));
    DL_TRY(files_.create_directories(snapshots_directory(path)));
    return path;
}

Result<void> DataDirectory::finish_refill(TableId table, PartitionId partition, bool damaged) {
    const auto path = partition_path(table, partition);
    const auto replaced = path + std::string(damaged ? kDamaged : kReplaced);
    DL_TRY(files_.remove_tree(replaced));
    DL_TRY(files_.rename(path, replaced));
    DL_TRY(files_.sync_directory(table_path(table)));
    DL_FAILPOINT("refill.between-renames");
    DL_TRY(files_.rename(path + std::string(kRefill), path));
    DL_TRY(files_.sync_directory(table_path(table)));
    DL_FAILPOINT("refill.before-remove");
    if (damaged) return move_aside(path, "damaged", kDamagedAdvice, replaced);
    return files_.remove_tree(replaced);
}

Result<std::vector<PartitionId>> DataDirectory::partitions(TableId table) {
    DL_TRY(complete_refills(table));
    DL_TRY_ASSIGN(const auto names, files_.list(table_path(table)));
    std::vector<PartitionId> ids;
    for (const auto& name : names) {
        const auto path = table_path(table) + "/" + name;
        if (name.ends_with(kDropped)) {
            // As of tables: ordered, and durable by this name.
            DL_TRY(files_.remove_tree(path));
        } else if (name.ends_with(kNew)) {
            // Only the rename makes it a partition: nothing was ever acknowledged to be in it.
            DL_TRY_ASSIGN(const bool records, holds_records(path));
            if (records) {
                DL_TRY(
                    move_aside(path.substr(0, path.size() - kNew.size()), "unfinished",
                               "a partition that was never complete holds records; remove it when they are "
                               "not missed",
                               path));
            } else {
                DL_TRY(files_.remove_tree(path));
            }
        } else if (const auto id = parse_name<std::uint32_t>(name, 'p')) {
            ids.push_back(PartitionId{*id});
        }
    }
    return ids;
}

Result<bool> DataDirectory::holds_records(const std::string& partition) const {
    for (const std::string part : {"/log", "/snapshots"}) {
        const auto names = files_.list(partition + part);
        if (names.has_error() && names.error().code == ErrorCode::not_found) continue;
        if (names.has_error()) return names.error();
        for (const auto& name : *names) {
            DL_TRY_ASSIGN(const auto bytes, files_.file_size(partition + part + "/" + name));
            if (bytes > 0) return true;
        }
    }
    return false;
}

Result<void> DataDirectory::retire_unknown(TableId table) {
    DL_TRY_ASSIGN(const auto names, files_.list(table_path(table)));
    const bool holds_partitions = std::any_of(names.begin(), names.end(),
                                              [](const std::string& name) { return name.starts_with("p"); });
    if (!holds_partitions) return files_.remove_tree(table_path(table));
    return move_aside(
        table_path(table), "no-table-json",
        "it holds partitions and has lost its table.json; put a copy of that file back and take "
        "the ending off its name, or remove it when its rows are not missed",
        table_path(table));
}

Result<void> DataDirectory::move_aside(const std::string& kept_name, std::string_view reason,
                                       std::string_view advice, const std::string& from) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    auto to = kept_name + "." + std::string(reason) + "." + std::to_string(seconds);
    for (;;) {
        DL_TRY_ASSIGN(const bool taken, files_.exists(to));
        if (!taken) break;
        to += "x";
    }
    DL_TRY(files_.rename(from, to));
    DL_TRY(files_.sync_directory(to.substr(0, to.rfind('/'))));
    log_warn(kComponent, "set aside", {{"directory", from}, {"now", to}, {"what", advice}});
    return {};
}

Result<TableId> DataDirectory::highest_table() const {
    DL_TRY_ASSIGN(const auto names, files_.list(tables_path()));
    TableId highest;
    for (const auto& name : names)
        if (const auto id = parse_name<std::uint64_t>(name.substr(0, name.find('.')), 't'))
            highest = std::max(highest, TableId{*id});
    return highest;
}

Result<std::vector<std::string>> DataDirectory::set_aside() const {
    const auto is_one = [](std::string_view name, char prefix) {
        const auto dot = name.find('.');
        if (dot == name.npos || !parse_name<std::uint64_t>(name.substr(0, dot), prefix)) return false;
        const auto reason = name.substr(dot + 1);
        return reason.starts_with("no-table-json.") || reason.starts_with("unfinished.") ||
               reason.starts_with("damaged.");
    };
    std::vector<std::string> found;
    DL_TRY_ASSIGN(const auto names, files_.list(tables_path()));
    for (const auto& name : names) {
        if (is_one(name, 't')) found.push_back(name);
        if (!parse_name<std::uint64_t>(name, 't')) continue;
        DL_TRY_ASSIGN(const auto below, files_.list(tables_path() + "/" + name));
        for (const auto& part : below)
            if (is_one(part, 'p')) found.push_back(name + "/" + part);
    }
    return found;
}

Result<bool> DataDirectory::has_set_aside(TableId table) const {
    DL_TRY_ASSIGN(const auto all, set_aside());
    const auto own = "t" + std::to_string(table.value) + "/";
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& name) { return name.starts_with(own); });
}

Result<DataDirectory::StoredTable> DataDirectory::read_table(TableId table) const {
    const auto file = table_path(table) + "/table.json";
    DL_TRY_ASSIGN(const auto text, files_.read_all(file));
    std::string_view json = text;
    if (looks_sealed(text)) {
        DL_TRY_ASSIGN(json, unseal_text(text, file));
    }
    StoredTable stored;
    auto meta = table_meta_from_json(json, &stored.epochs.epochs);
    if (meta.has_error()) return meta.error().in(file);
    // Format 1 had no checksum and no incarnation.
    if (json.size() == text.size() && meta->incarnation != 0)
        return make_error(ErrorCode::corrupt_data, file + " is damaged: its last line is not its checksum");
    if (meta->id != table)
        return make_error(ErrorCode::corrupt_data, file + " is of table " + std::to_string(meta->id.value));
    stored.meta = std::move(*meta);
    const auto epochs_file = table_path(table) + "/epochs.json";
    const auto epochs = files_.read_all(epochs_file);
    if (epochs.has_value()) {
        DL_TRY_ASSIGN(stored.epochs, decode_epochs_file(*epochs, table, epochs_file));
    } else if (epochs.error().code != ErrorCode::not_found) {
        return epochs.error();
    }
    return stored;
}

Result<bool> DataDirectory::has_table(TableId table) const {
    return files_.exists(table_path(table) + "/table.json");
}

Result<void> DataDirectory::write_table(const TableMeta& table, const StoredEpochs& epochs) {
    DL_TRY(files_.create_directories(table_path(table.id)));
    DL_TRY(write_epochs(table.id, epochs));
    DL_TRY(files_.replace_atomically(table_path(table.id) + "/table.json",
                                     seal_text(table_meta_to_json(table))));
    return files_.sync_directory(tables_path());
}

Result<void> DataDirectory::write_epochs(TableId table, const StoredEpochs& epochs) {
    return files_.replace_atomically(table_path(table) + "/epochs.json", encode_epochs_file(table, epochs));
}

Result<void> DataDirectory::create_partition(const TableMeta& table, PartitionId partition) {
    const auto path = partition_path(table.id, partition);
    const auto unfinished = path + std::string(kNew);
    DL_TRY(files_.remove_tree(unfinished));
    DL_TRY(Partition::create(files_, unfinished, table, partition));
    return files_.rename(unfinished, path);
}

Result<void> DataDirectory::sync_partitions(TableId table) {
    return files_.sync_directory(table_path(table));
}

Result<void> DataDirectory::remove_partition(TableId table, PartitionId partition) {
    const auto path = partition_path(table, partition);
    DL_TRY_ASSIGN(const bool there, files_.exists(path));
    if (!there) return {};
    const auto dropped = path + std::string(kDropped);
    DL_TRY(files_.remove_tree(path + std::string(kRefill)));
    DL_TRY(files_.remove_tree(dropped));
    DL_FAILPOINT("drop-copy.before-rename");
    DL_TRY(files_.rename(path, dropped));
    DL_FAILPOINT("drop-copy.after-rename-before-dir-fsync");
    DL_TRY(files_.sync_directory(table_path(table)));
    DL_FAILPOINT("drop-copy.before-remove");
    return files_.remove_tree(dropped);
}

Result<void> DataDirectory::remove_table(TableId table) {
    DL_TRY_ASSIGN(const bool there, files_.exists(table_path(table)));
    if (!there) return {};
    const auto dropped = table_path(table) + std::string(kDropped);
    DL_TRY(files_.remove_tree(dropped));
    DL_TRY(files_.rename(table_path(table), dropped));
    DL_FAILPOINT("drop-table.after-rename-before-dir-fsync");
    DL_TRY(files_.sync_directory(tables_path()));
    DL_FAILPOINT("drop-table.before-remove");
    return files_.remove_tree(dropped);
}

}  // namespace dl::slave
