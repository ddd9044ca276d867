// One program of the cluster as a child process: start, SIGTERM, kill -9, restart, its log. Used from one
// thread, which must outlive it: the child is killed when the thread that started it ends, so that no test
// leaves daemons behind.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace dl::test {

using Environment = std::map<std::string, std::string>;
using Properties = std::map<std::string, std::string>;

// How a process ended.
struct ProcessEnd {
    bool by_signal = false;
    int code = 0;  // exit status, or the signal's number
    std::string to_text() const;
};

class DaemonProcess {
  public:
    // `properties` are written to <directory>/<name>.properties at every start; output goes to
    // <directory>/<name>.log.
    DaemonProcess(std::string name, std::string program, std::string directory, std::uint16_t port,
                  Properties properties, Environment environment);
    ~DaemonProcess();  // kills
    DaemonProcess(const DaemonProcess&) = delete;
    DaemonProcess& operator=(const DaemonProcess&) = delete;

    void start();
    bool alive();
    void send_signal(int signal);
    // nullopt: still running after that time.
    std::optional<ProcessEnd> wait_end(std::chrono::milliseconds timeout);
    void kill_hard();  // SIGKILL, and waits
    // SIGTERM; kills it when it does not end in time (then the result says signal 9).
    ProcessEnd stop(std::chrono::milliseconds timeout = std::chrono::seconds(20));

    const std::string& name() const { return name_; }
    std::uint16_t port() const { return port_; }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    pid_t pid() const { return pid_; }
    Environment& environment() { return environment_; }  // of the next start
    Properties& properties() { return properties_; }     // of the next start
    std::string log_text() const;
    std::uint64_t resident_bytes() const;

  private:
    void write_properties() const;

    std::string name_, program_, directory_;
    std::uint16_t port_;
    Properties properties_;
    Environment environment_;
    pid_t pid_ = -1;
    std::optional<ProcessEnd> end_;
};

// A free port of the loopback interface; not handed out twice by one process.
std::uint16_t free_port();
bool port_accepts(std::uint16_t port);
// Path of a program of this build: "master", "slave" or "data-lake-client".
std::string program_path(const std::string& name);
// Runs a program to its end and returns everything it printed (stdout and stderr).
struct RunResult {
    int status = 0;
    std::string output;
};
RunResult run_program(const std::string& command_line);

}  // namespace dl::test
