"""Commands: one module each, loaded when it is called. They parse, call and print; the work is elsewhere."""
