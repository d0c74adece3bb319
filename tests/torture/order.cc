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

std::string ToText(const PublishOrder& order) {
  std::ostringstream text;
  text << order.topic << ' ' << order.who;
  for (const std::string& key : order.keys) text << ' ' << key;
  return text.str();
}

PublishOrder PublishOrderOf(const std::string& text) {
  PublishOrder order;
  std::istringstream words(text);
  words >> order.topic >> order.who;
  for (std::string key; words >> key;) order.keys.push_back(key);
  return order;
}

}  // namespace jammi::test
