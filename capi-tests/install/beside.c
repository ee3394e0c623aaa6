/* program.c, with another Rust library in the same program. */
#define main program_main
#include "program.c"
#undef main

int other_rust_library(void);

int
main(void) {
  return other_rust_library() == 1 ? program_main() : 1;
}
