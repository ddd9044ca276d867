// The slave as one object: data directories, pools, DuckDB, partitions, server. start() recovers and begins
// to serve; stop() drains and closes; both block.
#pragma once

#include <memory>
#include <string>

#include "common/net/net_pool.h"
#include "slave/server/slave_settings.h"

namespace dl::slave {

class SlaveNode {
  public:
    static Result<std::unique_ptr<SlaveNode>> start(const SlaveSettings& settings,
                                                    const std::string& version);
    ~SlaveNode();  // stop()

    // No new connections; running requests get the grace of the settings; then partitions are closed.
    // Idempotent.
    void stop();
    std::uint16_t port() const;

  private:
    struct Parts;
    explicit SlaveNode(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace dl::slave
