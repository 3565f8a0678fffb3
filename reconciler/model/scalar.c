/* The implicit types of YAML 1.1 (yaml.org/type), told by hand from the text alone. Nothing here converts: it
 * only says what another reader would take the text for. */
#include "model/scalar.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char DIGITS[] = "0123456789";

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (**words == *text && strcmp(text, *words) == 0)
			return true;
	return false;
}

static bool is_true(const char *text)
{
	static const char *const words[] = {
		"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
	return is_one_of(text, words);
}

static bool is_false(const char *text)
{
	static const char *const words[] = {
		"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
	return is_one_of(text, words);
}

/* The whole text is of `characters`, and there is at least one. */
static bool is_of(const char *text, const char *characters)
{
	return *text && !text[strspn(text, characters)];
}

/* "190:20:30", and with a fraction "190:20:30.15": base 60. */
static bool is_sexagesimal(const char *text)
{
	size_t first = strspn(text, "0123456789_");
	if (!strchr(DIGITS, *text) || text[first] != ':')
		return false;
	text += first;
	while (*text == ':') {
		size_t digits = strspn(text + 1, DIGITS);
		if (digits < 1 || digits > 2 || (digits == 2 && text[1] > '5'))
			return false;
		text += 1 + digits;
	}
	return !*text || (*text == '.' && !text[1 + strspn(text + 1, "0123456789_")]);
}

static bool is_integer(const char *text)
{
	if (text[0] == '0' && text[1] == 'b')
		return is_of(text + 2, "01_");
	if (text[0] == '0' && text[1] == 'x')
		return is_of(text + 2, "0123456789abcdefABCDEF_");
	return strchr(DIGITS, *text) && is_of(text, "0123456789_");
}

static bool is_float(const char *text)
{
	static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
	if (is_one_of(text, words))
		return true;
	size_t whole = strspn(text, "0123456789_");
	if (text[whole] != '.' || (whole && *text == '_'))
		return false;
	const char *after = text + whole + 1;
	size_t part = strspn(after, "0123456789_");
	if (!whole && !part)
		return false;
	after += part;
	if (!*after)
		return true;
	return (*after == 'e' || *after == 'E') && (after[1] == '+' || after[1] == '-') &&
	       is_of(after + 2, DIGITS);
}

/* 2026-01-31, alone or followed by T or white space and a time. */
static bool is_date(const char *text)
{
	size_t year = strspn(text, DIGITS);
	if (year != 4 || text[4] != '-')
		return false;
	size_t month = strspn(text + 5, DIGITS);
	if (month < 1 || month > 2 || text[5 + month] != '-')
		return false;
	const char *day = text + 6 + month;
	size_t digits = strspn(day, DIGITS);
	if (digits < 1 || digits > 2)
		return false;
	if (!day[digits])
		return month == 2 && digits == 2;
	return strchr("Tt \t", day[digits]) && strchr(DIGITS, day[digits + 1]) && day[digits + 1] &&
	       strchr(day, ':');
}

const char *scalar_other(const struct node *node)
{
	const char *text = node->text;
	if (node->kind == NODE_NULL)
		return "nothing";
	if (node->kind != NODE_SCALAR || node->quoted || !*text)
		return NULL;
	if (is_true(text) || is_false(text))
		return "true or false";
	if (strcmp(text, "<<") == 0 || strcmp(text, "=") == 0)
		return "a key of its own";
	const char *unsigned_text = text + (*text == '-' || *text == '+');
	if (*unsigned_text && (is_integer(unsigned_text) || is_float(unsigned_text)))
		return "a number";
	if (is_sexagesimal(unsigned_text))
		return *unsigned_text == '0' ? NULL : "a number in base 60";
	return is_date(text) ? "a date" : NULL;
}

bool scalar_integer(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-');
	if (!is_of(digits, DIGITS) || (digits[0] == '0' && digits[1]) || strcmp(text, "-0") == 0)
		return false;
	errno = 0;
	long long number = strtoll(text, NULL, 10);
	if (errno)
		return false;
	*out = number;
	return true;
}

const char *scalar_bool_hint(const char *text)
{
	return is_true(text) ? "write true" : is_false(text) ? "write false" : NULL;
}
