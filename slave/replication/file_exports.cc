#include "slave/replication/file_exports.h"

#include <algorithm>

namespace dl::slave {

Result<rpc::ExportCopyReply> FileExports::add(NodeId follower, const rpc::ReplicaRef& replica,
                                              PartitionCopy::Export made) {
    rpc::ExportCopyReply reply;
    reply.files.push_back({"manifest", made.manifest.size()});
    for (const auto& one : made.files) {
        DL_TRY_ASSIGN(const auto bytes, one.file->size());
        reply.files.push_back({one.name, bytes});
    }
    if (reply.files.size() > rpc::kExportedFilesMax)
        return make_error(ErrorCode::limit_exceeded, "the partition has more files than can be copied");
    expire();
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const auto& one) {
        return one.second->follower == follower && one.second->replica == replica;
    });
    if (held_.size() >= kExportsMax)
        return make_error(ErrorCode::overloaded, "as many copies are read here as may (" +
                                                     std::to_string(kExportsMax) + "); ask again later");
    auto held = std::make_shared<Held>();
    held->follower = follower;
    held->replica = replica;
    held->files = std::move(made);
    held->used = std::chrono::steady_clock::now();
    reply.export_id = next_id_++;
    held_.emplace(reply.export_id, std::move(held));
    return reply;
}

Result<SharedBytes> FileExports::read(const rpc::ReadExportRequest& request) {
    std::shared_ptr<Held> held;
    {
        const std::lock_guard lock(mutex_);
        const auto found = held_.find(request.export_id);
        if (found == held_.end())
            return make_error(ErrorCode::not_found, "the files asked for are not held here any more");
        held = found->second;
        held->used = std::chrono::steady_clock::now();
    }
    const auto length = static_cast<std::size_t>(std::min(request.length, rpc::kExportReadBytesMax));
    if (request.file == 0) {
        const auto& text = held->files.manifest;
        const auto from = std::min<std::uint64_t>(request.offset, text.size());
        return SharedBytes::copy_of(text.data() + from, std::min<std::size_t>(length, text.size() - from));
    }
    if (request.file > held->files.files.size())
        return make_error(ErrorCode::invalid_request, "there is no such file in the export");
    return held->files.files[request.file - 1].file->read(request.offset, length);
}

void FileExports::expire() {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    std::erase_if(held_, [&](const auto& one) { return now - one.second->used > kIdleMax; });
}

}  // namespace dl::slave
