#include "master/sql/foreign_words.h"

#include <algorithm>
#include <array>

namespace dl::master {
namespace {

struct Word {
    std::string_view word;
    std::string_view way;
};

template <std::size_t N>
std::string_view way_in(const std::array<Word, N>& words, std::string_view word) {
    const auto found = std::ranges::find(words, word, &Word::word);
    return found == words.end() ? std::string_view() : found->way;
}

constexpr std::string_view kUsers =
    "there are no users and no rights: all who reach the port of the server may do the same";
constexpr std::string_view kKeys = "the writer gives the keys: numbers of the rows, or uuid()";
constexpr std::string_view kOneDatabase =
    "there is one database, datalake, with one schema, main; show tables lists what is in it";
constexpr std::string_view kUpkeep =
    "tables are kept up by themselves; compress t merges the files of one now";
constexpr std::string_view kUnique =
    "only the major key is unique, and a row with a key that is there replaces the row";
constexpr std::string_view kSettings =
    "settings are in the files of the daemons (system.settings lists them), and options come with a "
    "statement";
constexpr std::string_view kIndex = "there are no indexes to make: the major key has one, others have none";

constexpr std::string_view kParameters =
    "nothing is prepared; values go along with a statement as $1, $2, ... and options.params";

constexpr std::array kStatements = {
    Word{"grant", kUsers},
    Word{"revoke", kUsers},
    Word{"analyze", kUpkeep},
    Word{"vacuum", kUpkeep},
    Word{"optimize", kUpkeep},
    Word{"set", kSettings},
    Word{"reset", kSettings},
    Word{"pragma", kSettings},
    Word{"lock", "there are no locks; the rows of one batch are written at once in each partition"},
    Word{"checkpoint", kUpkeep},
    Word{"reindex", kIndex},
    Word{"rename",
         "a table keeps its name; create table ... as select makes one of another name, and alter table t "
         "rename a to b renames a column"},
    Word{"prepare", kParameters},
    Word{"execute", kParameters},
    Word{"deallocate", kParameters},
    Word{"attach", kOneDatabase},
    Word{"detach", kOneDatabase},
    Word{"install", "there are no extensions"},
    Word{"load",
         "files are loaded by the client: data-lake-client --load FILE --table T, or \\load at its prompt"},
    Word{"import",
         "files are loaded by the client: data-lake-client --load FILE --table T, or \\load at its prompt"},
    Word{"export",
         "rows are written to files by the client: \\save FILE at its prompt, or --format csv with -c"},
    Word{"call", "there are no procedures"},
    Word{"do", "there are no procedures"},
    Word{"declare", "there are no procedures and no cursors; a SELECT is read as its rows come"},
    Word{"comment", "tables and columns have no comments"},
    Word{"exists",
         "show tables lists them; select count(*) from information_schema.tables where table_name = 't'"},
};
constexpr std::array kObjects = {
    Word{"index", kIndex},
    Word{"unique", kIndex},
    Word{"database", kOneDatabase},
    Word{"schema", kOneDatabase},
    Word{"user", kUsers},
    Word{"role", kUsers},
    Word{"temporary", "there are no temporary tables; WITH names rows for one statement"},
    Word{"temp", "there are no temporary tables; WITH names rows for one statement"},
    Word{"materialized",
         "there are no materialized views; create view reads its tables each time, create table ... as "
         "select keeps the rows"},
    Word{"sequence", kKeys},
    Word{"function", "there are no functions of users"},
    Word{"macro", "there are no functions of users"},
    Word{"trigger", "there are no triggers; stream_read gives the changes of a table"},
    Word{"type", "there are no types of users; an enum is a string here, a structure json"},
    Word{"extension", "there are no extensions"},
    Word{"procedure", "there are no functions of users"},
};
constexpr std::array kConstraints = {
    Word{"unique", kUnique},
    Word{"references", "there are no foreign keys"},
    Word{"foreign", "there are no foreign keys"},
    Word{"check",
         "there is no CHECK; types such as varchar(20), smallint and json hold their values to them"},
    Word{"constraint", kUnique},
    Word{"index", kIndex},
    Word{"key", kIndex},
    Word{"collate", "texts compare by their bytes; lower(a) = lower(b) does not mind the case"},
    Word{"comment", "columns have no comments"},
    Word{"generated", kKeys},
    Word{"identity", kKeys},
    Word{"auto_increment", kKeys},
    Word{"autoincrement", kKeys},
};
constexpr std::array kTableOptions = {
    Word{"engine", "there is one engine; leave it out"},
    Word{"order", "rows lie by the major key; leave it out"},
    Word{"cluster", "rows lie by the major key; leave it out"},
    Word{"distributed", "rows are spread over the partitions by the major key: partition.number = 4"},
    Word{"ttl",
         "rows do not run out; delete from t where ts < ... removes them, history.hours is of the changes"},
    Word{"comment", "tables have no comments"},
    Word{"charset", "texts are UTF-8; leave it out"},
    Word{"default", "texts are UTF-8; leave it out"},
};
constexpr std::array kLists = {
    Word{"databases", kOneDatabase},
    Word{"schemas", kOneDatabase},
    Word{"variables", "select * from system.settings lists the settings"},
    Word{"settings", "select * from system.settings lists the settings"},
    Word{"processlist",
         "select * from system.queries lists the statements that run, and kill query N ends one"},
    Word{"status", "cluster_status says how the cluster is"},
    Word{"users", kUsers},
    Word{"grants", kUsers},
    Word{"indexes", kIndex},
    Word{"index", kIndex},
};

}  // namespace

std::string_view way_of_statement(std::string_view word) {
    return way_in(kStatements, word);
}
std::string_view way_of_object(std::string_view word) {
    return way_in(kObjects, word);
}
std::string_view way_of_constraint(std::string_view word) {
    return way_in(kConstraints, word);
}
std::string_view way_of_table_option(std::string_view word) {
    return way_in(kTableOptions, word);
}
std::string_view way_of_list(std::string_view word) {
    return way_in(kLists, word);
}

}  // namespace dl::master
