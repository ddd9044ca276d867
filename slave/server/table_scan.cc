#include "slave/server/table_scan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/meta/schema_lineage.h"
#include "slave/server/epochs_file.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.registry";

// Of two copies of a table's description.
bool replaces(const TableMeta& newer, const TableMeta& known) {
    return newer.schema.id > known.schema.id || (known.incarnation == 0 && newer.incarnation != 0);
}

class Scanner {
  public:
    explicit Scanner(const std::vector<std::shared_ptr<DataDirectory>>& directories)
        : directories_(directories) {}

    Result<TableScan> run() {
        for (std::size_t i = 0; i < directories_.size(); ++i)
            DL_TRY(read_descriptions(i));
        for (const auto& copy : copies_)
            DL_TRY(read_partitions(copy));
        for (const auto& directory : directories_) {
            DL_TRY_ASSIGN(const auto seen, directory->highest_table());
            scan_.highest = std::max(scan_.highest, seen);
        }
        std::erase_if(scan_.partitions, [&](const PlacedPartition& one) {
            return scan_.tables.at(one.table->id).failed.contains(one.id);
        });
        return std::move(scan_);
    }

  private:
    struct Copy {
        TableId id;
        std::size_t directory;
        std::optional<TableMeta> meta;  // nullopt: its table.json is missing
    };

    Result<void> read_descriptions(std::size_t index) {
        auto& directory = *directories_[index];
        DL_TRY_ASSIGN(const auto ids, directory.tables());
        for (const auto id : ids) {
            auto stored = directory.read_table(id);
            if (stored.has_error() && stored.error().code == ErrorCode::not_found) {
                copies_.push_back({id, index, std::nullopt});
                continue;
            }
            if (stored.has_error()) {
                leave_out(id, directory.table_path(id), stored.error());
                continue;
            }
            auto& table = scan_.tables[id];
            if (table.meta && !descends_from(stored->meta, *table.meta) &&
                !descends_from(*table.meta, stored->meta)) {
                leave_out(id, directory.table_path(id),
                          make_error(ErrorCode::corrupt_data,
                                     "its table.json has other columns than that in another directory"));
                continue;
            }
            merge_epochs(table.epochs, stored->epochs);
            copies_.push_back({id, index, stored->meta});
            if (!table.meta || replaces(stored->meta, *table.meta))
                table.meta = std::make_shared<const TableMeta>(std::move(stored->meta));
        }
        return {};
    }

    Result<void> read_partitions(const Copy& copy) {
        auto& directory = *directories_[copy.directory];
        const auto described = scan_.tables.find(copy.id);
        if (described == scan_.tables.end()) return directory.retire_unknown(copy.id);
        auto& table = described->second;
        if (!copy.meta || replaces(*table.meta, *copy.meta))
            DL_TRY(directory.write_table(*table.meta, table.epochs));
        const auto partitions = directory.partitions(copy.id);
        if (partitions.has_error()) {
            leave_out(copy.id, directory.table_path(copy.id), partitions.error());
            return {};
        }
        for (const auto id : *partitions) {
            const auto [at, fresh] = where_.emplace(std::pair(copy.id, id), copy.directory);
            if (fresh)
                scan_.partitions.push_back({table.meta, id, epoch_of(table.epochs, id), copy.directory,
                                            table.epochs.replicated.contains(id)});
            else
                table.failed[id] = make_error(
                    ErrorCode::corrupt_data, name_of(*table.meta, id) + " is in two data directories, " +
                                                 directories_[at->second]->path() + " and " +
                                                 directory.path() + "; remove the wrong one and start again");
        }
        return {};
    }

    void leave_out(TableId table, const std::string& path, const Error& error) {
        log_error(kComponent, "table left out", {{"directory", path}, {"error", error}});
        auto reason = error.message;
        for (auto at = reason.find(path + "/"); at != reason.npos; at = reason.find(path + "/"))
            reason.erase(at, path.size() + 1);
        scan_.left_out.emplace(
            table,
            TableScan::LeftOut{std::move(reason),
                               make_error(ErrorCode::corrupt_data,
                                          path + " could not be read at the slave's start (" + error.message +
                                              "); put it right and start the slave again")});
    }

    const std::vector<std::shared_ptr<DataDirectory>>& directories_;
    std::vector<Copy> copies_;
    std::map<std::pair<TableId, PartitionId>, std::size_t> where_;
    TableScan scan_;
};

}  // namespace

std::string name_of(const TableMeta& table, PartitionId id) {
    return "partition " + std::to_string(id.value) + " of table " + table.name;
}

std::string PlacedPartition::name() const {
    return name_of(*table, id);
}

Result<TableScan> scan_tables(const std::vector<std::shared_ptr<DataDirectory>>& directories) {
    return Scanner(directories).run();
}

}  // namespace dl::slave
