/* A plan for people: a line per changed object with its mark, below it what is made or which fields differ,
 * each with the place in the manifests that asks for it; then one line that counts. Columns line up within an
 * object. */
#include "face/plan_print.h"
#include "face/wording.h"
#include <inttypes.h>
#include <string.h>

enum {
	OBJECT_WIDTH = 26, /* mark and object */
	PATH_WIDTH = 8,    /* of a field, at least */
	PLACE_COLUMN = 49, /* where FILE:LINE:COLUMN begins, where there is room */
};

struct printer {
	FILE *out;
	const struct plan_view *view;
	struct arena *arena;
};

static const char *color_of(const struct printer *printer, const char *mark)
{
	if (!printer->view->color)
		return "";
	switch (*mark) {
	case '+':
		return "\033[32m";
	case '~':
		return "\033[33m";
	case '-':
		return "\033[31m";
	default:
		return "\033[35m";
	}
}

static const char *color_end(const struct printer *printer)
{
	return printer->view->color ? "\033[0m" : "";
}

static void pad(FILE *out, int width)
{
	fprintf(out, "%*s", width > 2 ? width : 2, "");
}

static void head_line(const struct printer *printer, const struct change *change)
{
	BUFFER_SCOPED text = {0};
	const char *mark = wording_mark(change);

	fprintf(printer->out, "%s%s%s %s", color_of(printer, mark), mark, color_end(printer), change->object);
	pad(printer->out, OBJECT_WIDTH - (int)(strlen(mark) + 1 + strlen(change->object)));
	wording_change(&text, change);
	fprintf(printer->out, "%s\n", buffer_string(&text));
}

static void made_line(
	const struct printer *printer, const char *kind, const char *name, int width, const char *text)
{
	fprintf(printer->out, "    %s+%s %-6s  %-*s  %s\n", color_of(printer, "+"), color_end(printer), kind,
		width, name, text);
}

static bool volume_is_made(const struct printer *printer, const struct wanted_volume *volume)
{
	const struct HaveVolume *found = have_volume(printer->view->have, volume->uid);

	return !found || found->state == volume_state_partial;
}

/* The inline volumes of a domain that are made with it, in the order of its disks. */
static struct list made_volumes(const struct printer *printer, const struct wanted_domain *domain)
{
	struct list made = {0};

	for (uint32_t i = 0; i < domain->disks.count; i++) {
		struct wanted_volume *volume = ((const struct wanted_disk *)domain->disks.item[i])->volume;

		if (volume && volume->vdev && volume_is_made(printer, volume))
			list_add(printer->arena, &made, volume);
	}
	return made;
}

static bool makes_drive(const struct change *change)
{
	for (uint32_t i = 0; i < change->actions.count; i++)
		if (((const struct action *)change->actions.item[i])->verb == verb_config_create)
			return true;
	return false;
}

static void made_lines(const struct printer *printer, const struct change *change)
{
	struct list volumes = {0};
	int width = (int)strlen(wording_name(change->object));

	if (change->domain)
		volumes = made_volumes(printer, change->domain);
	else if (change->volume)
		list_add(printer->arena, &volumes, (void *)change->volume);
	for (uint32_t i = 0; i < volumes.count; i++) {
		int length = (int)strlen(((const struct wanted_volume *)volumes.item[i])->name);

		width = length > width ? length : width;
	}
	for (uint32_t i = 0; i < volumes.count; i++) {
		const struct wanted_volume *volume = volumes.item[i];
		BUFFER_SCOPED text = {0};

		wording_chain(&text, &volume->chain);
		made_line(printer, "volume", volume->name, width, buffer_string(&text));
	}
	if (change->domain) {
		BUFFER_SCOPED text = {0};

		wording_domain(&text, change->domain);
		made_line(printer, "domain", change->domain->name, width, buffer_string(&text));
	}
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];

		if (action->verb == verb_volume_grow)
			fprintf(printer->out, "    %s\n", action->text);
	}
	if (change->domain && makes_drive(change)) {
		BUFFER_SCOPED text = {0};

		wording_config(&text, change->domain->config);
		made_line(printer, "config", change->domain->name, width, buffer_string(&text));
	}
}

static void difference_line(
	const struct printer *printer, const struct change *change, uint32_t index, int width)
{
	const struct difference *difference = &change->differences[index];
	const char *place = difference->at ? mark_text(printer->arena, difference->at) : NULL;
	BUFFER_SCOPED text = {0};
	int column = 4 + width + 2;

	wording_difference(&text, difference);
	fprintf(printer->out, "    %-*s  %s", width, wording_path(difference->path), buffer_string(&text));
	column += (int)strlen(buffer_string(&text));
	if (place) {
		pad(printer->out, PLACE_COLUMN - column);
		fputs(place, printer->out);
	}
	bool said = difference->refused && change->reason && strcmp(change->reason, difference->refused) == 0;
	if (difference->refused && !said)
		fprintf(printer->out, "  (%s)", difference->refused);
	else if (!difference->refused && !difference->unknown && !change->difference_allowed[index] &&
		 change->kind != CHANGE_BLOCKED)
		fprintf(printer->out, "  (%s: not allowed)", choice_level[difference->effect]);
	fputc('\n', printer->out);
}

static void difference_lines(const struct printer *printer, const struct change *change)
{
	int width = PATH_WIDTH;

	for (uint32_t i = 0; i < change->difference_count; i++) {
		int length = (int)strlen(wording_path(change->differences[i].path));

		width = length > width ? length : width;
	}
	for (uint32_t i = 0; i < change->difference_count; i++)
		difference_line(printer, change, i, width);
}

/* Does it change what later becomes of the object? That is told whatever else differs. */
static bool decides_its_end(const struct change *change, const struct action *action)
{
	const struct Record *have = change->have ? change->have->mark : NULL;

	if (action->verb == verb_volume_record)
		return true;
	return action->verb == verb_domain_record && have && action->record &&
	       (have->protect != action->record->protect ||
		       !text_equal(have->source, action->record->source));
}

/* What is done about an object besides its fields: it is stopped, or its record is brought up to date. */
static void action_lines(const struct printer *printer, const struct change *change, bool all)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];

		if (all || decides_its_end(change, action))
			fprintf(printer->out, "    %s\n", action->text);
	}
}

bool plan_text_changes(FILE *out, const struct plan_view *view)
{
	ARENA_SCOPED arena = arena_new();
	struct printer printer = {.out = out, .view = view, .arena = arena};
	const struct list *changes = &view->plan->changes;

	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->item[i];

		head_line(&printer, change);
		if (change->kind == CHANGE_CREATE)
			made_lines(&printer, change);
		else if (change->kind != CHANGE_DESTROY) {
			difference_lines(&printer, change);
			action_lines(&printer, change, !change->difference_count);
		}
	}
	return changes->count > 0;
}

void plan_text_summary(FILE *out, const struct summary *summary)
{
	static const struct {
		const char *words;
		enum change_kind kind;
		bool always;
	} parts[] = {
		{"to create", CHANGE_CREATE, true},
		{"live", CHANGE_LIVE, true},
		{"reattach", CHANGE_REATTACH, false},
		{"restart", CHANGE_RESTART, true},
		{"stop", CHANGE_STOP, false},
		{"recreate", CHANGE_RECREATE, true},
		{"to destroy", CHANGE_DESTROY, true},
		{"blocked", CHANGE_BLOCKED, true},
		{"unknown", CHANGE_UNKNOWN, false},
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		uint32_t count = summary->count[parts[i].kind];

		if (count || parts[i].always)
			fprintf(out, "%" PRIu32 " %s, ", count, parts[i].words);
	}
	fprintf(out, "%" PRIu32 " unchanged", summary->unchanged);
}

void plan_text(FILE *out, const struct plan_view *view)
{
	if (plan_text_changes(out, view))
		fputc('\n', out);
	fputs("Plan: ", out);
	plan_text_summary(out, &view->plan->summary);
	fputs(".\n", out);
}
