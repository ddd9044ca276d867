// Why a column of a created table is text: the one value among others of a type because of which it is, and
// whether that type would take all values. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data-lake-client/cli/load/load_options.h"
#include "data-lake-client/cli/load/number_text.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

// Where a value stands: the file by its position in the load, the line from 1.
struct ValuePlace {
    std::size_t file = 0;
    std::uint64_t line = 0;
};

class OddValues {
  public:
    // What a value is taken for when types are looked for. `special`: NaN, an infinity or -0, which are such
    // of doubles. `odd`: a text, or a number or the like that is not written as one would be printed.
    enum class Kind : std::uint8_t { number, boolean, date, timestamp, zoned_timestamp, special, odd };

    void see(Kind kind, const Field& field, const TextOptions& options, const ValuePlace& place);
    // Besides see(), of a plain number.
    void see_number(const NumberShape& shape, bool is_whole, bool fits_long, bool fits_double);
    void see_short_whole(unsigned digits) { whole_digits_ = digits > whole_digits_ ? digits : whole_digits_; }
    // Besides see(), of a number whose fraction ends in zeros (1.10), or that a double does not keep.
    void see_unkept(std::string_view text, bool by_zeros, const ValuePlace& place);

    // Hardly a value is of a type: there will be no hint, whatever else comes.
    bool given_up() const { return given_up_; }

    struct Hint {
        std::string text;  // the value
        ValuePlace place;
        std::string type;           // of most values
        std::uint64_t refused = 0;  // values that this type refuses
        std::uint64_t values = 0;
        std::string reason;  // what is wrong with the value; empty: it is of another type
    };
    // Of a column that is text. Nothing when not most of its values are of one type. `zeros`: numbers are
    // told apart by the zeros at their ends.
    std::optional<Hint> hint(bool zeros) const;

  private:
    static constexpr std::size_t kKinds = 7;
    struct First {
        std::string text;
        ValuePlace place;
        std::uint64_t at = 0;  // which value it was, from 1; 0: there is none
    };
    void see_odd(const Field& field, const TextOptions& options, bool first_odd);
    void widen(const NumberShape& shape);
    void remember(First& first, std::string_view text, const ValuePlace& place) const;
    std::uint64_t count(Kind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
    std::uint64_t odd_ones() const { return count(Kind::odd) + count(Kind::special); }
    std::string number_type(bool zeros, std::uint64_t& refused) const;

    std::uint64_t values_ = 0;
    bool given_up_ = false;
    std::array<std::uint64_t, kKinds> counts_{};
    std::array<First, kKinds> firsts_;
    bool odd_is_number_ = false;  // the first odd one
    First zeros_, unkept_;
    // Odd values that are numbers, booleans or times but for blanks, upper case and the like.
    std::uint64_t near_numbers_ = 0, near_booleans_ = 0, near_times_ = 0;
    // What columns of these types refuse: of odd values (not_number_: all types of numbers) ...
    std::uint64_t not_number_ = 0, not_decimal_ = 0, not_boolean_ = 0, not_date_ = 0, not_timestamp_ = 0;
    // ... of numbers, plain and odd ones, ...
    std::uint64_t not_long_ = 0, not_double_ = 0;
    // ... and of values of other kinds.
    std::uint64_t numbers_not_boolean_ = 0, numbers_not_timestamp_ = 0, dates_not_timestamp_ = 0;
    bool fractions_ = false;                 // among plain numbers
    unsigned whole_digits_ = 1, scale_ = 0;  // of a decimal for all numbers
};

}  // namespace datalake::cli
