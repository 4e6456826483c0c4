static const enum style head_style = STAMPED;
enum { ROOM = 0, LINES = 0, QUIT = 0, TOP = FOREVER };
