/* Uses brickprof/tile.h as C and as C++; exits with 0 when a recorder that is off does nothing. */
#include <brickprof/tile.h>

int main(void) {
    bp_recorder *off = NULL;
    bp_start(off, BP_MACRO, 0, 0);
    bp_stop(off, 1, 2, BP_UNDECLARED);
    return bp_read_clock(BP_CLOCK_GETTIME) == 0;
}
