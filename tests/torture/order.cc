#include "torture/order.h"

#include <sstream>

namespace jammi::test {

std::string ToText(const CursorOrder& order) {
  std::ostringstream text;
  text << order.cursor << ' ' << order.topic << ' ' << order.who << ' ' << order.predicate << ' '
       << static_cast<int>(order.start) << ' ' << order.offset;
  return text.str();
}

CursorOrder CursorOrderOf(const std::string& text) {
  CursorOrder order;
  int start = 0;
  std::istringstream words(text);
  words >> order.cursor >> order.topic >> order.who >> order.predicate >> start >> order.offset;
  order.start = static_cast<CursorOrder::Start>(start);
  return order;
}

}  // namespace jammi::test
