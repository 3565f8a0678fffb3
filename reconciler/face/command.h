/* Commands: one row per command. From the rows come dispatch, usage, help and suggestions. Exit codes are a
 * contract with other programs (docs/cli.md). */
#pragma once
#include "face/option.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_ERROR = 1,     /* nothing was changed */
	EXIT_CHANGES = 2,   /* plan --detailed-exitcode */
	EXIT_LEVEL = 3,     /* plan --fail-on */
	EXIT_PARTLY = 4,    /* apply, gc: partly done, or gave up */
	EXIT_BLOCKED = 5,   /* apply, gc: limits, or --allow */
	EXIT_NOT_READY = 6, /* status --check */
	EXIT_USAGE = 64,
};

/* What a command works with: the command line, memory for the whole run, and where diagnostics go. */
struct invocation {
	const struct command *command;
	struct options options; /* operands: without the command's own name */
	struct arena *arena;
	struct report *report;
	bool reported;    /* somebody has printed the report already */
	bool changed;     /* apply: something was done */
	int output_error; /* errno of the first failure to write a result; 0: none */
};

struct command {
	const char *name, *arguments, *help;
	const char *about;  /* further sentences for the manual; NULL: the help says it all */
	uint32_t takes;     /* OPTION() bits */
	uint32_t formats;   /* 1u << OUTPUT_... bits that -o may name; 0: there is no choice */
	enum output format; /* without -o */
	int least, most;    /* operands; most -1: any number */
	enum exit_code (*run)(struct invocation *);
};

/* Which program this is, and when it became that. */
extern const char version_text[], version_date[];

/* Every command, ended by a row without a name. */
extern const struct command command_table[];

/* The program after main: reads argv, finds the command, runs it. The exit status. */
int command_main(char **argv);
/* Writes out what was printed so far, so that it stands before what goes to standard error next. A failure is
 * kept in the invocation: the end of the program says it and exits accordingly. */
void command_flush(struct invocation *);
/* What `xensteer help` and `xensteer help COMMAND` print. */
void command_usage(FILE *);
void command_help(FILE *, const struct command *);
const struct command *command_find(const char *name);
/* The one place where a usage error inside a command is said. Returns EXIT_USAGE. */
enum exit_code command_refuse(struct invocation *, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

enum exit_code command_validate(struct invocation *);
enum exit_code command_plan(struct invocation *);
enum exit_code command_apply(struct invocation *);
enum exit_code command_gc(struct invocation *);
enum exit_code command_run(struct invocation *);
enum exit_code command_status(struct invocation *);
enum exit_code command_describe(struct invocation *);
enum exit_code command_snapshot(struct invocation *);
enum exit_code command_render(struct invocation *);
enum exit_code command_schema(struct invocation *);
enum exit_code command_version(struct invocation *);
