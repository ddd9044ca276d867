// Errors of the engine about a statement that was rewritten, in terms of the one that was sent. Pure.
#pragma once

#include <string_view>

#include "common/base/error.h"
#include "master/sql/fragment.h"

namespace dl::master {

// Without the quote of the statement ("LINE 1: ...") unless `sent` reads so, and with the names of tables for
// those of what is read in their place.
Error translated_error(Error error, std::string_view sent, const std::vector<Fragment>& fragments);

// Of a statement that began with `written` where `sent` stood in that of the user: a quote of its first line
// is made one of the user's.
Error with_quote_of(Error error, std::string_view written, std::string_view sent);

}  // namespace dl::master
