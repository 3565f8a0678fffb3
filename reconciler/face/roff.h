/* Manual pages: text and the few requests of man(7) that they need. In a text, `this` is set bold and <this>
 * in italics; everything else stands for itself, whatever it means to roff. */
#pragma once
#include <stdio.h>

/* The head of a page: its name, its section, the date and the version that it is of. */
void roff_page(FILE *, const char *name, int section, const char *date, const char *version);
void roff_section(FILE *, const char *title);
void roff_subsection(FILE *, const char *title);
/* A paragraph, filled; and one that goes on where the last text ended. */
void roff_paragraph(FILE *, const char *text);
void roff_text(FILE *, const char *text);
/* An entry of a list: its tag on a line; its text follows. More of the same entry stands in a block. */
void roff_entry(FILE *, const char *tag);
void roff_open(FILE *);
void roff_close(FILE *);
/* Lines as they are. */
void roff_example(FILE *, const char *lines);
