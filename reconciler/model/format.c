/* The checks behind schema/formats.def, written by hand: a manifest of ten thousand guests asks them a
 * hundred thousand times, and a regular expression library takes longer for that than all other work on the
 * file. Each is_NAME accepts exactly what the pattern of its row accepts; a test holds the two against each
 * other. */
#include "model/format.h"
#include <string.h>

/* Sets of characters, as bits: one byte may be in several. */
enum set {
	DIGIT = 1,
	LOWER = 2,
	UPPER = 4,
	HEX = 8,        /* 0-9 a-f A-F */
	HEX_LOWER = 16, /* 0-9 a-f */
	LETTER = LOWER | UPPER,
	WORD = DIGIT | LETTER,
};

static bool is_in(unsigned char c, unsigned sets, const char *others)
{
	unsigned of = 0;
	if (c >= '0' && c <= '9')
		of = DIGIT | HEX | HEX_LOWER;
	else if (c >= 'a' && c <= 'z')
		of = LOWER | (c <= 'f' ? HEX | HEX_LOWER : 0);
	else if (c >= 'A' && c <= 'Z')
		of = UPPER | (c <= 'F' ? HEX : 0);
	return (of & sets) || (c && strchr(others, c));
}

/* Bytes from the start that are in the sets or among the others. */
static size_t span(const char *text, unsigned sets, const char *others)
{
	size_t length = 0;
	while (is_in((unsigned char)text[length], sets, others))
		length++;
	return length;
}

/* The whole text is of the sets or others, and its length lies in the bounds. */
static bool whole(const char *text, unsigned sets, const char *others, size_t least, size_t most)
{
	size_t length = span(text, sets, others);
	return !text[length] && length >= least && length <= most;
}

static bool has_letter(const char *text, unsigned sets)
{
	for (; *text; text++)
		if (is_in((unsigned char)*text, sets, ""))
			return true;
	return false;
}

static bool is_name(const char *text)
{
	return whole(text, DIGIT | LOWER, ".-", 1, 63) && has_letter(text, LOWER) &&
	       is_in((unsigned char)text[0], DIGIT | LOWER, "") &&
	       is_in((unsigned char)text[strlen(text) - 1], DIGIT | LOWER, "");
}

static bool is_domain_name(const char *text)
{
	return whole(text, WORD, "._-", 1, 63) && has_letter(text, LETTER);
}

static bool is_uuid(const char *text)
{
	static const unsigned char lengths[] = {8, 4, 4, 4, 12};
	for (size_t i = 0; i < sizeof(lengths); i++) {
		if (span(text, HEX_LOWER, "") != lengths[i])
			return false;
		text += lengths[i];
		if (*text != (i + 1 < sizeof(lengths) ? '-' : '\0'))
			return false;
		text++;
	}
	return true;
}

static bool is_path(const char *text)
{
	return text[0] != '~' && whole(text, WORD, "_/.+=@%~-", 1, 1023);
}

static bool is_bootloader(const char *text)
{
	return whole(text, WORD, "_/.+-", 1, 255);
}

static bool is_vdev(const char *text)
{
	size_t prefix = strncmp(text, "xvd", 3) == 0 ? 3 : 2;
	bool is_hd = strncmp(text, "hd", 2) == 0;
	if (prefix == 2 && !is_hd && strncmp(text, "sd", 2) != 0)
		return false;
	text += prefix;
	size_t letters = span(text, LOWER, "");
	if (letters < 1 || letters > (is_hd ? 1 : 2))
		return false;
	text += letters;
	return !*text || (*text != '0' && whole(text, DIGIT, "", 1, 2));
}

static bool is_bridge(const char *text)
{
	return whole(text, WORD, "_.-", 1, 15);
}

static bool is_nic_name(const char *text)
{
	return is_in((unsigned char)*text, LOWER, "") && whole(text, DIGIT | LOWER, "_-", 1, 15);
}

/* `count` pairs of hexadecimal digits with colons between; the first says unicast. */
static bool is_octets(const char *text, int count)
{
	for (int i = 0; i < count; i++) {
		if (span(text, HEX, "") != 2 || (i == 0 && !strchr("02468aceACE", text[1])))
			return false;
		text += 2;
		if (*text != (i + 1 < count ? ':' : '\0'))
			return false;
		text++;
	}
	return true;
}

static bool is_mac(const char *text)
{
	return is_octets(text, 6);
}

static bool is_mac_prefix(const char *text)
{
	return is_octets(text, 3);
}

static bool is_ip(const char *text)
{
	size_t length = span(text, HEX, ".:");
	if (length < 2 || length > 45)
		return false;
	text += length;
	return !*text || (*text == '/' && whole(text + 1, DIGIT, "", 1, 3));
}

static bool is_listen(const char *text)
{
	return whole(text, HEX, ".:", 2, 45);
}

static bool is_cpus(const char *text)
{
	if (strcmp(text, "all") == 0)
		return true;
	for (;;) {
		if (*text == '^')
			text++;
		for (int end = 0; end < 2; end++) {
			size_t digits = span(text, DIGIT, "");
			if (digits < 1 || digits > 4)
				return false;
			text += digits;
			if (end || *text != '-')
				break;
			text++;
		}
		if (!*text)
			return true;
		if (*text++ != ',')
			return false;
	}
}

static bool is_sha256(const char *text)
{
	return whole(text, HEX_LOWER, "", 64, 64);
}

static bool is_xlkey(const char *text)
{
	return is_in((unsigned char)*text, LOWER, "") && whole(text, DIGIT | LOWER, "_", 1, SIZE_MAX);
}

static bool is_line(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool is_pci(const char *text)
{
	if (span(text, HEX_LOWER, "") == 4 && text[4] == ':')
		text += 5;
	return span(text, HEX_LOWER, "") == 2 && text[2] == ':' && (text[3] == '0' || text[3] == '1') &&
	       is_in((unsigned char)text[4], HEX_LOWER, "") && text[5] == '.' && text[6] >= '0' &&
	       text[6] <= '7' && !text[7];
}

static bool is_uri(const char *text)
{
	if (!is_in((unsigned char)*text, LOWER, ""))
		return false;
	text += span(text, DIGIT | LOWER, "+");
	return *text == ':' && whole(text + 1, WORD, "_/.:%=?@+-", 0, SIZE_MAX);
}

static bool is_time(const char *text)
{
	static const char shape[] = "0000-00-00T00:00:00Z";
	for (size_t i = 0; i < sizeof(shape); i++)
		if (shape[i] == '0' ? !is_in((unsigned char)text[i], DIGIT, "") : text[i] != shape[i])
			return false;
	return true;
}

static bool is_lvm(const char *text)
{
	return *text && !strchr("+-", *text) && whole(text, WORD, "_.+-", 1, 63);
}

static bool is_hlfs_uri(const char *text)
{
	static const char local[] = "local://", hdfs[] = "hdfs://";
	if (strnlen(text, 121) > 120)
		return false;
	if (strncmp(text, local, sizeof(local) - 1) == 0)
		text += sizeof(local) - 1;
	else if (strncmp(text, hdfs, sizeof(hdfs) - 1) == 0) {
		text += sizeof(hdfs) - 1;
		size_t host = span(text, WORD, ".-");
		if (memchr(text, '_', host))
			return false;
		text += host;
		if (host && *text == ':') {
			size_t port = span(text + 1, DIGIT, "");
			if (port < 1 || port > 5)
				return false;
			text += 1 + port;
		}
	} else
		return false;
	int names = 0;
	for (; *text == '/'; names++) {
		size_t size = span(text + 1, WORD, "_.+-");
		if (!size)
			return false;
		text += 1 + size;
	}
	return !*text && names >= 2;
}

#define FORMAT(NAME, PATTERN, EXPECTED)                                                                      \
	const struct format format_##NAME = {                                                                \
		.name = #NAME, .pattern = PATTERN, .expected = EXPECTED, .is = is_##NAME};
#include "schema/formats.def"
#undef FORMAT

const struct format *const formats[] = {
#define FORMAT(NAME, PATTERN, EXPECTED) &format_##NAME,
#include "schema/formats.def"
#undef FORMAT
};
const size_t format_count = sizeof(formats) / sizeof(*formats);
