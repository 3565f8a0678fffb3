/* gc: what of ours nothing wants any more, as a table or as JSON; deleted when told to. What is deleted goes
 * the way of `apply`: the same guards, limits, consent, journal and result, only that the plan is of
 * collecting and not of the manifests' wishes. */
#include "face/apply.h"
#include "face/log.h"
#include "face/plan_print.h"
#include "face/wording.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>

enum { COLUMNS = 6 };

static const char *const kind_words[GARBAGE_KINDS] = {
	[GARBAGE_LEFTOVER] = "left over",
	[GARBAGE_RETAINED] = "retained",
	[GARBAGE_ELSEWHERE] = "elsewhere",
	[GARBAGE_BROKEN] = "broken",
	[GARBAGE_UNLABELLED] = "unlabelled",
};
static const char *const kind_keys[GARBAGE_KINDS] = {
	[GARBAGE_LEFTOVER] = "leftover",
	[GARBAGE_RETAINED] = "retained",
	[GARBAGE_ELSEWHERE] = "elsewhere",
	[GARBAGE_BROKEN] = "broken",
	[GARBAGE_UNLABELLED] = "unlabelled",
};

/* What a volume holds. */
struct holding {
	const char *path;                 /* of its topmost layer; NULL: not known */
	int64_t size, allocated, written; /* of the topmost; of all its own; of the topmost. -1: not known */
};

/* An image is no part of it: others stand on it, too. */
static bool hold(struct holding *holding, const struct LayerFound *layer)
{
	if (text_equal(layer->layer, "image"))
		return false;
	if (KNOWN(layer, LayerFound, path))
		holding->path = layer->path;
	if (KNOWN(layer, LayerFound, size))
		holding->size = layer->size;
	return true;
}

static struct holding holding_of(const struct HaveVolume *volume)
{
	struct holding holding = {.size = -1, .allocated = -1, .written = -1};

	/* what was not found is as the label says; what was, as it is */
	for (uint32_t i = 0; volume->label && i < volume->label->chain.count; i++)
		hold(&holding, volume->label->chain.item[i]);
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];

		if (!hold(&holding, layer))
			continue;
		if (KNOWN(layer, LayerFound, written))
			holding.written = layer->written;
		if (KNOWN(layer, LayerFound, allocated))
			holding.allocated =
				layer->allocated + (holding.allocated < 0 ? 0 : holding.allocated);
	}
	return holding;
}

/* Why it stays, or who deletes it. */
static const char *stays_words(const struct garbage *garbage)
{
	const struct Label *label = garbage->volume->label;

	if (garbage->kept)
		return garbage->kept;
	if (garbage->kind == GARBAGE_LEFTOVER)
		return "--delete deletes it";
	if (label && KNOWN(label, Label, reclaim) && label->reclaim == reclaim_Delete)
		return "reclaim is Delete; `apply` deletes it, or --delete-retained";
	return "reclaim is Retain; --delete-retained deletes it";
}

/* The texts of one line: object, state, size, on disk, written, why. */
static void cells_of(struct arena *arena, const struct garbage *garbage, const char *cells[COLUMNS])
{
	const struct holding holding = holding_of(garbage->volume);
	char text[32];

	cells[0] = garbage->object;
	cells[1] = kind_words[garbage->kind];
	cells[2] = holding.size < 0 ? "-" : arena_text(arena, size_text(holding.size, text));
	cells[3] = holding.allocated < 0 ? "-" : arena_text(arena, wording_size(holding.allocated, text));
	cells[4] = holding.written < 0 ? "-" : arena_text(arena, wording_time(holding.written, text));
	cells[5] = stays_words(garbage);
}

static void print_line(FILE *out, const char *const cells[COLUMNS], const int widths[COLUMNS])
{
	for (int i = 0; i < COLUMNS - 1; i++)
		fprintf(out, i == 2 || i == 3 ? "%*s  " : "%-*s  ", i == 2 || i == 3 ? widths[i] : widths[i],
			cells[i]);
	BUFFER_SCOPED words = {0};
	buffer_escaped(&words, cells[COLUMNS - 1], strlen(cells[COLUMNS - 1]), 1000);
	fprintf(out, "%s\n", buffer_string(&words));
}

/* Which it is and where, below its line. */
static void print_place(FILE *out, const struct garbage *garbage)
{
	const struct holding holding = holding_of(garbage->volume);
	BUFFER_SCOPED path = {0};

	if (holding.path)
		buffer_escaped(&path, holding.path, strlen(holding.path), 4096);
	fprintf(out, "  %s", garbage->volume->uid);
	if (garbage->volume->name && strcmp(garbage->volume->name, wording_name(garbage->object)) != 0)
		fprintf(out, "  named %s", garbage->volume->name);
	fprintf(out, "%s%s\n", path.size ? "  " : "", buffer_string(&path));
}

static void print_sum(FILE *out, const struct list *garbage)
{
	uint32_t counts[GARBAGE_KINDS] = {0};
	int64_t allocated = 0;
	char text[32];

	for (uint32_t i = 0; i < garbage->count; i++) {
		const struct garbage *one = garbage->item[i];
		const struct holding holding = holding_of(one->volume);

		counts[one->kind]++;
		allocated += holding.allocated < 0 ? 0 : holding.allocated;
	}
	fprintf(out, "%" PRIu32 " volume%s that nothing wants", garbage->count,
		garbage->count == 1 ? "" : "s");
	if (allocated)
		fprintf(out, ", %s on disk", wording_size(allocated, text));
	for (int kind = 0; kind < GARBAGE_KINDS; kind++) {
		if (counts[kind])
			fprintf(out, ", %" PRIu32 " %s", counts[kind], kind_words[kind]);
	}
	fputs(".\n", out);
}

static void list_text(FILE *out, struct arena *arena, const struct list *garbage)
{
	static const char *const head[COLUMNS] = {"VOLUME", "STATE", "SIZE", "ON DISK", "WRITTEN", "KEPT"};
	const char *(*lines)[COLUMNS] = arena_alloc(arena, sizeof(*lines) * garbage->count);
	int widths[COLUMNS];

	for (int i = 0; i < COLUMNS; i++)
		widths[i] = (int)strlen(head[i]);
	for (uint32_t i = 0; i < garbage->count; i++) {
		cells_of(arena, garbage->item[i], lines[i]);
		for (int k = 0; k < COLUMNS; k++)
			widths[k] =
				(int)strlen(lines[i][k]) > widths[k] ? (int)strlen(lines[i][k]) : widths[k];
	}
	if (garbage->count)
		print_line(out, head, widths);
	for (uint32_t i = 0; i < garbage->count; i++) {
		print_line(out, lines[i], widths);
		print_place(out, garbage->item[i]);
	}
	if (garbage->count)
		fputc('\n', out);
	print_sum(out, garbage);
}

static void garbage_json(struct json *json, const struct garbage *garbage)
{
	const struct HaveVolume *volume = garbage->volume;
	const struct Label *label = volume->label;
	const struct holding holding = holding_of(volume);
	char text[32];

	json_open_object(json, NULL);
	json_text(json, "object", garbage->object);
	json_text(json, "uid", volume->uid);
	json_text(json, "name", volume->name);
	json_text(json, "kind", kind_keys[garbage->kind]);
	json_text(
		json, "state", KNOWN(volume, HaveVolume, state) ? choice_volume_state[volume->state] : NULL);
	json_bool(json, "deletable", !garbage->kept);
	json_text(json, "reason", stays_words(garbage));
	json_text(json, "reclaim",
		label && KNOWN(label, Label, reclaim) ? choice_reclaim[label->reclaim] : NULL);
	json_text(json, "source", label ? label->source : NULL);
	json_text(json, "domain", label ? label->domain : NULL);
	json_text(json, "path", holding.path);
	json_text(json, "size", holding.size < 0 ? NULL : size_text(holding.size, text));
	json_text(json, "allocated", holding.allocated < 0 ? NULL : size_text(holding.allocated, text));
	json_text(json, "written", holding.written < 0 ? NULL : wording_time(holding.written, text));
	json_close(json, '}');
}

/* garbage NULL: it is not known. */
static void list_json(const struct session *session, const struct list *garbage)
{
	struct json json = json_to_file(stdout, true);

	json_open_object(&json, NULL);
	json_int(&json, "formatVersion", 1);
	if (garbage)
		json_open_array(&json, "volumes");
	else
		json_null(&json, "volumes");
	for (uint32_t i = 0; garbage && i < garbage->count; i++)
		garbage_json(&json, garbage->item[i]);
	if (garbage)
		json_close(&json, ']');
	json_key(&json, "diagnostics");
	report_json(session->report, &json);
	json_close(&json, '}');
	json_end(&json);
}

/* Nothing is said of volumes that could not be seen. */
static bool find_volumes(struct session *session)
{
	if (!session_observe(session))
		return false;
	return session->have->storage_known ||
	       report_error(session->report, NULL, NULL, NULL, "volumes could not be listed: %s",
		       session->have->why_unknown ? session->have->why_unknown
						  : "nothing says which there are");
}

static enum exit_code judge(const struct session *session)
{
	return session->broken ? EXIT_ERROR : EXIT_DONE;
}

/* What is not in the list is there all the same, or is not there at all. */
static bool tell_absent(const struct session *session, const struct list *garbage, const char *name)
{
	const struct list *volumes = &session->have->found->volumes;
	const char **names = arena_array(session->arena, const char *, garbage->count);
	const char *nearest;

	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *volume = volumes->item[i];
		const struct wanted_volume *wanted;

		if (!text_equal(volume->name, name) && !text_equal(volume->uid, name))
			continue;
		wanted = want_volume(session->want, volume->uid);
		return report_error(session->report, wanted ? wanted->at : NULL,
			arena_format(session->arena, "Volume/%s", name),
			wanted ? "gc deletes only what nothing wants: take it out of its manifest first"
			       : "`apply` removes its domain first",
			wanted ? "it is wanted" : "its domain is still there");
	}
	for (uint32_t i = 0; i < garbage->count; i++)
		names[i] = wording_name(((const struct garbage *)garbage->item[i])->object);
	nearest = text_nearest(name, names, garbage->count);
	return report_error(session->report, NULL, arena_format(session->arena, "Volume/%s", name),
		nearest ? arena_format(session->arena, "did you mean '%s'?", nearest)
			: "`gc` lists what may be deleted",
		"there is no such volume");
}

/* The uid of the one volume that is meant; NULL after a diagnostic. */
static const char *uid_named(const struct session *session, const struct list *garbage, const char *name)
{
	const struct garbage *found = NULL;

	for (uint32_t i = 0; i < garbage->count; i++) {
		const struct garbage *one = garbage->item[i];

		if (text_equal(one->volume->uid, name))
			return one->volume->uid;
		if (!text_equal(one->volume->name, name))
			continue;
		if (found) {
			report_error(session->report, NULL, arena_format(session->arena, "Volume/%s", name),
				"say its uid", "several volumes bear this name: %s and %s",
				found->volume->uid, one->volume->uid);
			return NULL;
		}
		found = one;
	}
	if (found)
		return found->volume->uid;
	(void)tell_absent(session, garbage, name);
	return NULL;
}

static struct plan *look(struct session *session, const struct collect_options *collect)
{
	const struct plan_options options = {.collect = collect, .consent = session->options->consent};

	return plan_make(session->want, session->have, &options, session->report);
}

/* The uids of what --delete-retained names; false after diagnostics. */
static bool find_asked(struct session *session, struct collect_options *asked)
{
	const struct options *options = session->options;
	const struct collect_options nothing = {0};
	const char **uids = arena_array(session->arena, const char *, options->retained_count);
	struct plan *plan = look(session, &nothing);
	bool good = true;

	for (size_t i = 0; i < options->retained_count; i++) {
		/* the plan's texts go with it, those of HAVE with the next look */
		const char *uid = uid_named(session, &plan->garbage, options->retained[i]);

		uids[i] = arena_text(session->arena, uid);
		good &= uid != NULL;
	}
	plan_free(plan);
	*asked = (struct collect_options){
		.leftovers = options->delete, .uids = uids, .uid_count = options->retained_count};
	return good;
}

/* What would be done, as `plan` shows it. */
static enum exit_code show(struct session *session, const struct collect_options *asked)
{
	struct plan *plan = look(session, asked);
	const struct plan_view view = {
		.plan = plan,
		.want = session->want,
		.have = session->have,
		.report = session->report,
		.color = session->options->output == OUTPUT_TEXT && log_color(session->options, stdout),
	};
	struct json json = json_to_file(stdout, true);

	if (session->options->output == OUTPUT_JSON) {
		plan_json(&json, NULL, &view);
		json_end(&json);
	} else
		plan_text(stdout, &view);
	command_flush(session->invocation);
	plan_notes(session->options, plan);
	plan_free(plan);
	return judge(session);
}

static enum exit_code list(struct session *session)
{
	const struct collect_options nothing = {0};
	struct plan *plan = look(session, &nothing);

	if (session->options->output == OUTPUT_JSON)
		list_json(session, &plan->garbage);
	else
		list_text(stdout, session->arena, &plan->garbage);
	plan_free(plan);
	return judge(session);
}

static enum exit_code list_unknown(const struct session *session)
{
	if (session->options->output == OUTPUT_JSON)
		list_json(session, NULL);
	return EXIT_ERROR;
}

enum exit_code command_gc(struct invocation *invocation)
{
	SESSION_SCOPED session = session_of(invocation);
	const struct options *options = &invocation->options;
	const bool deletes = options->delete || options->retained_count;
	struct collect_options asked = {0};
	enum exit_code code = EXIT_DONE;

	if (!deletes && options->given & (OPTION(DRY_RUN) | OPTION(CONSENT) | OPTION(TIMEOUT)))
		return command_refuse(invocation,
			"--dry-run, --consent and --timeout go with --delete or --delete-retained");
	code = session_open(&session, deletes && !options->dry_run);
	if (code != EXIT_DONE)
		return deletes ? apply_refuse(&session, code) : code;
	session_load(&session, options->operands, options->operand_count);
	if (!find_volumes(&session))
		return deletes ? apply_refuse(&session, EXIT_ERROR) : list_unknown(&session);
	if (!deletes)
		return list(&session);
	if (!find_asked(&session, &asked))
		return apply_refuse(&session, EXIT_ERROR);
	if (options->dry_run)
		return show(&session, &asked);
	return apply_plan(&session, &(struct plan_options){.collect = &asked, .consent = options->consent});
}
