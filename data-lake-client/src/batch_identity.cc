#include "data-lake-client/src/batch_identity.h"

#include <sys/random.h>

#include "common/base/limits.h"
#include "data-lake-client/src/json_text.h"

namespace datalake {
namespace {

std::string random_id() {
    unsigned char bytes[16];
    if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return "";
    static constexpr char kHex[] = "0123456789abcdef";
    std::string id;
    for (const auto byte : bytes) {
        id += kHex[byte >> 4];
        id += kHex[byte & 15];
    }
    return id;
}

}  // namespace

Result<SendOptions> OwnProducer::identify(const SendOptions& options) {
    const auto too_long = [](const char* what, const std::string& id) {
        return Error(ErrorCode::invalid_argument, std::string(what) + " has " + std::to_string(id.size()) +
                                                      " bytes; the longest is " +
                                                      std::to_string(dl::limits::batch_id_bytes_max));
    };
    if (options.batch_id.size() > dl::limits::batch_id_bytes_max)
        return too_long("the batch id", options.batch_id);
    if (options.producer_id.size() > dl::limits::batch_id_bytes_max)
        return too_long("the producer id", options.producer_id);
    if (options.producer_id.empty() != (options.sequence == 0) ||
        (!options.batch_id.empty() && !options.producer_id.empty()))
        return Error(ErrorCode::invalid_argument,
                     "a batch has an id, or a producer id and a sequence from 1 on, or none of them");
    if (!options.batch_id.empty() || !options.producer_id.empty()) return options;
    if (id_.empty()) id_ = random_id();
    if (id_.empty()) return Error(ErrorCode::internal, "the system gave no random bytes for a producer id");
    SendOptions own;
    own.producer_id = id_;
    own.sequence = next_sequence_++;
    return own;
}

void append_write_options(std::string& json, const SendOptions& sent_under) {
    const bool of_producer = sent_under.batch_id.empty();
    json += of_producer ? ",\"options\":{\"producer_id\":" : ",\"options\":{\"batch_id\":";
    append_json_string(json, of_producer ? sent_under.producer_id : sent_under.batch_id);
    if (of_producer) json += ",\"sequence\":" + std::to_string(sent_under.sequence);
    json += ",\"meta\":true}}";
}

}  // namespace datalake
