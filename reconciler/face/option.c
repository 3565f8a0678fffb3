/* In comes argv, out comes struct options. Options stand anywhere, before or after the operands; `--` ends
 * them; the last of two equal ones wins; long names are never abbreviated, because scripts outlive the moment
 * at which an abbreviation was unique. */
#include "face/option.h"
#include "model/quantity.h"
#include <string.h>

const char *const output_name[OUTPUTS] = {
	[OUTPUT_TEXT] = "text",
	[OUTPUT_JSON] = "json",
	[OUTPUT_MARKDOWN] = "markdown",
	[OUTPUT_GITHUB] = "github",
	[OUTPUT_MAN] = "man",
};

static const char *take_word(
	const char *value, const char *const *words, size_t count, const char *expected, int *found)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(value, words[i]) == 0) {
			*found = (int)i;
			return NULL;
		}
	}
	return expected;
}

static const char *take_host(struct options *options, const char *value)
{
	options->host = value;
	return *value ? NULL : "xen, sim:DIR or snapshot:FILE";
}

static const char *take_config(struct options *options, const char *value)
{
	options->config = value;
	return *value ? NULL : "a file";
}

static const char *take_state_dir(struct options *options, const char *value)
{
	options->state_dir = value;
	/* its path is recorded, in JSON */
	return *value && text_utf8(value, strlen(value)) ? NULL : "a folder, in UTF-8";
}

static const char *take_owner(struct options *options, const char *value)
{
	const struct format *format = type_field(&type_HostSpec, "owner")->format;

	options->owner = value;
	return format->is(value) ? NULL : format->expected;
}

static const char *take_output(struct options *options, const char *value)
{
	int found = OUTPUT_TEXT;
	const char *expected =
		take_word(value, output_name, OUTPUTS, "text, json, markdown, github or man", &found);

	options->output = (enum output)found;
	return expected;
}

static const char *take_color(struct options *options, const char *value)
{
	static const char *const words[] = {"auto", "always", "never"};
	int found = COLOR_AUTO;
	const char *expected = take_word(value, words, 3, "auto, always or never", &found);

	options->color = (enum color)found;
	return expected;
}

static const char *take_verbose(struct options *options, const char *value)
{
	(void)value;
	options->verbose = true;
	return NULL;
}

static const char *take_quiet(struct options *options, const char *value)
{
	(void)value;
	options->quiet = true;
	return NULL;
}

static const char *take_log_format(struct options *options, const char *value)
{
	static const char *const words[] = {"text", "json"};
	int found = LOG_TEXT;
	const char *expected = take_word(value, words, 2, "text or json", &found);

	options->log_format = (enum log_format)found;
	return expected;
}

static const char *take_help(struct options *options, const char *value)
{
	(void)options;
	(void)value;
	return NULL;
}

static const char *take_detailed_exitcode(struct options *options, const char *value)
{
	(void)value;
	options->detailed_exitcode = true;
	return NULL;
}

#define LEVEL_WORDS "none, live, reattach, restart, stop, recreate, destroy or data-loss"

static const char *take_fail_on(struct options *options, const char *value)
{
	options->fail_on = 0;
	for (;;) {
		size_t length = strcspn(value, ",");
		bool found = false;

		for (int level = 0; level < level_CHOICES; level++) {
			if (strlen(choice_level[level]) == length &&
				strncmp(choice_level[level], value, length) == 0) {
				options->fail_on |= 1u << level;
				found = true;
			}
		}
		if (!found)
			return "levels with commas between: " LEVEL_WORDS;
		if (!value[length])
			return NULL;
		value += length + 1;
	}
}

static const char *take_allow(struct options *options, const char *value)
{
	int level = choice_find(choice_level, value);

	options->allow = level < 0 ? level_none : (enum level)level;
	return level < 0 ? LEVEL_WORDS : NULL;
}

static const char *take_only(struct options *options, const char *value)
{
	const struct format *name = type_field(&type_Metadata, "name")->format;
	const char *slash = strchr(value, '/');

	options->only = value;
	if (slash && name->is(slash + 1) && (text_starts(value, "Domain/") || text_starts(value, "Volume/")))
		return NULL;
	return "Domain/NAME or Volume/NAME";
}

static const char *take_prune(struct options *options, const char *value)
{
	options->prune = strcmp(value, "true") == 0 ? PRUNE_YES : PRUNE_NO;
	return options->prune == PRUNE_YES || strcmp(value, "false") == 0 ? NULL : "true or false";
}

static const char *take_consent(struct options *options, const char *value)
{
	static const char prefix[] = "sha256:";
	const size_t start = sizeof prefix - 1;

	options->consent = value;
	if (text_starts(value, prefix) && strlen(value) == start + 64 &&
		strspn(value + start, "0123456789abcdef") == 64)
		return NULL;
	return "the digest of a plan: sha256: and 64 hexadecimal digits";
}

static const char *take_take_over(struct options *options, const char *value)
{
	(void)value;
	options->take_over = true;
	return NULL;
}

static const char *take_timeout(struct options *options, const char *value)
{
	const char *expected = "a duration such as 90s, 10m or 1h";

	if (!duration_parse(value, &options->timeout, &expected))
		return expected;
	return options->timeout > 0 ? NULL : "a duration longer than none, such as 90s, 10m or 1h";
}

static const char *take_fail_pending(struct options *options, const char *value)
{
	(void)value;
	options->fail_pending = true;
	return NULL;
}

static const char *take_check(struct options *options, const char *value)
{
	(void)value;
	options->check = true;
	return NULL;
}

static const char *take_delete(struct options *options, const char *value)
{
	(void)value;
	options->delete = true;
	return NULL;
}

static const char *take_delete_retained(struct options *options, const char *value)
{
	const char *name = text_starts(value, "Volume/") ? value + strlen("Volume/") : value;

	options->retained[options->retained_count++] = name;
	return type_field(&type_Metadata, "name")->format->is(name) ? NULL
								    : "the name or the uid of a volume";
}

static const char *take_dry_run(struct options *options, const char *value)
{
	(void)value;
	options->dry_run = true;
	return NULL;
}

const struct option_row option_table[OPTIONS] = {
	[OPTION_HOST] = {"host", 0, "HOST",
		"xen, sim:DIR or snapshot:FILE; default: xen where /proc/xen exists", take_host},
	[OPTION_CONFIG] = {"config", 0, "FILE", "this host's settings; default: /etc/xensteer/xensteer.yaml",
		take_config},
	[OPTION_STATE_DIR] = {"state-dir", 0, "DIR", "records and volumes; default: /var/lib/xensteer/OWNER",
		take_state_dir},
	[OPTION_OWNER] = {"owner", 0, "NAME", "part of every uid; default: what the settings say",
		take_owner},
	[OPTION_OUTPUT] = {"output", 'o', "FORMAT", "form of the result", take_output},
	[OPTION_COLOR] = {"color", 0, "WHEN", "auto, always or never; NO_COLOR is honoured", take_color},
	[OPTION_VERBOSE] = {"verbose", 'v', NULL, "log more", take_verbose},
	[OPTION_QUIET] = {"quiet", 'q', NULL, "log warnings and errors only", take_quiet},
	[OPTION_LOG_FORMAT] = {"log-format", 0, "FORMAT", "text or json, for what goes to standard error",
		take_log_format},
	[OPTION_HELP] = {"help", 'h', NULL, "say what the command does and takes", take_help},
	[OPTION_DETAILED_EXITCODE] = {"detailed-exitcode", 0, NULL, "exit 2 if there are changes",
		take_detailed_exitcode},
	[OPTION_FAIL_ON] = {"fail-on", 0, "LEVEL[,..]", "exit 3 if such a change is wanted, allowed or not",
		take_fail_on},
	[OPTION_ALLOW] = {"allow", 0, "LEVEL",
		"side effects up to this one, for this run; from recreate up apply wants "
		"--only or --consent too",
		take_allow},
	[OPTION_ONLY] = {"only", 0, "KIND/NAME", "this object and the volumes it needs; never prunes",
		take_only},
	[OPTION_PRUNE] = {"prune", 0, "BOOL",
		"remove what is no longer wanted; default: true for folders, false for files", take_prune},
	[OPTION_CONSENT] = {"consent", 0, "DIGEST", "do what the plan of this digest is stopped from doing",
		take_consent},
	[OPTION_TAKE_OVER] = {"take-over", 0, NULL, "also objects that came from another source root",
		take_take_over},
	[OPTION_TIMEOUT] = {"timeout", 0, "DURATION", "give up after this time, such as 10m", take_timeout},
	[OPTION_FAIL_PENDING] = {"fail-pending", 0, NULL, "exit 5 if restarts are left staged",
		take_fail_pending},
	[OPTION_DELETE] = {"delete", 0, NULL, "delete what interrupted work left", take_delete},
	[OPTION_DELETE_RETAINED] = {"delete-retained", 0, "VOLUME",
		"delete this retained volume too, by name or uid; may be given several times",
		take_delete_retained},
	[OPTION_DRY_RUN] = {"dry-run", 0, NULL, "show what would be deleted, and delete nothing",
		take_dry_run},
	[OPTION_CHECK] = {"check", 0, NULL, "exit 6 unless all objects are Ready", take_check},
};

static int option_named(const char *name, size_t length)
{
	for (int id = 0; id < OPTIONS; id++) {
		if (strlen(option_table[id].name) == length &&
			strncmp(option_table[id].name, name, length) == 0)
			return id;
	}
	return -1;
}

static int option_lettered(char letter)
{
	for (int id = 0; id < OPTIONS; id++) {
		if (option_table[id].letter == letter)
			return id;
	}
	return -1;
}

static bool unknown_option(struct arena *arena, const char *argument, struct report *report)
{
	const char *names[OPTIONS];
	const char *name = argument + strspn(argument, "-");
	const char *nearest;

	for (int id = 0; id < OPTIONS; id++)
		names[id] = option_table[id].name;
	nearest = text_nearest(arena_copy(arena, name, strcspn(name, "=")), names, OPTIONS);
	return report_error(report, NULL, NULL,
		nearest ? arena_format(arena, "did you mean '--%s'?", nearest) : NULL,
		"unknown option '%.*s'", (int)strcspn(argument, "="), argument);
}

static bool option_give(
	struct options *options, int id, const char *spelling, const char *value, struct report *report)
{
	const char *expected = option_table[id].take(options, value);

	options->given |= 1u << id;
	if (expected)
		return report_error(report, NULL, NULL, NULL, "%s: '%s' is no %s; expected %s", spelling,
			value, option_table[id].value, expected);
	return true;
}

/* One --NAME or --NAME=VALUE; *argv moves on where the value is the next argument. */
static bool parse_long(struct arena *arena, char ***argv, struct options *options, struct report *report)
{
	const char *argument = **argv;
	size_t length = strcspn(argument + 2, "=");
	const char *value = argument[2 + length] ? argument + 2 + length + 1 : NULL;
	int id = option_named(argument + 2, length);
	const char *spelling = arena_copy(arena, argument, 2 + length);

	if (id < 0)
		return unknown_option(arena, argument, report);
	if (!option_table[id].value && value)
		return report_error(report, NULL, NULL, NULL, "%s takes no value", spelling);
	if (option_table[id].value && !value) {
		value = (*argv)[1];
		if (!value)
			return report_error(report, NULL, NULL, NULL, "%s needs a value: %s", spelling,
				option_table[id].value);
		(*argv)++;
	}
	return option_give(options, id, spelling, value, report);
}

/* Letters behind one dash: switches together (-vq), a value in the same argument or the next one (-ojson, -o
 * json). */
static bool parse_letters(struct arena *arena, char ***argv, struct options *options, struct report *report)
{
	const char *argument = **argv;

	for (const char *letter = argument + 1; *letter; letter++) {
		int id = option_lettered(*letter);
		const char *spelling = arena_format(arena, "-%c", *letter);

		if (id < 0)
			return unknown_option(arena, argument, report);
		if (option_table[id].value) {
			const char *value = letter[1] ? letter + 1 + (letter[1] == '=') : (*argv)[1];

			if (!value)
				return report_error(report, NULL, NULL, NULL, "%s needs a value: %s",
					spelling, option_table[id].value);
			if (!letter[1])
				(*argv)++;
			return option_give(options, id, spelling, value, report);
		}
		if (!option_give(options, id, spelling, NULL, report))
			return false;
	}
	return true;
}

bool option_parse(struct arena *arena, char **argv, struct options *options, struct report *report)
{
	size_t count = 0;
	bool ended = false, good = true;

	while (argv[count])
		count++;
	*options = (struct options){
		.operands = arena_array(arena, const char *, count + 1),
		.retained = arena_array(arena, const char *, count + 1),
	};
	for (argv += *argv ? 1 : 0; *argv; argv++) {
		if (ended || (*argv)[0] != '-' || !(*argv)[1])
			options->operands[options->operand_count++] = *argv;
		else if (strcmp(*argv, "--") == 0)
			ended = true;
		else if ((*argv)[1] == '-')
			good &= parse_long(arena, &argv, options, report);
		else
			good &= parse_letters(arena, &argv, options, report);
	}
	return good;
}
