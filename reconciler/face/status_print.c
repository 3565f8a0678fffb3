/* Conditions come in, a table or JSON goes out. All conditions of an object stand in the JSON, false ones
 * too: a reader need not know which ones there are. For people only those are shown that say something. */
#include "face/status_print.h"
#include <inttypes.h>
#include <string.h>

/* What people want to know when an object is not Ready: the first condition that explains it. */
static const struct condition *explanation(const struct object_status *status, const char **name)
{
	static const enum condition_kind order[] = {CONDITION_SUSPENDED, CONDITION_BASE_CHANGED,
		CONDITION_BLOCKED, CONDITION_RESTART_REQUIRED, CONDITION_STALLED};

	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		if (status->conditions[order[i]].status != TRUTH_TRUE)
			continue;
		*name = condition_name[order[i]];
		return &status->conditions[order[i]];
	}
	*name = status->conditions[CONDITION_READY].reason;
	return &status->conditions[CONDITION_READY];
}

static void status_line(FILE *out, const struct object_status *status, int width, bool color)
{
	static const char *const colors[] = {
		[TRUTH_FALSE] = "\033[31m", [TRUTH_TRUE] = "\033[32m", [TRUTH_UNKNOWN] = "\033[35m"};
	const struct condition *ready = &status->conditions[CONDITION_READY];
	const char *name;
	const struct condition *why = explanation(status, &name);
	char domid[24] = "-";

	if (status->have && KNOWN(status->have, HaveDomain, domid))
		snprintf(domid, sizeof domid, "%" PRId64, status->have->domid);
	fprintf(out, "%-*s  %s%-7s%s  %5s  %s", width, status->object, color ? colors[ready->status] : "",
		truth_name[ready->status], color ? "\033[0m" : "", domid, name);
	fprintf(out, "%s%s\n", *why->message ? ": " : "", why->message);
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

void status_json_conditions(struct json *json, const char *key, const struct object_status *status)
{
	json_open_array(json, key);
	for (int kind = 0; kind < CONDITIONS; kind++) {
		const struct condition *condition = &status->conditions[kind];

		json_open_flat_object(json, NULL);
		json_text(json, "type", condition_name[kind]);
		json_text(json, "status", truth_name[condition->status]);
		json_text(json, "reason", condition->reason);
		json_text(json, "message", condition->message);
		json_null(json, "since");
		json_null(json, "observedGeneration");
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

void status_json(struct json *json, const struct want *want, const struct list *all)
{
	json_open_object(json, NULL);
	json_int(json, "formatVersion", 1);
	json_open_flat_object(json, "source");
	revision_json(json, want);
	json_bool(json, "ready", want->complete);
	json_close(json, '}');
	json_open_array(json, "objects");
	for (uint32_t i = 0; i < all->count; i++) {
		const struct object_status *status = all->item[i];

		json_open_object(json, NULL);
		json_text(json, "object", status->object);
		json_null(json, "generation");
		json_null(json, "observedGeneration");
		status_json_conditions(json, "conditions", status);
		if (status->have && KNOWN(status->have, HaveDomain, domid))
			json_int(json, "domid", status->have->domid);
		else
			json_null(json, "domid");
		json_null(json, "lastActions");
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
	json_end(json);
}
