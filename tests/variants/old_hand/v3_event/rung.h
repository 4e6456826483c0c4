#define RUNG 3
