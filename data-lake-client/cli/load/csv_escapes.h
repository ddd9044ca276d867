// The backslash escapes of PostgreSQL's COPY text and MySQL's SELECT INTO OUTFILE: \t \n \r \b \f \v are the
// characters they are in C, \0 is the zero byte and \Z the byte 26 (as MySQL writes them), \x41 and \101 (one
// or two hexadecimal, one to three octal digits) the byte of that number, as COPY FROM takes them; a
// backslash before N (\N alone is NULL), or anything but a letter or digit, stands for what follows: \\, the
// delimiter, a line end, a quote. Others mean different things to the two, or nothing. Pure.
#pragma once

#include <string>
#include <string_view>

namespace datalake::cli {

struct EscapeRules {
    char delimiter = '\t';   // may be a letter
    bool high_bytes = true;  // bytes from 128 on may be written by their numbers
};
// False: there is another escape; `problem` names it.
bool append_unescaped(std::string& out, std::string_view text, const EscapeRules& rules,
                      std::string& problem);

}  // namespace datalake::cli
