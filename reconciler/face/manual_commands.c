/* xensteer(1). What a command does and takes comes from its row, what an option means from the row of the
 * option; the words between them stand here. */
#include "face/command.h"
#include "face/manual.h"
#include "face/roff.h"
#include <ctype.h>
#include <string.h>

static const struct {
	enum exit_code code;
	const char *meaning;
} exits[] = {
	{EXIT_DONE, "Done."},
	{EXIT_ERROR, "An error: manifests that do not load, a host that cannot be seen, a result that could "
		     "not be "
		     "written. Nothing changed."},
	{EXIT_CHANGES, "`plan --detailed-exitcode`: there are changes."},
	{EXIT_LEVEL, "`plan --fail-on`: the plan wants a change of that level."},
	{EXIT_PARTLY, "`apply`, `gc`: some of it was done, some failed."},
	{EXIT_BLOCKED, "`apply`, `gc`: what is left needs your consent or a limit raised; with "
		       "`--fail-pending` also what "
		       "waits for a restart."},
	{EXIT_NOT_READY, "`status --check`: not everything is Ready."},
	{EXIT_USAGE, "The command line itself is wrong."},
};

static const struct {
	const char *path, *meaning;
} files[] = {
	{"/etc/xensteer/manifests", "The manifests, where no <PATH> is given."},
	{"/etc/xensteer/xensteer.yaml",
		"This host's settings: one document of kind Host. It must belong to root, and "
		"only root may write it. Without it all defaults hold."},
	{"/var/lib/xensteer/<OWNER>",
		"Records of domains, the volumes that were made, and status.json, which `run` writes."},
	{"/var/lib/xensteer/images", "Images that manifests name by a relative path."},
	{"/run/xensteer/lock", "Held by the one who changes the host; it names the process."},
};

/* Words as a sentence. What begins with a list of what may be typed stays as it is. */
static const char *sentence(struct arena *arena, const char *words)
{
	char *text = arena_format(arena, "%s.", words);

	const char *second = text + strcspn(text, ", ");

	if (*second != ',' && !text_starts(second, " or "))
		*text = (char)toupper((unsigned char)*text);
	return text;
}

/* A text with each word in capitals in italics: [PATH...] and KIND/NAME are to be filled in. */
static const char *placeholders(struct arena *arena, const char *text)
{
	BUFFER_SCOPED out = {0};

	while (*text) {
		size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (length > 1)
			buffer_format(&out, "<%.*s>", (int)length, text);
		else
			buffer_bytes(&out, text, length = 1);
		text += length;
	}
	return arena_text(arena, buffer_string(&out));
}

/* A list of the commands that take an option, or of those that do not, whichever is shorter. */
static const char *takers(struct arena *arena, int id)
{
	BUFFER_SCOPED out = {0};
	unsigned with = 0, without = 0;

	for (const struct command *command = command_table; command->name; command++)
		command->takes & 1u << id ? with++ : without++;
	if (!without)
		return NULL;
	buffer_text(&out, with <= without ? "Taken by" : "Taken by all commands but");
	for (const struct command *command = command_table; command->name; command++) {
		if (!(command->takes & 1u << id) == (with <= without))
			continue;
		buffer_format(&out, "%s `%s`", out.text[out.size - 1] == '`' ? "," : "", command->name);
	}
	buffer_char(&out, '.');
	return arena_text(arena, buffer_string(&out));
}

/* `plan` [<OPTION>...] [<PATH>...] */
static const char *synopsis(struct arena *arena, const struct command *command)
{
	return arena_format(arena, "`%s` [<OPTION>...]%s%s", command->name, *command->arguments ? " " : "",
		placeholders(arena, command->arguments));
}

static void put_command(FILE *out, struct arena *arena, const struct command *command)
{
	BUFFER_SCOPED text = {0};
	const char *between = " Forms of the result: ";

	buffer_text(&text, sentence(arena, command->help));
	if (command->about)
		buffer_format(&text, " %s", command->about);
	for (int format = 0; format < OUTPUTS && command->formats & (command->formats - 1); format++) {
		if (command->formats & 1u << format) {
			buffer_format(&text, "%s`%s`%s", between, output_name[format],
				(enum output)format == command->format ? " (the default)" : "");
			between = ", ";
		}
	}
	if (*between == ',')
		buffer_char(&text, '.');
	roff_entry(out, synopsis(arena, command));
	roff_text(out, buffer_string(&text));
}

static void put_option(FILE *out, struct arena *arena, int id)
{
	const struct option_row *row = &option_table[id];
	const char *whose = takers(arena, id);
	const char *letter = row->letter ? arena_format(arena, "`-%c`, ", row->letter) : "";
	const char *value = row->value ? arena_format(arena, " %s", placeholders(arena, row->value)) : "";

	roff_entry(out, arena_format(arena, "%s`--%s`%s", letter, row->name, value));
	roff_text(out, arena_format(arena, "%s%s%s", sentence(arena, row->help), whose ? " " : "",
			       whose ? whose : ""));
}

static void put_options(FILE *out, struct arena *arena)
{
	roff_section(out, "OPTIONS");
	roff_text(out,
		"Options may stand anywhere, before the command too; the last of two equal ones counts; "
		"`--` ends them. Long names are not abbreviated. `xensteer help` <COMMAND> lists those "
		"that one command takes.");
	for (int id = 0; id < OPTIONS; id++)
		put_option(out, arena, id);
}

static void put_endings(FILE *out, struct arena *arena)
{
	roff_section(out, "EXIT STATUS");
	for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
		roff_entry(out, arena_format(arena, "`%d`", exits[i].code));
		roff_text(out, exits[i].meaning);
	}
	roff_paragraph(out, "Where several fit, the first of 64, 1, 4, 3, 5, 2, 0 counts.");
	roff_section(out, "ENVIRONMENT");
	roff_entry(out, "`NO_COLOR`");
	roff_text(out, "Where it is set and not empty, nothing is coloured unless `--color` says so.");
	roff_section(out, "FILES");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		roff_entry(out, files[i].path);
		roff_text(out, files[i].meaning);
	}
}

static void put_examples(FILE *out)
{
	roff_section(out, "EXAMPLES");
	roff_text(out, "Check manifests, look at what would be done, do it, and see how it went:");
	roff_example(out, "xensteer validate /etc/xensteer/manifests\n"
			  "xensteer plan\n"
			  "xensteer apply\n"
			  "xensteer status\n");
	roff_paragraph(
		out, "Let one guest be restarted to get what waits for a restart, and touch nothing else:");
	roff_example(out, "xensteer apply --only Domain/web-1 --allow restart\n");
	roff_paragraph(out,
		"Remove more guests at once than the host's limit allows, exactly as the plan showed it:");
	roff_example(out, "xensteer plan\nxensteer apply --consent sha256:a030e32b...\n");
	roff_paragraph(out,
		"Review a change away from the host, in a job that fails if a guest would be made anew:");
	roff_example(out, "xensteer snapshot >host.json\n"
			  "xensteer plan --host snapshot:host.json --fail-on recreate,destroy manifests\n");
	roff_paragraph(out, "Try manifests on a host that is simulated in a folder:");
	roff_example(out, "xensteer apply --host sim:/tmp/sim manifests\n");
}

void manual_commands(FILE *out)
{
	ARENA_SCOPED arena = arena_new();

	roff_page(out, "XENSTEER", 1, version_date, arena_format(arena, "xensteer %s", version_text));
	roff_section(out, "NAME");
	roff_text(out, "xensteer - make a Xen host be what a folder of YAML says");
	roff_section(out, "SYNOPSIS");
	roff_text(out, "`xensteer` <COMMAND> [<OPTION>...] [<PATH>...]");
	roff_section(out, "DESCRIPTION");
	roff_text(out,
		"`xensteer` reads manifests, looks at the host, and works out what has to be done so that "
		"the "
		"host becomes what the manifests say. `plan` shows it, `apply` does it and looks again until "
		"nothing differs. What it did not make, it does not touch; what it cannot see, it concludes "
		"nothing from; what would interrupt a guest it does only where the manifest or an option "
		"allows that.");
	roff_paragraph(out, "A <PATH> is a file or a folder of manifests; several may be given. Without one, "
			    "/etc/xensteer/manifests is read. Their language is in `xensteer.yaml`(5).");
	roff_paragraph(out,
		"What a command found out goes to standard output. Everything else (progress, notes, "
		"warnings, errors) goes to standard error.");
	roff_section(out, "COMMANDS");
	for (const struct command *command = command_table; command->name; command++)
		put_command(out, arena, command);
	put_options(out, arena);
	put_endings(out, arena);
	put_examples(out);
	roff_section(out, "SEE ALSO");
	roff_text(out, "`xensteer.yaml`(5), `xl`(1), `xl.cfg`(5), `qemu-img`(1)");
}
