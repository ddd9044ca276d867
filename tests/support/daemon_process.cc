#include "tests/support/daemon_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;

namespace dl::test {

std::string ProcessEnd::to_text() const {
    return (by_signal ? "signal " : "exit status ") + std::to_string(code);
}

DaemonProcess::DaemonProcess(std::string name, std::string program, std::string directory, std::uint16_t port,
                             Properties properties, Environment environment)
    : name_(std::move(name)),
      program_(std::move(program)),
      directory_(std::move(directory)),
      port_(port),
      properties_(std::move(properties)),
      environment_(std::move(environment)) {}

DaemonProcess::~DaemonProcess() {
    kill_hard();
}

void DaemonProcess::write_properties() const {
    std::ofstream file(directory_ + "/" + name_ + ".properties", std::ios::trunc);
    for (const auto& [key, value] : properties_)
        file << key << " = " << value << "\n";
}

void DaemonProcess::start() {
    if (alive()) throw std::logic_error(name_ + " is running already");
    write_properties();
    const std::string config = directory_ + "/" + name_ + ".properties";
    const std::string log = directory_ + "/" + name_ + ".log";

    // Everything that allocates happens before fork.
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string text = *variable;
        if (!environment_.contains(text.substr(0, text.find('=')))) variables.push_back(text);
    }
    for (const auto& [key, value] : environment_)
        variables.push_back(key + "=" + value);
    std::vector<char*> envp;
    for (auto& variable : variables)
        envp.push_back(variable.data());
    envp.push_back(nullptr);
    std::array<char*, 3> argv{const_cast<char*>(program_.c_str()), const_cast<char*>(config.c_str()),
                              nullptr};
    const pid_t parent = ::getpid();

    end_.reset();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork: " + std::string(std::strerror(errno)));
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        const int in = ::open("/dev/null", O_RDONLY);
        ::dup2(in, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::chdir(directory_.c_str()) == 0 || (::_exit(127), false);
        ::execve(program_.c_str(), argv.data(), envp.data());
        constexpr std::string_view kMessage = "cannot execute the program\n";
        [[maybe_unused]] const auto written = ::write(2, kMessage.data(), kMessage.size());
        ::_exit(127);
    }
}

std::optional<ProcessEnd> DaemonProcess::wait_end(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        if (pid_ <= 0) return end_ ? end_ : ProcessEnd{};
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            end_ = WIFSIGNALED(status) ? ProcessEnd{true, WTERMSIG(status)}
                                       : ProcessEnd{false, WEXITSTATUS(status)};
            return end_;
        }
        if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

bool DaemonProcess::alive() {
    return pid_ > 0 && !wait_end(std::chrono::milliseconds(0));
}

void DaemonProcess::send_signal(int signal) {
    if (pid_ > 0) ::kill(pid_, signal);
}

void DaemonProcess::kill_hard() {
    if (pid_ <= 0) return;
    send_signal(SIGKILL);
    (void)wait_end(std::chrono::seconds(60));
}

ProcessEnd DaemonProcess::stop(std::chrono::milliseconds timeout) {
    send_signal(SIGTERM);
    if (auto end = wait_end(timeout)) return *end;
    kill_hard();
    return end_.value_or(ProcessEnd{true, SIGKILL});
}

std::string DaemonProcess::log_text() const {
    std::ifstream file(directory_ + "/" + name_ + ".log");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

std::uint64_t DaemonProcess::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t size = 0, resident = 0;
    file >> size >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint16_t free_port() {
    // Below the range the kernel takes for outgoing connections (32768 and up): those of a test with
    // thousands of clients must not sit on the port of a program that is being restarted.
    static std::mt19937 random(std::random_device{}());
    static std::set<std::uint16_t> taken;
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const auto port = static_cast<std::uint16_t>(12'000 + random() % 20'000);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (bound && taken.insert(port).second) return port;
    }
    throw std::runtime_error("no free port on loopback");
}

bool port_accepts(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool accepted = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return accepted;
}

std::string program_path(const std::string& name) {
    const char* directory = std::getenv("DL_BIN_DIR");
    auto path = std::string(directory != nullptr ? directory : DL_BIN_DIR) + "/" + name + "/" + name;
    if (!std::filesystem::exists(path)) throw std::runtime_error(path + " is not built");
    return path;
}

RunResult run_program(const std::string& command_line) {
    RunResult result;
    FILE* pipe = ::popen((command_line + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command_line);
    std::array<char, 4096> chunk;
    while (const auto got = ::fread(chunk.data(), 1, chunk.size(), pipe))
        result.output.append(chunk.data(), got);
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace dl::test
