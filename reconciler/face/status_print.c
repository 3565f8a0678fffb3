/* Conditions come in, a table or JSON goes out. All conditions of an object stand in the JSON, false ones
 * too: a reader need not know which ones there are. For people only those are shown that say something. */
#include "face/status_print.h"
#include "face/wording.h"
#include <inttypes.h>
#include <string.h>

static void status_line(FILE *out, const struct object_status *status, int width, bool color)
{
	static const char *const colors[] = {
		[TRUTH_FALSE] = "\033[31m", [TRUTH_TRUE] = "\033[32m", [TRUTH_UNKNOWN] = "\033[35m"};
	const struct condition *ready = &status->conditions[CONDITION_READY];
	ARENA_SCOPED arena = arena_new();
	char domid[24] = "-";

	if (status->have && KNOWN(status->have, HaveDomain, domid))
		snprintf(domid, sizeof domid, "%" PRId64, status->have->domid);
	fprintf(out, "%-*s  %s%-7s%s  %5s  %s\n", width, status->object, color ? colors[ready->status] : "",
		truth_name[ready->status], color ? "\033[0m" : "", domid, status_words(arena, status));
}

void status_text(FILE *out, const struct list *all, bool color)
{
	int width = (int)strlen("OBJECT");

	for (uint32_t i = 0; i < all->count; i++) {
		int length = (int)strlen(((const struct object_status *)all->item[i])->object);

		width = length > width ? length : width;
	}
	fprintf(out, "%-*s  %-7s  %5s  %s\n", width, "OBJECT", "READY", "DOMID", "STATE");
	for (uint32_t i = 0; i < all->count; i++)
		status_line(out, all->item[i], width, color);
}

void status_text_condition(
	FILE *out, const char *indent, const struct object_status *status, enum condition_kind kind)
{
	const struct condition *condition = &status->conditions[kind];

	fprintf(out, "%s%-15s  %-7s  %s%s%s\n", indent, condition_name[kind], truth_name[condition->status],
		condition->reason, *condition->message ? ": " : "", condition->message);
}

/* Null where it is not known. */
static void time_json(struct json *json, const char *key, int64_t seconds)
{
	char text[32];

	json_text(json, key, seconds ? wording_time(seconds, text) : NULL);
}

static void generation_json(struct json *json, const char *key, int64_t generation)
{
	if (generation)
		json_int(json, key, generation);
	else
		json_null(json, key);
}

void status_json_conditions(
	struct json *json, const char *key, const struct object_status *status, const struct past *past)
{
	json_open_array(json, key);
	for (int kind = 0; kind < CONDITIONS; kind++) {
		const struct condition *condition = &status->conditions[kind];

		json_open_flat_object(json, NULL);
		json_text(json, "type", condition_name[kind]);
		json_text(json, "status", truth_name[condition->status]);
		json_text(json, "reason", condition->reason);
		json_text(json, "message", condition->message);
		time_json(json, "since", past ? past->since[kind] : 0);
		generation_json(json, "observedGeneration", past ? past->observed : 0);
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* What is wanted, in one word: equal where all objects are equal, whatever file or order they came from. */
static void revision_json(struct json *out, const struct want *want)
{
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);
	char revision[7 + 65] = "sha256:";

	json_open_array(&json, NULL);
	for (uint32_t i = 0; i < want->objects.count; i++) {
		const struct object *object = want->objects.item[i];

		if (object->body)
			object_json(&json, NULL, kind_type(object->kind), object->body);
	}
	json_close(&json, ']');
	text_sha256(text.text, text.size, revision + 7);
	json_text(out, "revision", revision);
}

static void deeds_json(struct json *json, const struct past *past)
{
	json_open_array(json, "lastActions");
	for (int i = 0; i < past->deed_count; i++) {
		const struct deed *deed = &past->deeds[i];

		json_open_flat_object(json, NULL);
		json_text(json, "verb", deed->verb);
		json_text(json, "text", deed->text);
		json_text(json, "outcome", deed->failed ? "failed" : "done");
		json_text(json, "message", deed->message);
		time_json(json, "time", deed->time);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void object_status_json(struct json *json, const struct object_status *status, const struct past *past)
{
	json_open_object(json, NULL);
	json_text(json, "object", status->object);
	generation_json(json, "generation", past ? past->generation : 0);
	generation_json(json, "observedGeneration", past ? past->observed : 0);
	status_json_conditions(json, "conditions", status, past);
	if (status->have && KNOWN(status->have, HaveDomain, domid))
		json_int(json, "domid", status->have->domid);
	else
		json_null(json, "domid");
	if (past)
		deeds_json(json, past);
	else
		json_null(json, "lastActions");
	json_close(json, '}');
}

void status_json(struct json *json, const struct status_view *view)
{
	json_open_object(json, NULL);
	json_int(json, "formatVersion", 1);
	json_open_flat_object(json, "source");
	revision_json(json, view->want);
	json_bool(json, "ready", view->want->complete);
	json_close(json, '}');
	if (view->daemon) {
		json_open_object(json, "daemon");
		json_int(json, "pid", view->daemon);
		json_open_array(json, "paths");
		for (uint32_t i = 0; i < view->want->roots.count; i++) {
			const struct source_root *root = view->want->roots.item[i];
			json_text(json, NULL, root->path);
		}
		json_close(json, ']');
		json_close(json, '}');
	}
	json_open_array(json, "objects");
	for (uint32_t i = 0; i < view->all->count; i++) {
		const struct object_status *status = view->all->item[i];

		object_status_json(json, status, history_find(view->history, status->object));
	}
	json_close(json, ']');
	json_close(json, '}');
	json_end(json);
}
