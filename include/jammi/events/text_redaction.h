// Takes credentials out of addresses and of text that quotes them. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace jammi::events {

// `text` without user names and passwords of addresses. A text that is one address with credentials in front
// of its host comes back without them, its scheme in lower case (http, https, ws, wss, ftp: the host too,
// without the scheme's own port, and with a path). In every other text what stands between "://" and the last
// '@' before white space, a quote, or the next address of a list becomes "<redacted>", and so does the
// "user:password" of a word user:password@host. A harmless '@' in a path is taken for the end of a password:
// better so. In a query the values of names like password and token become "<redacted>".
[[nodiscard]] std::string RedactUrlCredentials(std::string_view text);

// `text` with every exact occurrence of `raw_url` in its redacted form, and then without the credentials of
// other addresses. For error messages of a connection to `raw_url`, which may be empty.
[[nodiscard]] std::string RedactUrlInText(std::string_view text, std::string_view raw_url);

}  // namespace jammi::events
