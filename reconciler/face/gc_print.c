/* What `gc` found, as a table and as JSON. What a volume takes on the disk is counted once: a file that lies
 * in a filesystem of its own chain is a part of what carries that. */
#include "face/gc_print.h"
#include "face/wording.h"
#include "model/chain.h"
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
	bool inside = false; /* a filesystem whose own file is counted */

	/* what was not found is as the label says; what was, as it is */
	for (uint32_t i = 0; volume->label && i < volume->label->chain.count; i++)
		hold(&holding, volume->label->chain.item[i]);
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];
		const struct layer_row *row = layer_row_find(layer->layer);

		inside |= row && row->gives == PLACE_DATA && holding.allocated >= 0;
		if (!hold(&holding, layer))
			continue;
		if (KNOWN(layer, LayerFound, written))
			holding.written = layer->written;
		if (KNOWN(layer, LayerFound, allocated) && !inside)
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
		fprintf(out, i == 2 || i == 3 ? "%*s  " : "%-*s  ", widths[i], cells[i]);
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

void gc_text(FILE *out, struct arena *arena, const struct list *garbage)
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

void gc_json(struct json *json, const struct list *garbage)
{
	if (garbage)
		json_open_array(json, "volumes");
	else
		json_null(json, "volumes");
	for (uint32_t i = 0; garbage && i < garbage->count; i++)
		garbage_json(json, garbage->item[i]);
	if (garbage)
		json_close(json, ']');
}

void gc_text_digests(FILE *out, const struct list *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		fprintf(out, "%s%s",
			i ? ", " : "Digests of images that no manifest names (--delete removes them): ",
			(const char *)names->item[i]);
	if (names->count)
		fputs(".\n", out);
}

void gc_json_digests(struct json *json, const struct list *names)
{
	json_open_array(json, "digests");
	for (uint32_t i = 0; i < names->count; i++)
		json_text(json, NULL, names->item[i]);
	json_close(json, ']');
}
