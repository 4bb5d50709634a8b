"""The line: objects of both sides in cells, by lane, resumed after a cut."""
