static const enum style head_style = STAMPED;
enum { ROOM = 1, LINES = 0, QUIT = 0, TOP = FOREVER };
