# Written with the library.
