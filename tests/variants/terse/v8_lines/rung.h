static const enum style head_style = STAMPED;
enum { ROOM = 1, LINES = 1, QUIT = 1, TOP = 65536 };
