/* A plan for programs (docs/cli.md, "The plan as JSON"): streamed, never built; the order is that of the
 * plan's arrays, which are sorted. `reason` stands beside a change only where something of it will not be
 * done. */
#include "face/plan_print.h"
#include "face/snapshot_json.h"
#include <inttypes.h>

static void action_id(struct json *json, uint32_t id)
{
	char text[16];

	snprintf(text, sizeof text, "a%" PRIu32, id);
	json_text(json, NULL, text);
}

static void host_json(struct json *json, const struct have *have)
{
	const struct HostFacts *host = have->found->host;
	char serial[65];

	snapshot_serial(have, serial);
	json_open_flat_object(json, "host");
	json_text(json, "name", host ? host->name : NULL);
	json_text(json, "driver", host ? host->driver : NULL);
	json_text(json, "serial", serial);
	json_close(json, '}');
}

static void summary_json(struct json *json, const struct summary *summary)
{
	json_open_flat_object(json, "summary");
	for (int kind = 0; kind < CHANGE_UNKNOWN; kind++)
		json_int(json, change_name[kind], summary->count[kind]);
	json_int(json, "unchanged", summary->unchanged);
	json_int(json, change_name[CHANGE_UNKNOWN], summary->count[CHANGE_UNKNOWN]);
	json_close(json, '}');
}

static void side_json(
	struct json *json, const char *key, const struct difference *difference, const void *value)
{
	if (value)
		value_json(json, key, difference->field, value);
	else
		json_null(json, key);
}

void plan_json_difference(struct json *json, const struct difference *difference, bool allowed)
{
	ARENA_SCOPED arena = arena_new();

	json_open_flat_object(json, NULL);
	json_text(json, "path", difference->path);
	side_json(json, "have", difference, difference->have);
	side_json(json, "want", difference, difference->want);
	json_text(json, "effect", choice_level[difference->effect]);
	json_bool(json, "allowed", allowed);
	json_text(json, "at", difference->at ? mark_text(arena, difference->at) : NULL);
	json_close(json, '}');
}

static void change_json(struct json *json, const struct change *change)
{
	bool fields = change->kind != CHANGE_CREATE && change->kind != CHANGE_DESTROY;

	json_open_object(json, NULL);
	json_text(json, "object", change->object);
	json_text(json, "change", change_name[change->kind]);
	json_text(json, "blast", choice_level[change->blast]);
	json_bool(json, "allowed", change->allowed);
	if (change->reason)
		json_text(json, "reason", change->reason);
	json_open_array(json, "fields");
	for (uint32_t i = 0; fields && i < change->difference_count; i++)
		plan_json_difference(json, &change->differences[i], change->difference_allowed[i]);
	json_close(json, ']');
	json_open_flat_array(json, "actions");
	for (uint32_t i = 0; i < change->actions.count; i++)
		action_id(json, ((const struct action *)change->actions.item[i])->id);
	json_close(json, ']');
	json_close(json, '}');
}

void plan_json_actions(struct json *json, const char *key, const struct list *actions)
{
	json_open_array(json, key);
	for (uint32_t i = 0; i < actions->count; i++) {
		const struct action *action = actions->item[i];
		char id[16];

		snprintf(id, sizeof id, "a%" PRIu32, action->id);
		json_open_flat_object(json, NULL);
		json_text(json, "id", id);
		json_text(json, "verb", verb_table[action->verb].verb);
		json_text(json, "object", action->object);
		json_open_array(json, "needs");
		for (uint32_t k = 0; k < action->needs_count; k++)
			action_id(json, action->needs[k]);
		json_close(json, ']');
		json_text(json, "blast", choice_level[action->blast]);
		json_text(json, "text", action->text);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void plan_json(struct json *json, const char *key, const struct plan_view *view)
{
	const struct plan *plan = view->plan;

	json_open_object(json, key);
	json_int(json, "formatVersion", 1);
	host_json(json, view->have);
	json_text(json, "digest", plan->digest);
	summary_json(json, &plan->summary);
	json_open_array(json, "changes");
	for (uint32_t i = 0; i < plan->changes.count; i++)
		change_json(json, plan->changes.item[i]);
	json_close(json, ']');
	plan_json_actions(json, "actions", &plan->actions);
	json_open_array(json, "unmanaged");
	for (uint32_t i = 0; i < plan->unmanaged.count; i++)
		json_text(json, NULL, plan->unmanaged.item[i]);
	json_close(json, ']');
	json_key(json, "diagnostics");
	report_json(view->report, json);
	json_close(json, '}');
}
