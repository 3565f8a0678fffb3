/* Options: one row per option of the command line. From the rows come the parser, the help and the
 * suggestions. Values are checked here, so that a command only ever sees good ones; whether a command takes
 * an option at all is judged by command.c. */
#pragma once
#include "base/report.h"
#include "model/schema.h"

enum option_id {
	OPTION_HOST,
	OPTION_CONFIG,
	OPTION_STATE_DIR,
	OPTION_OWNER,
	OPTION_OUTPUT,
	OPTION_COLOR,
	OPTION_VERBOSE,
	OPTION_QUIET,
	OPTION_LOG_FORMAT,
	OPTION_HELP,
	OPTION_DETAILED_EXITCODE,
	OPTION_FAIL_ON,
	OPTION_ALLOW,
	OPTION_ONLY,
	OPTION_PRUNE,
	OPTION_CONSENT,
	OPTION_TAKE_OVER,
	OPTION_TIMEOUT,
	OPTION_FAIL_PENDING,
	OPTION_CHECK,
	OPTION_DELETE,
	OPTION_DELETE_RETAINED,
	OPTION_DRY_RUN,
	OPTIONS
};
/* A set of options: bit N is option N. */
#define OPTION(id) (1u << OPTION_##id)

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_MARKDOWN, OUTPUT_GITHUB, OUTPUT_MAN, OUTPUTS };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum log_format { LOG_TEXT, LOG_JSON };
enum prune { PRUNE_UNSAID, PRUNE_NO, PRUNE_YES };

/* What the command line says. Texts belong to argv. */
struct options {
	uint32_t given; /* options that stood there */
	const char *host, *config, *state_dir, *owner;
	enum output output; /* the command's default where none was given */
	enum color color;
	enum log_format log_format;
	bool verbose, quiet;
	bool stamped; /* set by a command that stays: its lines of text begin with the time */
	bool detailed_exitcode, take_over, fail_pending, check, delete, dry_run;
	uint32_t fail_on; /* bit N: level N */
	enum level allow;
	enum prune prune;
	const char *only, *consent;
	int64_t timeout;       /* seconds; 0: none */
	const char **retained; /* every --delete-retained, in the given order */
	size_t retained_count;
	const char **operands; /* everything that is no option, NULL-terminated, in the given order */
	size_t operand_count;
};

struct option_row {
	const char *name;  /* without the dashes */
	char letter;       /* 0: none */
	const char *value; /* word for the help; NULL: a switch */
	const char *help;
	/* Takes the value (NULL for a switch). NULL if it is good, else how a good one looks: ends "expected
	 * ...". */
	const char *(*take)(struct options *, const char *value);
};
extern const struct option_row option_table[OPTIONS];
extern const char *const output_name[OUTPUTS];

/* Reads argv from 1 on. false after a diagnostic in the report: then the exit is 64. */
bool option_parse(struct arena *, char **argv, struct options *, struct report *)
	__attribute__((warn_unused_result));
