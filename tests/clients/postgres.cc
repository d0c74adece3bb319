// A PostgreSQL of a test run's own, for programs that are not in C++: for each line on its standard input a
// new database, whose address is a line on its standard output. It ends with its input, and the server with
// it.
//
//   client_postgres
#include <iostream>
#include <string>

#include "support/pg_server.h"

int main() {
  jammi::test::PgServer server;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << server.Url(server.CreateDatabase()) << std::endl;
  }
}
