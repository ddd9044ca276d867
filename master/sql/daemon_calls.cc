#include "master/sql/daemon_calls.h"

#include <utility>
#include <vector>

#include "common/base/byte_io.h"

namespace dl::master {

std::shared_ptr<DaemonCalls::Waiting> DaemonCalls::begin(WorkerCall method, const std::string& json,
                                                         std::initializer_list<std::string_view> attached) {
    std::shared_ptr<Waiting> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting.reset(new Waiting(*this, ++last_));
        waiting_.emplace(waiting->id_, waiting);
    }
    send(waiting->id_, method, json, attached);
    return waiting;
}

void DaemonCalls::tell(WorkerCall method, const std::string& json) {
    send(0, method, json, {});
}

// u32 number of the call, u8 what is asked, an envelope.
void DaemonCalls::send(std::uint32_t id, WorkerCall method, const std::string& json,
                       std::initializer_list<std::string_view> attached) {
    std::string head;
    append_le(head, id);
    append_le(head, static_cast<std::uint8_t>(method));
    append_string(head, json);
    std::vector<std::string_view> parts{head};
    parts.insert(parts.end(), attached.begin(), attached.end());
    link_.send(WorkerFrame::call, parts);
}

// u32 number of the call, u8 1 and an envelope or 0 and an error.
void DaemonCalls::answered(Frame frame) {
    ByteReader in(frame.bytes.view());
    const auto id = in.read<std::uint32_t>();
    std::shared_ptr<Waiting> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(id);
        if (!in.ok() || found == waiting_.end()) return;  // nobody waits for it any more
        waiting = found->second.lock();
    }
    if (waiting == nullptr) return;
    const std::lock_guard lock(waiting->mutex_);
    waiting->answer_ = frame.bytes.slice(sizeof id, frame.bytes.size() - sizeof id);
    waiting->changed_.notify_all();
}

DaemonCalls::Waiting::~Waiting() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.waiting_.erase(id_);
}

Result<DaemonCalls::Answer> DaemonCalls::Waiting::wait(QueryCancel& cancel) {
    const auto on_cancel = cancel.on_cancel([this](ErrorCode why) {
        const std::lock_guard lock(mutex_);
        stopped_ = why;
        changed_.notify_all();
    });
    SharedBytes bytes;
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return answer_ || stopped_; });
        if (!answer_)
            return make_error(*stopped_, *stopped_ == ErrorCode::timeout ? "the query ran out of time"
                                                                         : "the query was stopped");
        bytes = std::move(*answer_);
    }
    ByteReader in(bytes.view());
    const bool good = in.read<std::uint8_t>() != 0;
    if (!good) return decode_error(in.read_bytes(in.remaining()));
    DL_TRY_ASSIGN(auto envelope, open_envelope(bytes.slice(1, bytes.size() - 1)));
    return Answer{std::move(bytes), envelope.json, std::move(envelope.attached)};
}

}  // namespace dl::master
