/* The table of commands and what follows from it alone: usage, help, suggestions, and the judgement whether a
 * command line fits its command. What a command does stands in the file of its name. */
#include "face/command.h"
#include "face/log.h"
#include "face/manual.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum {
	TAKES_ALWAYS = OPTION(CONFIG) | OPTION(OWNER) | OPTION(OUTPUT) | OPTION(COLOR) | OPTION(VERBOSE) |
		       OPTION(QUIET) | OPTION(LOG_FORMAT) | OPTION(HELP),
	TAKES_HOST = TAKES_ALWAYS | OPTION(HOST) | OPTION(STATE_DIR),
	TAKES_PLAN = TAKES_HOST | OPTION(ALLOW) | OPTION(ONLY) | OPTION(PRUNE) | OPTION(CONSENT) |
		     OPTION(TAKE_OVER),
	TEXT = 1u << OUTPUT_TEXT,
	JSON = 1u << OUTPUT_JSON,
	MARKDOWN = 1u << OUTPUT_MARKDOWN,
	GITHUB = 1u << OUTPUT_GITHUB,
	MAN = 1u << OUTPUT_MAN,
	ANY = -1,
};

static enum exit_code command_explain(struct invocation *);

const struct command command_table[] = {
	{
		.name = "validate",
		.arguments = "[PATH...]",
		.help = "load and check manifests; needs no host",
		.about = "All that is wrong in all files is reported, each with its place, an excerpt and "
			 "often a hint. What other objects a manifest names may stand elsewhere, so a "
			 "reference to nothing is a warning here.",
		.takes = TAKES_HOST,
		.formats = TEXT | JSON | GITHUB,
		.most = ANY,
		.run = command_validate,
	},
	{
		.name = "plan",
		.arguments = "[PATH...]",
		.help = "show what apply would do",
		.about = "It changes nothing and needs no lock. A consent is given to a plan, so give it the "
			 "options that `apply` will have. The marks: `+` created, `~` changed while it runs, "
			 "`!` restarted, stopped or blocked, `-/+` destroyed and created with other "
			 "properties, `-` removed, `?` not known, so that nothing is done.",
		.takes = TAKES_PLAN | OPTION(DETAILED_EXITCODE) | OPTION(FAIL_ON),
		.formats = TEXT | JSON | MARKDOWN | GITHUB,
		.most = ANY,
		.run = command_plan,
	},
	{
		.name = "apply",
		.arguments = "[PATH...]",
		.help = "make the host be what the manifests say, once",
		.about = "It acts and looks again until nothing differs or nothing more may be done. An "
			 "action that failed is tried again with growing pauses; what does not depend on it "
			 "goes on meanwhile. Progress goes to standard error; the result says what is left, "
			 "and why. A first SIGINT, SIGTERM or SIGHUP begins nothing more and waits for what "
			 "runs.",
		.takes = TAKES_PLAN | OPTION(TIMEOUT) | OPTION(FAIL_PENDING),
		.formats = TEXT | JSON,
		.most = ANY,
		.run = command_apply,
	},
	{
		.name = "run",
		.arguments = "[PATH...]",
		.help = "keep the host as the manifests say, until it is told to stop",
		.about = "It looks when a file changes, when Xen says that a domain came or went, and every "
			 "`pollInterval` in any case; SIGHUP makes it look now, SIGTERM and SIGINT end it, "
			 "and it "
			 "may be killed at any moment. An object whose file broke keeps its last good form; "
			 "what "
			 "no manifest names any more is removed after `pruneDelay`. Guests that end by "
			 "themselves "
			 "are made again, and what failed is tried again, both more and more seldom. What "
			 "needs "
			 "`--allow` or `--consent` is left to `apply`. Its log is standard error.",
		.takes = TAKES_HOST & ~OPTION(OUTPUT),
		.formats = TEXT,
		.most = ANY,
		.run = command_run,
	},
	{
		.name = "status",
		.arguments = "[PATH...]",
		.help = "the condition of every object",
		.about = "The conditions are Ready, Reconciling, Stalled, Drifted, RestartRequired, Blocked "
			 "and BaseChanged, each True, False or Unknown.",
		.takes = TAKES_HOST | OPTION(ONLY) | OPTION(CHECK),
		.formats = TEXT | JSON,
		.most = ANY,
		.run = command_status,
	},
	{
		.name = "describe",
		.arguments = "KIND/NAME [PATH...]",
		.help = "everything about one object",
		.about = "That is: its conditions, what is wanted and which line asks for it, what is there, "
			 "its "
			 "disks layer by layer, what differs, what `apply` would do. <KIND> is Domain, "
			 "Volume or Image; an inline volume is Volume/<DOMAIN>-<VDEV>.",
		.takes = TAKES_HOST,
		.formats = TEXT | JSON,
		.least = 1,
		.most = ANY,
		.run = command_describe,
	},
	{
		.name = "snapshot",
		.arguments = "",
		.help = "what is found on this host, as JSON without secrets",
		.about = "A plan can be made against it anywhere, by `--host snapshot:`<FILE>. It reads no "
			 "manifests.",
		.takes = TAKES_HOST,
		.formats = JSON,
		.format = OUTPUT_JSON,
		.run = command_snapshot,
	},
	{
		.name = "gc",
		.arguments = "[PATH...]",
		.help = "list what of ours nothing wants any more; delete it when told to",
		.about =
			"Volumes that no manifest names: what interrupted work left, what is retained, and "
			"what "
			"nobody can tell whose it is, each with the reason why it is kept. `--delete` "
			"deletes "
			"what "
			"interrupted work left, `--delete-retained` the retained volume that it names, under "
			"the "
			"guards, the limit and the consent of `apply`; nothing else deletes anything.",
		.takes = TAKES_HOST | OPTION(DELETE) | OPTION(DELETE_RETAINED) | OPTION(DRY_RUN) |
			 OPTION(CONSENT) | OPTION(TIMEOUT),
		.formats = TEXT | JSON,
		.most = ANY,
		.run = command_gc,
	},
	{
		.name = "render",
		.arguments = "NAME [PATH...]",
		.help = "the xl.cfg that a domain would get, secrets redacted",
		.about = "It is what `apply` would write, byte for byte.",
		.takes = TAKES_HOST,
		.formats = TEXT,
		.least = 1,
		.most = ANY,
		.run = command_render,
	},
	{
		.name = "schema",
		.arguments = "",
		.help = "JSON Schema of the manifests; -o markdown, -o man: their reference",
		.takes = TAKES_ALWAYS,
		.formats = JSON | MARKDOWN | MAN,
		.format = OUTPUT_JSON,
		.run = command_schema,
	},
	{
		.name = "version",
		.arguments = "",
		.help = "the version of this program",
		.takes = TAKES_ALWAYS,
		.formats = TEXT | JSON,
		.run = command_version,
	},
	{
		.name = "help",
		.arguments = "[COMMAND]",
		.help = "this list, or what one command takes; -o man: the manual",
		.takes = TAKES_ALWAYS,
		.formats = TEXT | MAN,
		.most = 1,
		.run = command_explain,
	},
	{0},
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = command_table; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

void command_usage(FILE *out)
{
	fputs("usage: xensteer COMMAND [OPTIONS] [PATH...]\n\n"
	      "PATH: manifest files or folders; default: /etc/xensteer/manifests\n\ncommands:\n",
		out);
	for (const struct command *command = command_table; command->name; command++) {
		int width = fprintf(out, "  %s %s", command->name, command->arguments);

		fprintf(out, "%*s  %s\n", width < 30 ? 30 - width : 0, "", command->help);
	}
	fputs("\n`xensteer help COMMAND` says which options it takes.\n", out);
}

static void print_formats(FILE *out, const struct command *command)
{
	const char *between = ": ";

	for (int format = 0; format < OUTPUTS; format++) {
		if (command->formats & 1u << format) {
			fprintf(out, "%s%s", between, output_name[format]);
			between = ", ";
		}
	}
}

void command_help(FILE *out, const struct command *command)
{
	fprintf(out, "usage: xensteer %s [OPTIONS]%s%s\n\n%s\n\noptions:\n", command->name,
		*command->arguments ? " " : "", command->arguments, command->help);
	for (int id = 0; id < OPTIONS; id++) {
		const struct option_row *row = &option_table[id];
		int width;

		if (!(command->takes & 1u << id))
			continue;
		width = row->letter ? fprintf(out, "  -%c, ", row->letter) : fprintf(out, "      ");
		width += fprintf(
			out, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
		fprintf(out, "%*s  %s", width < 30 ? 30 - width : 0, "", row->help);
		if (id == OPTION_OUTPUT)
			print_formats(out, command);
		fputc('\n', out);
	}
}

enum exit_code command_refuse(struct invocation *invocation, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	report_error(invocation->report, NULL, NULL, NULL, "%s", text);
	return EXIT_USAGE;
}

/* Reports that there is no such command. */
static enum exit_code unknown_command(struct invocation *invocation, const char *name)
{
	const char *names[sizeof command_table / sizeof *command_table];
	size_t count = 0;
	const char *nearest;

	for (const struct command *command = command_table; command->name; command++)
		names[count++] = command->name;
	nearest = text_nearest(name, names, count);
	report_error(invocation->report, NULL, NULL,
		nearest ? arena_format(invocation->arena, "did you mean '%s'?", nearest)
			: "`xensteer help` lists the commands",
		"unknown command '%s'", name);
	return EXIT_USAGE;
}

static enum exit_code command_explain(struct invocation *invocation)
{
	const struct command *command;

	if (invocation->options.output == OUTPUT_MAN) {
		manual_commands(stdout);
		return EXIT_DONE;
	}
	if (!invocation->options.operand_count) {
		command_usage(stdout);
		return EXIT_DONE;
	}
	command = command_find(invocation->options.operands[0]);
	if (!command)
		return unknown_command(invocation, invocation->options.operands[0]);
	command_help(stdout, command);
	return EXIT_DONE;
}

/* Options that the command does not take, a format that it cannot write, too few or too many operands. */
static bool fits(struct invocation *invocation)
{
	const struct command *command = invocation->command;
	struct options *options = &invocation->options;
	uint32_t strange = options->given & ~command->takes;

	for (int id = 0; id < OPTIONS; id++) {
		if (strange & 1u << id)
			command_refuse(
				invocation, "%s does not take --%s", command->name, option_table[id].name);
	}
	if (!(options->given & OPTION(OUTPUT)))
		options->output = command->format;
	else if (!(command->formats & 1u << options->output))
		command_refuse(invocation, "%s cannot write %s", command->name, output_name[options->output]);
	if (options->operand_count < (size_t)command->least)
		command_refuse(invocation, "%s needs an argument: %s", command->name, command->arguments);
	if (command->most != ANY && options->operand_count > (size_t)command->most)
		command_refuse(invocation, "%s takes no argument '%s'", command->name,
			options->operands[command->most]);
	return !report_count(invocation->report, SEVERITY_ERROR);
}

static enum exit_code dispatch(struct invocation *invocation)
{
	struct options *options = &invocation->options;

	if (!options->operand_count && options->given & OPTION(HELP)) {
		command_usage(stdout);
		return EXIT_DONE;
	}
	if (!options->operand_count) {
		command_usage(stderr);
		return EXIT_USAGE;
	}
	invocation->command = command_find(options->operands[0]);
	if (!invocation->command)
		return unknown_command(invocation, options->operands[0]);
	options->operands++;
	options->operand_count--;
	if (options->given & OPTION(HELP)) {
		command_help(stdout, invocation->command);
		return EXIT_DONE;
	}
	return fits(invocation) ? invocation->command->run(invocation) : EXIT_USAGE;
}

void command_flush(struct invocation *invocation)
{
	errno = 0;
	if ((fflush(stdout) != 0 || ferror(stdout)) && !invocation->output_error)
		invocation->output_error = errno ? errno : EIO;
}

/* Closing tells what some file systems keep to themselves until then. */
static enum exit_code finish_output(struct invocation *invocation, enum exit_code code)
{
	command_flush(invocation);
	if (close(STDOUT_FILENO) != 0 && !invocation->output_error)
		invocation->output_error = errno;
	if (!invocation->output_error)
		return code;
	errno = invocation->output_error;
	log_line(&invocation->options, LOG_ERROR, "cannot write the result: %m");
	if (code == EXIT_USAGE)
		return code;
	return invocation->changed ? EXIT_PARTLY : EXIT_ERROR;
}

int command_main(char **argv)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct invocation invocation = {.arena = arena, .report = report};
	enum exit_code code = EXIT_USAGE;

	if (option_parse(arena, argv, &invocation.options, report))
		code = dispatch(&invocation);
	/* A session prints its diagnostics while the files that they point into are alive; what is left is
	 * of the command line. */
	if (!invocation.reported)
		log_report(&invocation.options, report);
	return (int)finish_output(&invocation, code);
}
