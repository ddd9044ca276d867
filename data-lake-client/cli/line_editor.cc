#include "data-lake-client/cli/line_editor.h"

#include <fcntl.h>
#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "data-lake-client/cli/history_line.h"
#include "data-lake-client/cli/interrupt.h"
#include "data-lake-client/cli/load/new_file.h"
#include "data-lake-client/cli/text_width.h"

namespace datalake::cli {
namespace {

constexpr int kHistoryLines = 2000;
constexpr std::size_t kHistoryBytesMax = 64u << 10;  // longer statements are not kept

// libedit takes and gives the characters of the C library's locale: a UTF-8 one, whatever the environment
// says.
void use_utf8_locale() {
    const char* chosen = std::setlocale(LC_CTYPE, "");
    const std::string name = chosen == nullptr ? "" : chosen;
    if (name.find("UTF-8") == std::string::npos && name.find("utf8") == std::string::npos)
        std::setlocale(LC_CTYPE, "C.UTF-8");
}

constexpr int kPasteWaitMs = 10;  // between the parts a terminal hands a pasted text over in

bool more_has_come() {
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    return ::poll(&wait, 1, kPasteWaitMs) > 0 && (wait.revents & POLLIN) != 0;
}

}  // namespace

struct LineEditor::Impl {
    Interrupts& interrupts;
    const Completer& completer;
    std::function<std::string()> statement;
    EditLine* editor = nullptr;
    History* history = nullptr;
    std::string history_file;
    std::string prompt;
    bool interrupted = false;

    static Impl& of(EditLine* editor) {
        void* self = nullptr;
        el_get(editor, EL_CLIENTDATA, &self);
        return *static_cast<Impl*>(self);
    }
    static char* prompt_text(EditLine* editor) { return of(editor).prompt.data(); }

    // One character; waits for a signal too.
    static int read_character(EditLine* editor, wchar_t* character) {
        auto& self = of(editor);
        char bytes[8];
        std::size_t have = 0;
        std::size_t need = 1;
        while (have < need) {
            pollfd waits[2] = {{STDIN_FILENO, POLLIN, 0}, {self.interrupts.fd(), POLLIN, 0}};
            if (::poll(waits, 2, -1) < 0) {
                if (errno != EINTR) return -1;
                el_resize(editor);
                continue;
            }
            if (waits[1].revents != 0) {
                self.interrupted = true;
                errno = EINTR;
                return -1;
            }
            if (::read(STDIN_FILENO, bytes + have, 1) != 1) return have == 0 ? 0 : -1;
            if (have == 0) {
                const auto first = static_cast<unsigned char>(bytes[0]);
                need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
            }
            ++have;
        }
        utf8proc_int32_t code = -1;
        const auto read = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes),
                                           static_cast<utf8proc_ssize_t>(have), &code);
        *character = read > 0 ? static_cast<wchar_t>(code) : L'?';
        return 1;
    }

    static unsigned char complete(EditLine* editor, int) {
        auto& self = of(editor);
        const auto* info = el_line(editor);
        // In a text that is pasted it may belong to a value; in front of a line it is a blank.
        if (more_has_come()) return el_insertstr(editor, "\t") == -1 ? CC_ERROR : CC_REFRESH;
        if (std::all_of(info->buffer, info->cursor, [](char c) { return c == ' ' || c == '\t'; }))
            return el_insertstr(editor, " ") == -1 ? CC_ERROR : CC_REFRESH;
        const std::string line(info->buffer, static_cast<std::size_t>(info->lastchar - info->buffer));
        const auto cursor = static_cast<std::size_t>(info->cursor - info->buffer);
        const auto earlier = self.statement();
        const auto before = earlier + line.substr(0, cursor);
        auto completion = self.completer.complete(before, earlier + line);
        if (completion.candidates.empty()) return CC_REFRESH_BEEP;
        const auto typed = before.size() - completion.word_begin;
        const auto prefix = Completer::common_prefix(completion.candidates);
        const bool only = completion.candidates.size() == 1;
        if (prefix.size() > typed || only) {
            const auto text = prefix.substr(std::min(typed, prefix.size())) + (only ? " " : "");
            if (el_insertstr(editor, text.c_str()) == -1) return CC_ERROR;
            return CC_REFRESH;
        }
        std::string list = "\n";
        for (const auto& candidate : completion.candidates)
            list += candidate + "  ";
        list += '\n';
        std::fwrite(list.data(), 1, list.size(), stdout);
        std::fflush(stdout);
        return CC_REDISPLAY;
    }
};

LineEditor::LineEditor(Interrupts& interrupts, const Completer& completer,
                       std::function<std::string()> statement)
    : impl_(new Impl{interrupts, completer, std::move(statement)}) {
    auto& self = *impl_;
    use_utf8_locale();
    self.editor = el_init("data-lake-client", stdin, stdout, stderr);
    self.history = history_init();
    HistEvent event;
    history(self.history, &event, H_SETSIZE, kHistoryLines);
    history(self.history, &event, H_SETUNIQUE, 1);
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
        self.history_file = std::string(home) + "/.datalake_history";
        // Statements may hold private values.
        const int fd = ::open(self.history_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            ::fchmod(fd, 0600);
            ::close(fd);
            history(self.history, &event, H_LOAD, self.history_file.c_str());
        } else {
            self.history_file.clear();
        }
    }
    el_set(self.editor, EL_CLIENTDATA, impl_.get());
    el_set(self.editor, EL_PROMPT, &Impl::prompt_text);
    el_set(self.editor, EL_EDITOR, "emacs");
    el_set(self.editor, EL_HIST, history, self.history);
    el_set(self.editor, EL_GETCFN, &Impl::read_character);
    el_set(self.editor, EL_ADDFN, "dl-complete", "complete names", &Impl::complete);
    el_set(self.editor, EL_BIND, "^I", "dl-complete", nullptr);
    el_set(self.editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(self.editor, nullptr);  // ~/.editrc
}

LineEditor::~LineEditor() {
    history_end(impl_->history);
    el_end(impl_->editor);
}

LineEditor::Read LineEditor::read_line(const std::string& prompt, std::string& line) {
    auto& self = *impl_;
    self.prompt = prompt;
    self.interrupted = false;
    self.interrupts.drain();
    self.interrupts.take();
    int count = 0;
    const char* text = el_gets(self.editor, &count);
    if (self.interrupted) {
        self.interrupts.drain();
        self.interrupts.take();
        el_reset(self.editor);
        std::fputs("^C\n", stdout);
        std::fflush(stdout);
        return Read::interrupted;
    }
    if (text == nullptr || count <= 0) return Read::end;
    line.assign(text, static_cast<std::size_t>(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
        line.pop_back();
    return Read::line;
}

bool LineEditor::is_pasting() const {
    return more_has_come();
}

void LineEditor::add_history(const std::string& statement) {
    auto& self = *impl_;
    if (statement.empty() || statement.size() > kHistoryBytesMax) return;
    const auto line = history_line(statement);
    if (!line) return;
    HistEvent event;
    history(self.history, &event, H_ENTER, line->c_str());
    if (self.history_file.empty()) return;
    // libedit writes it anew each time. A lost line is no reason to complain at the prompt.
    NewFile file;
    if (!file.open(self.history_file, 0600).ok()) return;
    if (history(self.history, &event, H_SAVE_FP, file.file()) >= 0) (void)file.finish(NewFile::Sync::no);
}

}  // namespace datalake::cli
