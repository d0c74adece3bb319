// ${NAME} in a configuration file: replaced before the text is parsed as TOML, and so that a value can
// never become anything but the text of the string it stands in (docs/decisions/).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/config.h"

namespace jammi {

struct TextPosition {
  int line = 0;    // 1-based
  int column = 0;  // 1-based, in code points
};

struct InterpolationProblem {
  std::string message;
  TextPosition at;
};

// Where replacements have moved text, to speak of the file as its author sees it.
class SourceMap {
 public:
  struct Replacement {
    TextPosition before;     // of its first character, in the file
    TextPosition after;      // the same in the result
    int length_before = 0;   // in code points
    int length_after = 0;    //
    std::string name;        // of the variable; empty for `$$`
    bool in_string = false;  // else the value stands for TOML itself
  };

  void Add(Replacement replacement) { replacements_.push_back(std::move(replacement)); }
  // The place in the file of a place in the result. No replacement adds or removes a line.
  [[nodiscard]] TextPosition ToFile(TextPosition in_result) const;
  // A variable whose value stands for TOML itself in this line; empty if there is none.
  [[nodiscard]] std::string BareVariable(int line) const;

 private:
  std::vector<Replacement> replacements_;  // in the order of the text
};

struct Interpolated {
  std::string text;
  SourceMap map;
  std::vector<InterpolationProblem> problems;  // not empty: the text is of no use
};

// One pass from left to right: `${NAME}` becomes the variable's value, `$$` a `$`, any other `$` stays;
// values are not scanned again, comments are left alone. A problem: a variable that is not set (set but
// empty is fine) or no UTF-8, a name that is none, `${` without `}`, a value that its place cannot hold.
[[nodiscard]] Interpolated Interpolate(std::string_view text, const Environment& environment);

}  // namespace jammi
