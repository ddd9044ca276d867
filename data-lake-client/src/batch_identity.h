// What batches are sent under, so that the server applies each once however often it is sent.
#pragma once

#include <cstdint>
#include <string>

#include "datalake/client.h"

namespace datalake {

// A client as the producer of its batches: a random id, and their numbers. Not thread-safe.
class OwnProducer {
  public:
    // What the caller says the batch is sent under, or the next number of this producer.
    Result<SendOptions> identify(const SendOptions& options);

  private:
    std::string id_;  // made with the first batch
    std::uint64_t next_sequence_ = 1;
};

// `,"options":{...}}`: ends the statement.
void append_write_options(std::string& json, const SendOptions& sent_under);

}  // namespace datalake
