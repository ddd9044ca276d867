// The backslash escapes of PostgreSQL's COPY text and MySQL's SELECT INTO OUTFILE: \t \n \r \b \f \v are the
// characters they are in C, \0 is the zero byte and \Z the byte 26 (as MySQL writes them); a backslash before
// N (\N alone is NULL), or anything but a letter or digit, stands for what follows: \\, the delimiter, a line
// end, a quote. Others are written by neither, and mean different things to them (\x41). Pure.
#pragma once

#include <string>
#include <string_view>

namespace datalake::cli {

// False: there is another escape, the character behind its backslash is in `unknown`. `delimiter` may be a
// letter.
bool append_unescaped(std::string& out, std::string_view text, char delimiter, char& unknown);

}  // namespace datalake::cli
