#include "data-lake-client/cli/load/refused_row.h"

#include "common/types/value_text.h"

namespace datalake::cli {
namespace {

void append_csv(std::string& line, std::string_view text) {
    if (!line.empty()) line += ',';
    line += '"';
    for (const char c : text) {
        if (c == '"') line += '"';
        line += c;
    }
    line += '"';
}

}  // namespace

std::string RefusedRow::message() const {
    std::string out = file + ", line " + std::to_string(origin.line);
    if (!problem.column.empty()) out += ", column " + problem.column;
    if (problem.value) out += ", value " + dl::quoted_value(*problem.value);
    return out + ": " + problem.reason;
}

RowProblem problem_of(const Error& error) {
    RowProblem problem;
    std::string_view text = error.message();
    if (text.starts_with("row ")) {
        auto end = text.find_first_not_of("0123456789", 4);
        constexpr std::string_view kColumn = ", column \"";
        if (end != std::string_view::npos && text.substr(end).starts_with(kColumn)) {
            const auto begin = end + kColumn.size();
            const auto close = text.find("\": ", begin);
            if (close != std::string_view::npos) {
                problem.column = text.substr(begin, close - begin);
                end = close + 1;
            }
        }
        if (end != std::string_view::npos && text.substr(end).starts_with(": ")) text.remove_prefix(end + 2);
    }
    problem.reason = error.code() == ErrorCode::invalid_value ? std::string(text)
                                                              : error.code_name() + ": " + std::string(text);
    return problem;
}

Result<void> RejectsWriter::write(const std::vector<RefusedRow>& rows) {
    if (file_.file() == nullptr) return {};
    std::fputs("file,line,column,value,reason,text\n", file_.file());
    for (const auto& row : rows) {
        std::string line;
        append_csv(line, row.file);
        line += "," + std::to_string(row.origin.line);
        append_csv(line, row.problem.column);
        append_csv(line, row.problem.value.value_or(""));
        append_csv(line, row.problem.reason);
        append_csv(line, row.text);
        line += '\n';
        if (std::fwrite(line.data(), 1, line.size(), file_.file()) != line.size()) break;
    }
    return file_.finish();
}

}  // namespace datalake::cli
