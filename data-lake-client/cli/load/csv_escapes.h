// The backslash escapes of PostgreSQL's COPY text and MySQL's SELECT INTO OUTFILE: \t \n \r \b \f \v are the
// characters they are in C, \0 is the zero byte and \Z the byte 26 (as MySQL writes them); a backslash before
// anything else stands for what follows: \\, the delimiter, a line end, a quote. Pure.
#pragma once

#include <string>
#include <string_view>

namespace datalake::cli {

void append_unescaped(std::string& out, std::string_view text);

}  // namespace datalake::cli
