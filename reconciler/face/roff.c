/* In come plain words, out goes roff that no formatter can misread: every character that means something to
 * it is written by its name, and no line begins with a control character. Lines are broken behind sentences
 * and before they get long, so that a change of a word shows as one in a diff. */
#include "face/roff.h"
#include "base/text.h"
#include <string.h>

enum { COLUMNS = 79 };

/* `exact`: it is copied as it is typed, so its dashes must not become hyphens. */
static void put_char(struct buffer *out, char letter, bool exact)
{
	static const struct {
		char letter;
		const char *name;
	} special[] = {{'\\', "\\(rs"}, {'^', "\\(ha"}, {'~', "\\(ti"}, {'`', "\\(ga"}, {'\'', "\\(aq"}};

	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		if (special[i].letter == letter) {
			buffer_text(out, special[i].name);
			return;
		}
	}
	buffer_text(out, letter == '-' && exact ? "\\" : "");
	buffer_char(out, letter);
}

/* Is it a path or something to be typed? Then it is not to be divided at the end of a line. */
static bool is_whole(const char *word, size_t length, char font)
{
	return font == '`' || memchr(word, '/', length) || memchr(word, '`', length);
}

/* A word of `length` letters; the font goes on into the next. */
static void put_word(struct buffer *out, const char *word, size_t length, char *font)
{
	char before = '-';

	buffer_text(out, is_whole(word, length, *font) ? "\\%" : *word == '.' ? "\\&" : "");
	for (size_t i = 0; i < length; before = word[i++]) {
		if (word[i] == '`' || (word[i] == '<' && *font != '`') || (word[i] == '>' && *font == '<')) {
			buffer_text(out, *font ? "\\fP" : word[i] == '`' ? "\\fB" : "\\fI");
			*font = (char)(*font ? '\0' : word[i]);
		} else {
			put_char(out, word[i], *font == '`' || before == '-');
		}
	}
}

static bool ends_sentence(char last)
{
	return last == '.' || last == ':' || last == '?';
}

/* In lines of `columns`; 0: on one. */
static void put_words(FILE *out, const char *text, size_t columns)
{
	size_t column = 0;
	char font = '\0', last = '\0';

	for (const char *word = text; *word; word += strspn(word, " ")) {
		BUFFER_SCOPED written = {0};
		const size_t length = strcspn(word, " ");

		put_word(&written, word, length, &font);
		if (column && columns && (column + 1 + written.size > columns || ends_sentence(last))) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%s", column ? " " : "", buffer_string(&written));
		last = word[length - 1];
		word += length;
	}
	fputc('\n', out);
}

/* An argument of a request: in quotes. */
static void put_argument(FILE *out, const char *text)
{
	BUFFER_SCOPED argument = {0};

	for (; *text; text++) {
		if (*text == '"')
			buffer_text(&argument, "\\(dq");
		else
			put_char(&argument, *text, false);
	}
	fprintf(out, " \"%s\"", buffer_string(&argument));
}

void roff_page(FILE *out, const char *name, int section, const char *date, const char *version)
{
	fprintf(out, ".TH");
	put_argument(out, name);
	fprintf(out, " %d", section);
	put_argument(out, date);
	put_argument(out, version);
	fputc('\n', out);
}

void roff_section(FILE *out, const char *title)
{
	fputs(".SH", out);
	put_argument(out, title);
	fputc('\n', out);
}

void roff_subsection(FILE *out, const char *title)
{
	fputs(".SS", out);
	put_argument(out, title);
	fputc('\n', out);
}

void roff_paragraph(FILE *out, const char *text)
{
	fputs(".PP\n", out);
	roff_text(out, text);
}

void roff_text(FILE *out, const char *text)
{
	put_words(out, text, COLUMNS);
}

void roff_entry(FILE *out, const char *tag)
{
	fputs(".TP\n", out);
	put_words(out, tag, 0);
}

void roff_open(FILE *out)
{
	fputs(".RS\n", out);
}

void roff_close(FILE *out)
{
	fputs(".RE\n", out);
}

void roff_example(FILE *out, const char *lines)
{
	BUFFER_SCOPED written = {0};

	for (bool begins = true; *lines; lines++) {
		buffer_text(&written, begins && *lines == '.' ? "\\&" : "");
		put_char(&written, *lines, true);
		begins = *lines == '\n';
	}
	fprintf(out, ".PP\n.RS 4\n.EX\n%s.EE\n.RE\n", buffer_string(&written));
}
