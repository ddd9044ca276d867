#include "tests/support/sim_file_system.h"

#include <algorithm>
#include <random>

namespace dl {
namespace {

constexpr std::size_t kSectorBytes = 512;

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Error failure(ErrorCode code, std::string_view action, const std::string& path, std::string_view why) {
    return make_error(code, "cannot " + std::string(action) + " \"" + path + "\": " + std::string(why));
}

}  // namespace

// A file or directory. From `dirty_from` on `content` differs from `on_disk`; files only grow or are cut, so
// what differs is always an end of the file.
struct SimFileSystem::Node {
    bool is_directory = false;
    std::string content;
    std::string on_disk;
    std::size_t dirty_from = 0;
    // In the page cache, marked clean by a failed sync, never to reach the disk.
    std::size_t lost_from = 0;
    std::size_t lost_to = 0;
    bool locked = false;

    void changed_from(std::size_t position) { dirty_from = std::min(dirty_from, position); }
    void synced() {
        on_disk = content;
        const auto to = std::min(lost_to, on_disk.size());
        if (lost_from < to)
            std::fill(on_disk.begin() + static_cast<std::ptrdiff_t>(lost_from),
                      on_disk.begin() + static_cast<std::ptrdiff_t>(to), '\0');
        dirty_from = content.size();
    }
    void sync_failed() {
        if (dirty_from < content.size()) {
            lost_from = lost_from < lost_to ? std::min(lost_from, dirty_from) : dirty_from;
            lost_to = content.size();
        }
    }
    void cut(std::size_t size) {
        changed_from(std::min(size, content.size()));
        content.resize(size, '\0');
        lost_to = std::min(lost_to, size);
    }
};

// A change of one directory that is not on the disk yet. Creating has only `added`, removing only `removed`.
struct SimFileSystem::NameChange {
    std::string removed;
    std::string added;
    std::shared_ptr<Node> node;
};

struct SimFileSystem::PlannedFault {
    SimCall call;
    std::uint64_t left;
    SimFault fault;
};

struct SimFileSystem::State {
    using Names = std::map<std::string, std::shared_ptr<Node>>;

    std::mutex mutex;
    Names names;
    Names names_on_disk;
    std::vector<NameChange> name_changes;
    std::vector<PlannedFault> faults;
    std::optional<std::uint64_t> changes_left;
    std::uint64_t changes = 0;
    std::uint64_t generation = 0;

    static void apply(Names& names, const NameChange& change) {
        if (!change.removed.empty()) {
            const auto at = names.find(change.removed);
            if (at != names.end() && at->second == change.node) names.erase(at);
        }
        if (!change.added.empty()) names[change.added] = change.node;
    }
    void change_names(NameChange change) {
        apply(names, change);
        name_changes.push_back(std::move(change));
    }

    // The fault this call meets. A power cut shows as half a write.
    std::optional<SimFault> enter(SimCall call) {
        std::optional<SimFault> met;
        const bool is_change = call != SimCall::read && call != SimCall::open_read && call != SimCall::look;
        if (is_change) {
            ++changes;
            if (changes_left) {
                if (*changes_left == 0) return SimFault::io_error;
                if (--*changes_left == 0) met = SimFault::short_write;
            }
        }
        for (auto& planned : faults) {
            const bool counts = planned.call == call || planned.call == SimCall::any ||
                                (planned.call == SimCall::any_change && is_change);
            if (counts && planned.left > 0 && --planned.left == 0) met = planned.fault;
        }
        std::erase_if(faults, [](const PlannedFault& planned) { return planned.left == 0; });
        return met;
    }
    Result<void> enter_or_fail(SimCall call, std::string_view action, const std::string& path) {
        const auto fault = enter(call);
        if (!fault) return {};
        if (*fault == SimFault::disk_full)
            return failure(ErrorCode::disk_full, action, path, "no space left (injected)");
        return failure(ErrorCode::io_error, action, path, "input/output error (injected)");
    }

    std::shared_ptr<Node> find(const std::string& path) {
        const auto at = names.find(path);
        return at == names.end() ? nullptr : at->second;
    }
    bool is_directory(const std::string& path) {
        if (path == "/" || path == ".") return true;
        const auto node = find(path);
        return node != nullptr && node->is_directory;
    }
};

std::shared_ptr<SimFileSystem::State> SimFileSystem::make_state() {
    return std::make_shared<State>();
}

class SimFileSystem::Writable final : public WritableFile {
  public:
    Writable(std::shared_ptr<State> state, std::shared_ptr<Node> node, std::string path)
        : state_(std::move(state)),
          node_(std::move(node)),
          path_(std::move(path)),
          generation_(state_->generation) {}

    Result<void> append(std::span<const std::string_view> parts) override {
        const std::lock_guard guard(state_->mutex);
        if (generation_ != state_->generation) return dead("append to");
        std::string bytes;
        for (const auto part : parts)
            bytes += part;
        const auto before = node_->content.size();
        const auto fault = state_->enter(SimCall::append);
        node_->changed_from(before);
        if (!fault) {
            node_->content += bytes;
            return {};
        }
        if (*fault != SimFault::io_error) node_->content += bytes.substr(0, bytes.size() / 2);
        if (*fault == SimFault::disk_full)
            return failure(ErrorCode::disk_full, "append to", path_, "no space left (injected)");
        return failure(ErrorCode::io_error, "append to", path_, "input/output error (injected)");
    }
    Result<void> sync() override {
        const std::lock_guard guard(state_->mutex);
        if (generation_ != state_->generation) return dead("sync");
        auto entered = state_->enter_or_fail(SimCall::sync, "sync", path_);
        if (entered.has_error())
            node_->sync_failed();
        else
            node_->synced();
        return entered;
    }
    std::uint64_t size() const override {
        const std::lock_guard guard(state_->mutex);
        return node_->content.size();
    }
    Result<void> truncate(std::uint64_t size) override {
        const std::lock_guard guard(state_->mutex);
        if (generation_ != state_->generation) return dead("truncate");
        DL_TRY(state_->enter_or_fail(SimCall::truncate, "truncate", path_));
        node_->cut(size);
        return {};
    }

  private:
    Error dead(std::string_view action) const {
        return failure(ErrorCode::io_error, action, path_, "opened before the crash");
    }
    std::shared_ptr<State> state_;
    std::shared_ptr<Node> node_;
    std::string path_;
    std::uint64_t generation_;
};

class SimFileSystem::Readable final : public ReadableFile {
  public:
    Readable(std::shared_ptr<State> state, std::shared_ptr<Node> node, std::string path)
        : state_(std::move(state)),
          node_(std::move(node)),
          path_(std::move(path)),
          generation_(state_->generation) {}

    Result<SharedBytes> read(std::uint64_t offset, std::size_t length) const override {
        const std::lock_guard guard(state_->mutex);
        if (generation_ != state_->generation)
            return failure(ErrorCode::io_error, "read", path_, "opened before the crash");
        DL_TRY(state_->enter_or_fail(SimCall::read, "read", path_));
        if (offset >= node_->content.size()) return SharedBytes();
        return SharedBytes::from_string(node_->content.substr(offset, length));
    }
    Result<std::uint64_t> size() const override {
        const std::lock_guard guard(state_->mutex);
        return node_->content.size();
    }
    Result<SharedBytes> map() const override {
        DL_TRY_ASSIGN(const auto length, size());
        return read(0, length);
    }

  private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Node> node_;
    std::string path_;
    std::uint64_t generation_;
};

class SimFileSystem::Lock final : public FileLock {
  public:
    Lock(std::shared_ptr<State> state, std::shared_ptr<Node> node)
        : state_(std::move(state)), node_(std::move(node)) {}
    ~Lock() override {
        const std::lock_guard guard(state_->mutex);
        node_->locked = false;
    }

  private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Node> node_;
};

namespace {

// What the disk holds of one file after the power failed: the synced part, then any mixture.
std::string torn(const std::string& on_disk, const std::string& content, std::size_t dirty_from,
                 std::mt19937_64& random) {
    const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
    const auto longest = std::max(on_disk.size(), content.size());
    dirty_from = std::min({dirty_from, on_disk.size(), content.size()});
    std::size_t size = longest;
    switch (below(4)) {
        case 0:
            size = on_disk.size();
            break;
        case 1:
            size = content.size();
            break;
        case 2:
            size = dirty_from + below(longest - dirty_from + 1);
            break;
        default:
            break;
    }
    std::string result = content.substr(0, dirty_from);
    // One kind of mixture a crash: all new bytes up to the size, a prefix of whole sectors, or any sectors.
    const auto mixture = below(3);
    const std::size_t kept = dirty_from + below(longest - dirty_from + 1);
    const auto piece = [](const std::string& from, std::size_t begin, std::size_t end) {
        std::string bytes = begin < from.size() ? from.substr(begin, end - begin) : std::string();
        bytes.resize(end - begin, '\0');
        return bytes;
    };
    for (std::size_t at = dirty_from; at < size;) {
        const auto end = std::min(size, (at / kSectorBytes + 1) * kSectorBytes);
        const bool keep = mixture == 0 || (mixture == 1 ? end <= kept : below(2) == 0);
        if (keep) {
            result += piece(content, at, end);
        } else {
            switch (below(4)) {
                case 0:
                    result.append(end - at, '\0');
                    break;
                case 1:
                    result += piece(on_disk, at, end);
                    break;
                case 2:
                    for (auto i = at; i < end; ++i)
                        result += static_cast<char>(random());
                    break;
                default: {  // a stale sector, e.g. an older batch that was valid elsewhere
                    const auto from = below(at + 1) / kSectorBytes * kSectorBytes;
                    result += piece(result, from, from + (end - at));
                }
            }
        }
        at = end;
    }
    return result;
}

}  // namespace

void SimFileSystem::crash(std::uint64_t seed) {
    const std::lock_guard guard(state_->mutex);
    auto& s = *state_;
    std::mt19937_64 random(seed);
    ++s.generation;
    s.faults.clear();
    s.changes_left.reset();
    // Names: a prefix of the changes or any of them reached the disk.
    const bool prefix = random() % 2 == 0;
    const std::size_t kept = random() % (s.name_changes.size() + 1);
    for (std::size_t i = 0; i < s.name_changes.size(); ++i)
        if (prefix ? i < kept : random() % 2 == 0) State::apply(s.names_on_disk, s.name_changes[i]);
    s.name_changes.clear();
    for (auto at = s.names_on_disk.begin(); at != s.names_on_disk.end();) {
        const auto parent = parent_of(at->first);  // parents sort before their children
        const auto found = s.names_on_disk.find(parent);
        const bool reachable =
            parent == "/" || parent == "." || (found != s.names_on_disk.end() && found->second->is_directory);
        at = reachable ? std::next(at) : s.names_on_disk.erase(at);
    }
    s.names = s.names_on_disk;
    for (auto& [path, node] : s.names) {
        if (node->is_directory) continue;
        // Never written to disk, though still readable before the crash.
        std::string content = node->content;
        const auto lost_to = std::min(node->lost_to, content.size());
        for (auto i = node->lost_from; i < lost_to; ++i)
            content[i] = '\0';
        node->content = torn(node->on_disk, content, node->dirty_from, random);
        node->on_disk = node->content;
        node->dirty_from = node->content.size();
        node->lost_from = node->lost_to = 0;
        node->locked = false;
    }
}

void SimFileSystem::fail(SimCall call, std::uint64_t nth, SimFault fault) {
    const std::lock_guard guard(state_->mutex);
    state_->faults.push_back({call, nth, fault});
}

void SimFileSystem::power_off_after(std::uint64_t n) {
    const std::lock_guard guard(state_->mutex);
    state_->changes_left = n;
}

std::uint64_t SimFileSystem::changes() const {
    const std::lock_guard guard(state_->mutex);
    return state_->changes;
}

void SimFileSystem::overwrite(const std::string& path, std::string content) {
    const std::lock_guard guard(state_->mutex);
    auto node = state_->find(path);
    if (node == nullptr) {
        node = std::make_shared<Node>();
        state_->names[path] = state_->names_on_disk[path] = node;
    }
    node->content = node->on_disk = std::move(content);
    node->dirty_from = node->content.size();
    node->lost_from = node->lost_to = 0;
}

Result<std::unique_ptr<WritableFile>> SimFileSystem::open_append(const std::string& path, bool create_new) {
    const std::lock_guard guard(state_->mutex);
    auto node = state_->find(path);
    if (create_new) {
        DL_TRY(state_->enter_or_fail(SimCall::create, "create", path));
        if (node != nullptr) return failure(ErrorCode::io_error, "create", path, "file exists");
        if (!state_->is_directory(parent_of(path)))
            return failure(ErrorCode::not_found, "create", path, "no such directory");
        node = std::make_shared<Node>();
        state_->change_names({"", path, node});
    }
    if (node == nullptr || node->is_directory)
        return failure(ErrorCode::not_found, "open", path, "no such file");
    return std::unique_ptr<WritableFile>(new Writable(state_, node, path));
}

Result<std::shared_ptr<ReadableFile>> SimFileSystem::open_read(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::open_read, "open", path));
    const auto node = state_->find(path);
    if (node == nullptr || node->is_directory)
        return failure(ErrorCode::not_found, "open", path, "no such file");
    return std::shared_ptr<ReadableFile>(std::make_shared<Readable>(state_, node, path));
}

Result<std::string> SimFileSystem::read_all(const std::string& path) {
    DL_TRY_ASSIGN(const auto file, open_read(path));
    DL_TRY_ASSIGN(const auto bytes, file->map());
    return std::string(bytes.view());
}

Result<void> SimFileSystem::replace_atomically(const std::string& path, std::string_view content) {
    const std::string draft = path + ".tmp";
    DL_TRY_ASSIGN(const bool stale, exists(draft));
    if (stale) DL_TRY(remove(draft));
    {
        DL_TRY_ASSIGN(const auto file, open_append(draft, true));
        const std::string_view parts[] = {content};
        DL_TRY(file->append(parts));
        DL_TRY(file->sync());
    }
    DL_TRY(rename(draft, path));
    return sync_directory(parent_of(path));
}

Result<void> SimFileSystem::sync_file(const std::string& path) {
    DL_TRY_ASSIGN(const auto file, open_append(path, false));
    return file->sync();
}

Result<void> SimFileSystem::sync_directory(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::sync_directory, "sync directory", path));
    if (!state_->is_directory(path)) return failure(ErrorCode::not_found, "sync", path, "no such directory");
    std::erase_if(state_->name_changes, [&](const NameChange& change) {
        const bool here = (!change.added.empty() && parent_of(change.added) == path) ||
                          (!change.removed.empty() && parent_of(change.removed) == path);
        if (here) State::apply(state_->names_on_disk, change);
        return here;
    });
    return {};
}

Result<void> SimFileSystem::create_directories(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (!state_->is_directory(part)) {
            DL_TRY(state_->enter_or_fail(SimCall::create, "create directory", part));
            if (state_->find(part) != nullptr)
                return failure(ErrorCode::io_error, "create directory", part, "not a directory");
            auto node = std::make_shared<Node>();
            node->is_directory = true;
            state_->change_names({"", part, node});
        }
        if (slash == std::string::npos) return {};
    }
}

Result<std::vector<std::string>> SimFileSystem::list(const std::string& directory) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::look, "list", directory));
    if (!state_->is_directory(directory))
        return failure(ErrorCode::not_found, "list", directory, "no such directory");
    std::vector<std::string> result;
    for (const auto& [path, node] : state_->names)
        if (parent_of(path) == directory) result.push_back(path.substr(path.rfind('/') + 1));
    std::sort(result.begin(), result.end());
    return result;
}

Result<bool> SimFileSystem::exists(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::look, "look for", path));
    return state_->find(path) != nullptr || state_->is_directory(path);
}

Result<std::uint64_t> SimFileSystem::file_size(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::look, "stat", path));
    const auto node = state_->find(path);
    if (node == nullptr) return failure(ErrorCode::not_found, "stat", path, "no such file");
    return std::uint64_t{node->content.size()};
}

Result<void> SimFileSystem::rename(const std::string& from, const std::string& to) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::rename, "rename", from));
    const auto node = state_->find(from);
    if (node == nullptr) return failure(ErrorCode::not_found, "rename", from, "no such file");
    if (!node->is_directory) {
        state_->change_names({from, to, node});
        return {};
    }
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> below;
    for (const auto& [path, child] : state_->names)
        if (path == from || path.starts_with(from + "/")) below.emplace_back(path, child);
    for (const auto& [path, child] : below)
        state_->change_names({path, to + path.substr(from.size()), child});
    return {};
}

Result<void> SimFileSystem::remove(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::remove, "remove", path));
    const auto node = state_->find(path);
    if (node == nullptr || node->is_directory)
        return failure(ErrorCode::not_found, "remove", path, "no such file");
    state_->change_names({path, "", node});
    return {};
}

Result<void> SimFileSystem::remove_tree(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    DL_TRY(state_->enter_or_fail(SimCall::remove, "remove directory", path));
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> below;
    for (const auto& [name, node] : state_->names)
        if (name == path || name.starts_with(path + "/")) below.emplace_back(name, node);
    for (auto at = below.rbegin(); at != below.rend(); ++at)
        state_->change_names({at->first, "", at->second});
    return {};
}

Result<std::uint64_t> SimFileSystem::free_bytes(const std::string&) {
    return std::uint64_t{1} << 40;
}

Result<std::unique_ptr<FileLock>> SimFileSystem::lock(const std::string& path) {
    const std::lock_guard guard(state_->mutex);
    auto node = state_->find(path);
    if (node == nullptr) {
        if (!state_->is_directory(parent_of(path)))
            return failure(ErrorCode::not_found, "lock", path, "no such directory");
        node = std::make_shared<Node>();
        state_->change_names({"", path, node});
    }
    if (node->locked) return failure(ErrorCode::unavailable, "lock", path, "locked by another process");
    node->locked = true;
    return std::unique_ptr<FileLock>(new Lock(state_, node));
}

}  // namespace dl
