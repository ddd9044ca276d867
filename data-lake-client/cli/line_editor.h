// Reads lines at a terminal with libedit: editing, history in ~/.datalake_history, completion. Main thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data-lake-client/cli/completer.h"

namespace datalake::cli {

class Interrupts;

class LineEditor {
  public:
    enum class Read : std::uint8_t { line, end, interrupted };

    // `statement` gives the lines before the current one, for completion.
    LineEditor(Interrupts& interrupts, const Completer& completer, std::function<std::string()> statement);
    ~LineEditor();
    LineEditor(const LineEditor&) = delete;
    LineEditor& operator=(const LineEditor&) = delete;

    // Without the line end. `end`: Ctrl-D. `interrupted`: Ctrl-C, the line is dropped.
    Read read_line(const std::string& prompt, std::string& line);
    // More has come than the line that was read: it was pasted. Nobody types that fast.
    bool is_pasting() const;
    // A whole statement, line ends as blanks; written to the file at once.
    void add_history(const std::string& statement);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace datalake::cli
