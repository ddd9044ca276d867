// One statement as it came: a frame, for a binary batch two. Becomes a command when it is read.
#pragma once

#include <cstddef>
#include <optional>

#include "common/base/shared_bytes.h"
#include "master/execution/command.h"
#include "master/protocol/native/json_request.h"

namespace dl::master {

// What the frames of the reply look like beyond what is in it.
struct ReplyForm {
    bool meta = false;      // a frame {"meta":{...}} in front of the end
    bool progress = false;  // frames {"progress":{...}} while it runs
    bool metadata = false;  // a table as `metadata` shows it, not as `desc` does
};

class NativeStatement {
  public:
    // Small frames are parsed at once, to know whether a second one follows.
    explicit NativeStatement(SharedBytes frame);
    // What cannot be read: its error is the reply.
    explicit NativeStatement(Error error) : request_(std::move(error)) {}

    // Its rows come in a second frame, also when the first is refused: they must not be taken for a
    // statement.
    bool awaits_batch() const { return awaits_batch_; }
    void set_batch(SharedBytes batch) { batch_ = std::move(batch); }

    // Of what read() reads, unpacked.
    std::size_t bytes() const;
    // Once, from any thread. The frames are let go of.
    Result<Command> read();
    // Behind read().
    const ReplyForm& form() const { return form_; }

  private:
    std::optional<Result<JsonRequest>> request_;  // of a small frame
    SharedBytes frame_;                           // of a large one
    std::size_t frame_bytes_ = 0;
    SharedBytes batch_;
    bool awaits_batch_ = false;
    ReplyForm form_;
};

}  // namespace dl::master
