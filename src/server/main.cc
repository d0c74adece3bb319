#include <iostream>

#include "server/process.h"

int main(int argc, char** argv) { return jammi::RunServer(argc, argv, std::cout, std::cerr); }
