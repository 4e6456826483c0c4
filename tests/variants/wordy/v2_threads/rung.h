#define RUNG 2
