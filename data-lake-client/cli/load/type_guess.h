// The type of a created column, from all values it gets. Never one that would change a value: what is not
// surely a number, a boolean, a date or a timestamp is text. One thread.
//
//   whole numbers           long; too wide for it: decimal(p,0), then string
//   numbers with fractions  double when it gives all digits back; decimal(p,s) when not, or when the numbers
//                           end in zeros and all have the same scale (12.50), whole ones have none, or for a
//                           key; else string
//                           nan, inf, -inf (NaN, Infinity, in any case) and -0 beside fractions are such of
//                           doubles, and those in JSON always; 1e5 may be an article number
//   booleans                true and false, in lower case, and what --true and --false name; numbers that
//   they
//                           name (1, 0) when there are no others
//   dates, timestamps       ISO 8601 (or the formats of the options); not both in one column
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/odd_values.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

class TypeGuess {
  public:
    // `numbers_in_text`: a text may be a number or a boolean (CSV).
    // `place`: where it stands, for hint().
    void see(const Field& field, bool numbers_in_text, const TextOptions& options,
             const ValuePlace& place = {});
    // Of a key no floating type is made.
    std::string type(bool is_key) const;
    // Of a column that is a string though most of its values are not.
    std::optional<OddValues::Hint> hint() const { return odd_values_.hint(scales_differ(false)); }

  private:
    enum Seen : std::uint16_t {
        kWhole = 1,
        kFraction = 2,
        kBoolean = 4,
        kDate = 8,
        kTimestamp = 16,  // without a zone
        kZonedTimestamp = 32,
        kOther = 64,
        kSpecial = 128,       // NaN, Infinity, -inf, -0: as doubles are printed
        kBareExponent = 256,  // 1e5
    };
    void look_at(const Field& field, bool numbers_in_text, const TextOptions& options,
                 const ValuePlace& place);
    void see_number(std::string_view text, bool written_by_hand, const TextOptions& options,
                    const ValuePlace& place);
    void see_text(std::string_view text, bool numbers_in_text, const TextOptions& options,
                  const ValuePlace& place);
    static OddValues::Kind kind_of(std::uint16_t seen);
    std::string number_type(bool is_key) const;
    // Numbers that end in zeros are told apart by them when some have fewer: 1.1 and 1.10, 1 and 1.000.
    bool scales_differ(bool is_key) const;

    void see_boolean(const Field& field, const TextOptions& options);

    std::uint16_t seen_ = 0;
    // By --true and --false.
    bool named_booleans_ = false, no_booleans_ = false;
    OddValues odd_values_;
    bool long_ = true;            // all whole numbers fit
    bool double_ = true;          // all numbers come back from a double
    bool plain_ = true;           // no exponents
    bool ends_in_zeros_ = false;  // a fraction other than .0 does, in a text
    bool point_zero_ = false;     // one is .0, in a text
    unsigned whole_digits_ = 0;
    unsigned scale_min_ = ~0u, scale_max_ = 0;  // of fractions
};

}  // namespace datalake::cli
